"""The operator is killed right after each of its API writes in turn, before it learns of it.

That is the hardest moment: the API server has stored the write and nobody knows. The full form
(`make crash`) plays every index of an undisturbed run, the short form a handful. Each run must come
out as one that nobody disturbed (support/crash_scenario.py).
"""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from support.crash_ground import Ground
from support.faults import Call

AT_A_TIME = 3
"""Runs that go on at the same time; each mostly waits for its containers."""

FEW = (5, 14, 24)
"""Indices of the short form: among the Pods made, the states told, the ends told or asked for."""

UNREACHED = 8
"""At so many indices of the full form nobody need be killed: an operator may save writes (two
changes seen at once are told in one), so the highest of the undisturbed run may not come up."""


@dataclass(frozen=True)
class Result:
    """What came of one run.

    Attributes:
        number: index of the write after which the operator was to be killed.
        write: that write, None when there was none of that index.
        total: number of all writes.
        problem: what was not as expected.
        seconds: how long it took.
    """

    number: int
    write: Call | None
    total: int
    problem: str
    seconds: float

    def __str__(self) -> str:
        after = f"killed after {self.number:2}, {self.write}" if self.write else "not killed"
        end = "DIFFERENT" if self.problem else "same end"
        return f"{after}: {end}, {self.total} writes in all, {self.seconds:.0f} s"


def play(ground: Ground, number: int) -> Result:
    """Play the scenario with a kill after write `number` (0: without)."""
    begun = time.monotonic()
    problem = ""
    with ground.run(f"kill{number}") as run:
        run.proxy.kill_after(number, run.operator.kill)
        try:
            run.play()
            was_killed = 0 < number <= len(run.proxy.writes)
            # One death, by our hand: an operator that ends by itself is a defect, too.
            assert run.operator.exits == [-signal.SIGKILL] * was_killed, run.explain()
        except AssertionError as error:
            problem = str(error)
        writes = run.proxy.writes
        write = writes[number - 1] if 0 < number <= len(writes) else None
        return Result(number, write, len(writes), problem, time.monotonic() - begun)


def test_killed_after_every_write(
    ground: Ground, full: bool, tell: Callable[[object], None]
) -> None:
    undisturbed = play(ground, 0)
    assert not undisturbed.problem, undisturbed.problem
    tell(f"\n{undisturbed}")
    numbers = range(1, undisturbed.total + 1) if full else FEW
    rounds = -(-len(numbers) // AT_A_TIME)
    tell(f"{len(numbers)} runs take about {rounds * undisturbed.seconds / 60 * 1.5:.0f} minutes")
    results = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for result in pool.map(partial(play, ground), numbers):
            tell(f"{result}\n{result.problem}".rstrip())
            results.append(result)
    problems = [str(result) for result in results if result.problem]
    assert not problems, "\n".join(problems)
    assert sum(result.write is None for result in results) <= (UNREACHED if full else 0)
