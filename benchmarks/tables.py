"""Results as Markdown that can go into docs/performance.md as they are.

Used by all benchmarks. A figure is the minimum, median and maximum of its samples; a ratio is that
of two medians of the same run, because only what was measured side by side can be compared.
"""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batchai_devcluster import pins


@dataclass(frozen=True)
class Row:
    """One thing that was measured.

    Attributes:
        name: what it is.
        samples: the figures.
        unit: of the figures.
        base: figures of what it is compared with; none without.
        aim: what the project wants; empty without.
    """

    name: str
    samples: Sequence[float]
    unit: str = ""
    base: Sequence[float] = ()
    aim: str = ""


def show(title: str, rows: Sequence[Row], *, ratio: str = "ratio", note: str = "") -> None:
    """Print a table."""
    print(f"\n### {title}\n")
    if note:
        print(f"{note}\n")
    print(f"| | min | median | max | {ratio} | aim |\n| --- | ---: | ---: | ---: | ---: | --- |")
    for row in rows:
        low, middle, high = min(row.samples), statistics.median(row.samples), max(row.samples)
        shared = f"{middle / statistics.median(row.base):.2f}" if row.base else ""
        name = f"{row.name}, {row.unit}" if row.unit else row.name
        print(
            f"| {name} | {number(low)} | {number(middle)} | {number(high)} | {shared} | {row.aim} |"
        )
    print(flush=True)


def number(value: float) -> str:
    """Return a figure with three significant digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def machine() -> str:
    """Return one line about this machine, now."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} processors ({model}), "
        f"{memory:.0f} GiB; Kubernetes {pins.KUBERNETES}, one machine for all of it; "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
