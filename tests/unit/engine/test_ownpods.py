"""Pods for people's files: waited for as long as it may help, removed even under a kill."""

import asyncio

import pytest

from batchai_operator.engine.files import ownpods
from batchai_operator.engine.files.ownpods import OwnPod, StartError
from batchai_operator.engine.ports import EVENTS, PODS
from batchai_operator.errors import InvalidSpecError, UnavailableError

from .fakes import FakeStore

RUNNING = {"containerStatuses": [{"name": "batchai-sidecar", "state": {"running": {}}}]}
DENIED = 'MountVolume.SetUp failed for volume "data": mount error(13): Permission denied'
UNREACHABLE = 'MountVolume.SetUp failed for volume "data": mount error(113): No route to host'
DRIVER = "smb.csi.k8s.io"


def a_pod(**status):
    volumes = [{"name": "data", "csi": {"driver": DRIVER}}]
    labels = {"batchai.dev/component": "reader", "app.kubernetes.io/managed-by": "batchai-operator"}
    metadata = {"name": "reader", "namespace": "ns", "labels": labels}
    return {"metadata": metadata, "spec": {"volumes": volumes}, "status": status}


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr(ownpods, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(ownpods, "_LOOKS_PER_WARNING", 1)
    return FakeStore()


def warn(store, message, *, count=1, reason="FailedMount"):
    """Have kubelet say something about the Pod."""
    event = {"reason": reason, "message": message, "count": count, "type": "Warning"}
    metadata = {"name": f"e{count}", "namespace": "ns"}
    store.put(EVENTS, {"metadata": metadata, "lastTimestamp": "2026-11-24T04:00:00Z", **event})


async def test_a_kill_during_the_removal_waits_for_it(store):
    reader = OwnPod(store, lambda _: None)
    await reader.make(a_pod(**RUNNING))
    closing = asyncio.ensure_future(reader.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert store.all(PODS) == []


async def test_a_mount_that_cannot_succeed_is_given_up_when_said_three_times(store):
    warn(store, DENIED, count=3)
    with pytest.raises(InvalidSpecError, match=r"SMB server refuses.*mount error\(13\)"):
        await OwnPod(store, lambda _: None).make(a_pod(phase="Pending"))
    assert store.all(PODS) == [], "what did not start is not left behind"


async def test_a_secret_may_come_a_moment_after_the_pod(store, monkeypatch):
    warn(store, 'MountVolume.SetUp failed for volume "data": secrets "s" not found')
    said, looks, ask = [], [], store.list

    async def heal(*args, **selectors):
        looks.append(args)
        if len(looks) == 2:
            store.put(PODS, a_pod(**RUNNING))
        return await ask(*args, **selectors)

    monkeypatch.setattr(store, "list", heal)
    await OwnPod(store, said.append).make(a_pod(phase="Pending"))
    assert len(looks) >= 2
    assert said == [], "what is over at once is not worth a word"


async def test_a_mount_error_is_told_once_on_one_line_with_what_can_be_done(store):
    warn(store, DENIED.replace(": mount", ":\nOutput:\n  mount"), count=3)
    said = []
    with pytest.raises(InvalidSpecError) as told:
        await OwnPod(store, said.append).make(a_pod(phase="Pending"))
    assert not [text for text in said if "mount error" in text]
    assert str(told.value) == (
        "Pod reader cannot mount a volume: the SMB server refuses the user name and password in "
        'the Secret: FailedMount: MountVolume.SetUp failed for volume "data": Output: '
        "mount error(13): Permission denied"
    )


async def test_a_mount_that_may_succeed_is_waited_for_aloud(store, monkeypatch):
    monkeypatch.setattr(ownpods, "START_SECONDS", 0.05)
    warn(store, UNREACHABLE, count=9)
    said = []
    remedy = "the SMB server cannot be reached from the Kubernetes nodes"
    with pytest.raises(StartError) as told:
        await OwnPod(store, said.append).make(a_pod(phase="Pending"))
    assert str(told.value) == f"Pod reader does not start: {remedy}: FailedMount: {UNREACHABLE}"
    assert [text for text in said if not text.startswith("Pod reader starts")] == [
        f"A volume is waited for: {remedy}"
    ]


async def test_what_an_image_registry_says_is_no_mount_error(store, monkeypatch):
    monkeypatch.setattr(ownpods, "START_SECONDS", 0.05)
    warn(store, "rpc error: code = PermissionDenied", count=9, reason="Failed")
    with pytest.raises(StartError, match="does not start: Failed: rpc error"):
        await OwnPod(store, lambda _: None).make(a_pod(phase="Pending"))


async def test_a_summary_does_not_hide_the_mount_error(store):
    warn(store, DENIED, count=3)
    summary = "Unable to attach or mount volumes: unmounted volumes=[data]"
    event = {"reason": "FailedMount", "message": summary, "type": "Warning"}
    when = {"lastTimestamp": "2026-11-24T04:00:09Z"}
    store.put(EVENTS, {"metadata": {"name": "z", "namespace": "ns"}, **when, **event})
    with pytest.raises(InvalidSpecError, match=r"mount error\(13\)"):
        await OwnPod(store, lambda _: None).make(a_pod(phase="Pending"))


async def test_a_pod_that_kubelet_ended_may_be_tried_anew_and_no_other(store):
    with pytest.raises(UnavailableError, match="ended: Evicted") as told:
        await OwnPod(store, lambda _: None).make(a_pod(phase="Failed", reason="Evicted"))
    assert not isinstance(told.value, StartError)
    broken = [{"name": "batchai-sidecar", "state": {"terminated": {"reason": "StartError"}}}]
    with pytest.raises(StartError, match="ended: StartError"):
        await OwnPod(store, lambda _: None).make(a_pod(phase="Failed", containerStatuses=broken))
