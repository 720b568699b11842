"""The status of a cluster: nodes by state, and what does not fit."""

import pytest

from batchai_operator.planner.clusters.cluster import plan_cluster
from batchai_operator.planner.facts import ClusterFacts
from support.planning import NOW, SETTINGS, a_cluster, a_job

AUTO = {"autoScale": {"minimumNodeCount": 1, "maximumNodeCount": 4}}

COUNTERS = {
    "appInsightsReference": {
        "component": {
            "id": "/subscriptions/s/resourceGroups/g/providers/microsoft.insights/components/c"
        },
        "secretKeyRef": {"name": "insights", "key": "key"},
    }
}


def manual(option):
    return {"manual": {"targetNodeCount": 1, "nodeDeallocationOption": option}}


def jobs(*nodes):
    return tuple(
        a_job(f"j{n}", nodeCount=count, status={"executionState": "running"})
        for n, count in enumerate(nodes)
    )


def plan(cluster, *nodes):
    return plan_cluster(ClusterFacts(cluster, jobs(*nodes), SETTINGS, NOW))


@pytest.mark.parametrize(
    ("cluster", "nodes", "state", "current", "counts"),
    [
        (a_cluster(2), (), "steady", 2, (2, 0, 0)),
        (a_cluster(2), (1,), "steady", 2, (1, 1, 0)),
        (a_cluster(2), (1, 1), "steady", 2, (0, 2, 0)),
        (a_cluster(0), (), "steady", 0, (0, 0, 0)),
        (a_cluster(1), (3,), "resizing", 3, (0, 1, 2)),
        (a_cluster(scaleSettings=AUTO), (), "steady", 1, (1, 0, 0)),
        (a_cluster(scaleSettings=AUTO), (3,), "steady", 3, (0, 3, 0)),
        (a_cluster(scaleSettings=None), (), "steady", 0, (0, 0, 0)),
    ],
)
def test_nodes(cluster, nodes, state, current, counts):
    status = plan(cluster, *nodes).status
    assert status["allocationState"] == state
    assert status["currentNodeCount"] == current
    found = status["nodeStateCounts"]
    assert (found["idleNodeCount"], found["runningNodeCount"], found["leavingNodeCount"]) == counts
    assert set(found) == {
        f"{name}NodeCount" for name in ("idle", "running", "preparing", "unusable", "leaving")
    }
    assert status["conditions"][0]["status"] == ("True" if state == "steady" else "False")


def test_a_queued_job_holds_no_node():
    queued = a_job("q", nodeCount=2, status={"executionState": "queued"})
    status = plan_cluster(ClusterFacts(a_cluster(2), (queued,), SETTINGS, NOW)).status
    assert status["nodeStateCounts"]["idleNodeCount"] == 2


def test_nothing_changes_twice():
    cluster = a_cluster(2)
    cluster["status"] = plan(cluster, 1).status
    again = plan(cluster, 1)
    assert (again.status, again.events, again.requeue_after) == (None, (), None)


def test_a_setup_task_that_is_not_run_is_told():
    setup = {"setupTask": {"commandLine": "x", "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/x"}}
    status = plan(a_cluster(1, nodeSetup=setup)).status
    assert status["conditions"][1]["type"] == "SetupTaskSkipped"


@pytest.mark.parametrize(
    ("changes", "nodes", "told"),
    [
        ({}, (), ""),
        ({"vmPriority": "LowPriority"}, (), "vmPriority lowpriority"),
        ({"nodeSetup": {"performanceCountersSettings": COUNTERS}}, (), "performanceCountersSett"),
        ({"scaleSettings": manual("terminate")}, (), "nodeDeallocationOption terminate"),
        ({"scaleSettings": manual("requeue")}, (1,), ""),
        ({"scaleSettings": manual("requeue")}, (2,), "nodeDeallocationOption requeue"),
        ({"scaleSettings": manual("waitforjobcompletion")}, (2,), ""),
    ],
)
def test_settings_without_effect_are_told(changes, nodes, told):
    found = plan(a_cluster(1, **changes), *nodes).status["conditions"]
    messages = [each["message"] for each in found if each["type"] == "SettingsIgnored"]
    assert len(messages) == bool(told)
    assert told in "".join(messages)


def test_a_cluster_that_makes_no_sense():
    answer = plan(a_cluster(1, scaleSettings={}))
    assert answer.status["provisioningState"] == "failed"
    assert "scaleSettings" in answer.status["message"]
    assert answer.events[0].type == "Warning"
