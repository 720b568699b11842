"""What a user's machine learns from a job's Pods, having no settings of the operator."""

from batchai_operator.engine.podfacts import reader_settings
from batchai_operator.settings import Settings

from .objects import job, pod


def test_the_endpoint_of_blob_storage_is_learnt_from_the_jobs_pods():
    thing = pod(job("hello") | {"metadata": {"name": "hello", "uid": "u"}})
    attributes = {"containerName": "data", "server": "http://azurite:10000/batchaidev"}
    thing["spec"]["volumes"] = [
        {"name": "share", "csi": {"volumeAttributes": {"shareName": "logs", "server": "other"}}},
        {"name": "blob", "csi": {"volumeAttributes": attributes}},
    ]
    settings = reader_settings(Settings(), [thing], ["batchaidev"])
    assert settings.blob_endpoint == "http://azurite:10000/{account}"
