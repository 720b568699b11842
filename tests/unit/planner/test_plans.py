"""Golden plans: tests/data/plans/README.md tells how a case is made."""

import copy
from pathlib import Path

import pytest
import yaml

from batchai_operator.planner.jobs.job import plan_job
from support.planning import carry_out, facts_from, plan_as_data

PLANS = Path(__file__).parents[2] / "data" / "plans"
CASES = sorted(path.parent.name for path in PLANS.glob("*/input.yaml"))


class _Dumper(yaml.SafeDumper):
    """Repeats equal objects instead of writing anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's own signature
        return True


def test_there_are_cases():
    assert len(CASES) >= 8


@pytest.mark.parametrize("case", CASES)
def test_plan_is_as_expected(case, update_data):
    raw = yaml.safe_load((PLANS / case / "input.yaml").read_text())
    data = plan_as_data(plan_job(facts_from(raw)))
    expected = PLANS / case / "expected.yaml"
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    if update_data:
        expected.write_text(text)
    assert yaml.safe_load(text) == yaml.safe_load(expected.read_text())


@pytest.mark.parametrize("case", CASES)
def test_planning_is_pure_and_settles(case):
    raw = yaml.safe_load((PLANS / case / "input.yaml").read_text())
    facts = facts_from(raw)
    before = copy.deepcopy(facts)
    first = plan_job(facts)
    assert plan_job(facts) == first
    assert facts == before, "the planner changed its facts"
    second = plan_job(carry_out(facts, first))
    assert second.status is None
    assert second.create == ()
    assert second.events == ()
