"""What a job's Pods are made of, and what is refused before a job queues."""

import pytest

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.job import JobSpec
from batchai_operator.planner.pods.build import check_supported
from support.planning import SETTINGS, a_job


def check(image, server):
    registry = {"image": image} | ({"serverUrl": server} if server else {})
    job = a_job(containerSettings={"imageSourceRegistry": registry})
    check_supported(job, JobSpec.model_validate(job["spec"]), None, SETTINGS)


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("mine", None),
        ("demo.azurecr.io/mine", None),
        ("demo.azurecr.io/mine:1", "demo.azurecr.io"),
        ("demo.azurecr.io/team/mine@sha256:00", "https://Demo.azurecr.io/"),
        ("registry:5000/mine", "http://registry:5000"),
        ("localhost/mine", "localhost"),
        ("mine", "docker.io"),
        ("me/mine", "https://index.docker.io/v1/"),
        ("docker.io/me/mine", "index.docker.io"),
    ],
)
def test_an_image_of_the_registry_named_is_taken(image, server):
    check(image, server)


@pytest.mark.parametrize(
    ("image", "server", "remedy"),
    [
        ("mine", "demo.azurecr.io", "write demo.azurecr.io/mine,"),
        ("team/mine:1", "https://demo.azurecr.io/", "write demo.azurecr.io/team/mine:1,"),
        ("other.azurecr.io/mine", "demo.azurecr.io", "write demo.azurecr.io/mine,"),
        ("demo.azurecr.io.example.test/mine", "demo.azurecr.io", "write demo.azurecr.io/mine,"),
        ("demo.azurecr.io/mine", "docker.io", "write docker.io/mine,"),
    ],
)
def test_an_image_of_another_registry_is_refused(image, server, remedy):
    with pytest.raises(InvalidSpecError, match=r"imageSourceRegistry\.image") as refusal:
        check(image, server)
    assert remedy in str(refusal.value)
