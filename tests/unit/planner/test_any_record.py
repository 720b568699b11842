"""Whatever stands in a termination message: reading it does not fail; an object can carry it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchai_operator.planner.jobs.job import plan_job
from batchai_operator.planner.jobs.records import Verdict, parse_record
from support.planning import a_record, carry_out, ended, facts, running, with_pods

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=20),
        st.sampled_from(["succeeded", "taskFailed", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "outcome",
                    "message",
                    "node",
                    "job",
                    "tasks",
                    "endedAt",
                    "exitCode",
                    "task",
                    "name",
                ]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)
MESSAGES = st.one_of(
    st.text(st.characters(), max_size=200),
    st.dictionaries(
        st.sampled_from(["outcome", "message", "node", "job", "tasks", "endedAt", "exitCode"]),
        JSON,
    ).map(json.dumps),
    JSON.map(lambda changes: json.dumps({**a_record("taskFailed"), "job": changes})),
    st.text(max_size=50).map(lambda text: json.dumps(a_record("taskFailed", code=3))[: -len(text)]),
)


def check(message: str) -> None:
    now = with_pods(carry_out(facts()), all=running())
    for code in (0, 3):
        after = carry_out(with_pods(now, all=ended(message, code=code)))
        status = after.job["status"]
        assert status["executionState"] in {"succeeded", "failed"}
        # What the API server would change on its way would be written again for ever.
        assert json.loads(json.dumps(status, ensure_ascii=False).encode()) == status
        assert abs(status.get("executionInfo", {}).get("exitCode", 0)) < 2**31
        assert plan_job(after).status is None


@settings(max_examples=400, deadline=None, derandomize=True)
@given(MESSAGES)
def test_any_message_ends_a_job(message: str) -> None:
    check(message)


@pytest.mark.parametrize(
    "message",
    [
        '{"outcome":' + "[" * 4000,
        '{"outcome":"taskFailed","message":"\\ud800"}',
        '{"outcome":"\\udfff","job":{"outcome":"taskFailed","task":"\\ud800","exitCode":3}}',
        '{"outcome":"taskFailed","job":{"outcome":"taskFailed","exitCode":1' + "0" * 4000 + "}}",
        '{"outcome":"taskFailed","endedAt":"0001-01-01T00:00:00+23:59"}',
        '{"outcome":"taskFailed","endedAt":"9999-12-31T23:59:59-23:59"}',
    ],
    ids=["deep", "half a pair", "halves", "long number", "before time", "after time"],
)
def test_what_once_broke_it(message: str) -> None:
    check(message)


def test_a_number_that_no_status_can_hold_is_as_good_as_absent() -> None:
    record = parse_record('{"outcome":"x","node":4294967296,"job":{"outcome":"y"}}', 3)
    assert record is not None
    assert (record.own, record.job) == (Verdict("x", 3), Verdict("y", 0))
