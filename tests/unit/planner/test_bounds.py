"""What no kernel and no API server would take is refused with field, size and remedy."""

from typing import Any

import pytest

from batchai_operator.engine.reconcile.lookups import _secret_facts
from batchai_operator.planner.jobs.job import plan_job
from support.planning import ACCOUNT, ACCOUNT_SECRET, a_job, facts


def refusal(**spec: Any) -> str:
    plan = plan_job(facts(a_job(**spec)))
    assert plan.create == ()
    assert plan.status is not None
    return str(plan.status["executionInfo"]["errors"])


def variables(*values: str) -> list[dict[str, str]]:
    return [{"name": f"V{index}", "value": value} for index, value in enumerate(values)]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"environmentVariables": variables("\u00e4" * 70_000)},
            ("environmentVariables[0].value", "140000 bytes", "file"),
        ),
        (
            # Two hundred and fifty-five doublings: nobody may even try to make that text.
            {"environmentVariables": variables("xx", *(f"$V{n}$V{n}" for n in range(255)))},
            ("environmentVariables[16].value", "131072 bytes", "file"),
        ),
        (
            {"environmentVariables": variables(*["$" * 60_000] * 13)},
            ("environmentVariables[0].value", "1400000 at most", "files on a volume"),
        ),
        (
            {
                "environmentVariables": variables("x" * 100_000),
                "inputDirectories": [{"id": "A", "path": "$V0$V0"}],
            },
            ("inputDirectories[0].path", "200000 bytes"),
        ),
        (
            {
                "environmentVariables": variables("x" * 100_000),
                "outputDirectories": [{"id": "A", "pathPrefix": "/$V0$V0"}],
            },
            ("outputDirectories[0].pathPrefix", "200001 bytes"),
        ),
        (
            {
                "customToolkitSettings": {"commandLine": "\U0001f600" * 16_000},
                "jobPreparation": {"commandLine": "\U0001f600" * 15_000},
            },
            ("customToolkitSettings", "120000 at most", "script"),
        ),
    ],
    ids=["value", "doubling", "object", "input", "prefix", "plan"],
)
def test_what_is_too_long_is_refused(spec: dict[str, Any], words: tuple[str, ...]) -> None:
    said = refusal(**spec)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("value", "words"),
    [("c3Nz" * 50_000, "150000 bytes"), ("//4=", "no text"), ("YQBi", "no text")],
)
def test_a_secret_that_is_no_variable_ends_the_job(value: str, words: str) -> None:
    reference = {"name": "s", "key": "k"}
    job = a_job(secrets=[{"name": "S", "secretKeyRef": reference}])
    found = _secret_facts({"metadata": {"name": "s"}, "data": {"k": value}})
    plan = plan_job(facts(job, secrets={ACCOUNT_SECRET: ACCOUNT, "s": found}))
    assert plan.create == ()
    assert plan.status is not None
    said = str(plan.status["executionInfo"]["errors"])
    assert "secrets[0].secretKeyRef.key" in said
    assert words in said
