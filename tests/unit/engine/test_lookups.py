"""What nodes of a VM size can give, whatever state some are in and however it is spelled."""

import pytest

from batchai_operator.engine.ports import NODES
from batchai_operator.engine.reconcile.lookups import Lookups
from batchai_operator.planner.facts import NodeCapacity
from batchai_operator.planner.jobs.job import plan_job
from support.planning import a_cluster, a_job, facts
from unit.engine.fakes import FakeClock, FakeStore

GPU = "nvidia.com/gpu"
NOT_READY = {"conditions": [{"type": "Ready", "status": "False"}]}


def a_node(store, name, *, size="Standard_NC4as_T4_v3", gpus="1", cpu="4", status=None, **spec):
    labels = {"node.kubernetes.io/instance-type": size}
    allocatable = {"cpu": cpu, "memory": "28Gi"} | ({GPU: gpus} if gpus else {})
    metadata = {"name": name, "labels": labels}
    whole = {"metadata": metadata, "spec": spec}
    store.put(NODES, {**whole, "status": {"allocatable": allocatable, **(status or {})}})


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def capacity(store):
    async def ask(size):
        return await Lookups(store, GPU, FakeClock(), reads_nodes=True).capacity(size)

    return ask


@pytest.mark.parametrize("written", ["Standard_NC4as_T4_v3", "STANDARD_NC4AS_T4_V3"])
async def test_the_letter_case_of_the_size_does_not_matter(store, capacity, written):
    a_node(store, "other", size="Standard_D2")
    a_node(store, "a")
    found = await capacity(written)
    assert found == NodeCapacity("4", "28Gi", 1, "Standard_NC4as_T4_v3")
    plan = plan_job(facts(a_job(), cluster=a_cluster(vm_size=written), capacity=found))
    selector = plan.create[-1]["spec"]["nodeSelector"]
    assert selector == {"node.kubernetes.io/instance-type": "Standard_NC4as_T4_v3"}


async def test_a_node_that_takes_no_pods_does_not_count(store, capacity):
    a_node(store, "a", cpu="4")
    a_node(store, "broken", cpu="1", status=NOT_READY)
    a_node(store, "cordoned", cpu="1", unschedulable=True)
    found = await capacity("Standard_NC4as_T4_v3")
    assert found is not None
    assert found.cpu == "4"


async def test_nodes_that_all_take_no_pods_still_say_what_the_size_has(store, capacity):
    a_node(store, "broken", status=NOT_READY)
    assert await capacity("Standard_NC4as_T4_v3") is not None


async def test_a_node_without_its_gpus_takes_them_from_no_job(store, capacity):
    a_node(store, "a")
    a_node(store, "just-joined", gpus=None)
    found = await capacity("Standard_NC4as_T4_v3")
    assert found is not None
    assert found.gpus == 1


def test_a_size_that_has_gpus_is_asked_for_them_though_no_node_has_announced_any():
    capacity = NodeCapacity("6", "56Gi", 0, "Standard_NC6")
    plan = plan_job(facts(a_job(), cluster=a_cluster(vm_size="NC6_is_STANDARD_NC6"), capacity=None))
    assert not plan.create, "a size that nobody knows waits"
    plan = plan_job(facts(a_job(), cluster=a_cluster(vm_size="Standard_NC6"), capacity=capacity))
    (container,) = plan.create[-1]["spec"]["containers"]
    assert container["resources"]["limits"] == {GPU: "1"}
