"""What becomes of a job's texts between planner and program: kubelet's part, and a run of it.

Used by the tests of texts. `as_kubelet_does` is Kubernetes' own rule for `$` in variables;
`run_on_loopback` starts the real launcher with the planner's plan, without Kubernetes.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchai_operator.names import JOB_CONTAINER, LS_ROOT
from batchai_operator.planner.facts import SecretFacts
from batchai_operator.planner.jobs.job import plan_job
from support.planning import ACCOUNT, ACCOUNT_SECRET, facts

SHOW = "cat /proc/$$/environ /proc/$$/cmdline\nexit\n"
"""First lines of a command line that prints what its shell was started with; the rest is not read.

The environment as the kernel has it, then the command line, each text ended by NUL.
"""

_KUBERNETES = re.compile(r"\$(\$|\([^)]*\))?")


def as_kubelet_does(text: str, variables: Mapping[str, str]) -> str:
    """Return the value of a variable as a container gets it: `$$` is `$`, `$(X)` is X's value."""

    def one(found: re.Match[str]) -> str:
        word = found.group(1) or ""
        if word == "$":
            return "$"
        return variables.get(word[1:-1], found.group(0)) if word else found.group(0)

    return _KUBERNETES.sub(one, text)


def handed_over(job: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which kubelet would start the launcher of a job of one node."""
    keys = frozenset(s["secretKeyRef"]["key"] for s in job["spec"]["secrets"]) | ACCOUNT.keys
    there = {ACCOUNT_SECRET: SecretFacts(ACCOUNT_SECRET, keys, "acct")}
    plan = plan_job(facts(job, secrets=there))
    assert plan.create, plan.status
    (pod,) = plan.create
    (container,) = (c for c in pod["spec"]["containers"] if c["name"] == JOB_CONTAINER)
    given: dict[str, str] = {}
    for entry in container["env"]:
        if "value" in entry:
            given[entry["name"]] = as_kubelet_does(entry["value"], given)
        elif entry["name"] in secrets:
            given[entry["name"]] = secrets[entry["name"]]
    return given


def run_on_loopback(launcher: Path, folder: Path, given: Mapping[str, str]) -> list[bytes]:
    """Run the launcher as a job's first process and return the texts that `SHOW` prints."""
    for name in (".batchai", "dev"):
        (folder / name).mkdir(parents=True)
    plan = json.loads(given["BATCHAI_PLAN"].replace(LS_ROOT, str(folder / "root")))
    # Here is no sidecar that would take the output, and none is waited for.
    plan["logs"]["patienceSeconds"] = 0
    environment = {
        **{name: value.encode() for name, value in given.items()},
        "BATCHAI_PLAN": json.dumps(plan, ensure_ascii=False).encode(),
        "BATCHAI_TIMING": b"catchUp=1ms",
        "BATCHAI_ROOT": os.fsencode(folder),
    }
    done = subprocess.run(
        [str(launcher), "run"],
        env={name.encode(): os.fsencode(value) for name, value in environment.items()},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(b"\0")


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Return a value as the reference has it: `$NAME`, `${NAME}` of known ones replaced."""
    return re.sub(
        r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))",
        lambda found: known.get(found.group(1) or found.group(2), found.group(0)),
        text,
    )
