"""(c) A real node: from the creation of a job to the first line of the user's program.

Against a bare Pod with the same image and the same volumes, in turns. The program tells the time
itself; nodes and benchmark share a clock.
"""

import time
from pathlib import Path

from benchmarks import real
from benchmarks.stage import Stage
from benchmarks.tables import Row, show

ROUNDS = 8
_TIME = "date +%s.%N"


async def run(stage: Stage) -> None:
    """Measure and print."""
    jobs, pods = [], []
    async with real.place(stage) as place:
        like = await place.pod_of("warm")
        for number in range(ROUNDS):
            began = time.time()
            await place.create_job(f"j{number}", _TIME)
            await place.reach(f"j{number}", "succeeded")
            jobs.append(_stamp(await place.log_of(f"j{number}")) - began)
            file = place.share / f"{place.namespace}-p{number}"
            began = time.time()
            await place.create_pod(like, f"p{number}", f"{_TIME} > /share/{file.name}")
            await place.until_pod_ended(f"p{number}")
            pods.append(_stamp(file) - began)
            file.unlink()
    more = [job - pod for job, pod in zip(jobs, pods, strict=True)]
    rows = [
        Row("bare Pod", pods, "s", pods),
        Row("job", jobs, "s", pods),
        Row("more", more, "s", aim="0.5"),
    ]
    show("c. Created to the program's first line, on a real node", rows, ratio="of bare Pod")


def _stamp(file: Path) -> float:
    return float(file.read_text().split()[0])
