"""A running job that is suspended waits in the queue again, goes on, and may be suspended again."""

from support.objects import a_job
from support.scene import Scene


def test_a_job_is_suspended_twice(scene: Scene) -> None:
    scene.submit(a_job("pausing", scene.namespace, "sleep 900"))

    def suspend(*, wish: bool) -> None:
        scene.api.patch("batchaijobs", "pausing", scene.namespace, {"spec": {"suspend": wish}})

    for attempt in (1, 2):
        scene.wait("pausing", "running", seconds=180)
        (pod,) = scene.wait_until_job_runs("pausing", seconds=180)
        assert pod["metadata"]["labels"]["batchai.dev/attempt"] == str(attempt)
        suspend(wish=True)
        scene.wait("pausing", "queued", seconds=180)
        scene.until(lambda: not scene.pods("pausing"), 180, "the Pod to be gone", "pausing")
        if attempt == 1:
            suspend(wish=False)
    # What is told a second time in the same words is counted, and fills no list.
    fields = "involvedObject.name=pausing,involvedObject.kind=BatchAIJob"
    scene.until(
        lambda: any(
            event["count"] == 2
            for event in scene.api.list("events", scene.namespace, fields=fields)
        ),
        60,
        "an Event that was counted up",
        "pausing",
    )
