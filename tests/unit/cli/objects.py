"""Objects and files that several tests use."""

import copy
from typing import Any

RECIPE: dict[str, Any] = {
    "$schema": "https://example.test/schemas/2018-05-01/job.json",
    "properties": {
        "nodeCount": 2,
        "tensorFlowSettings": {
            "parameterServerCount": 1,
            "workerCount": 2,
            "pythonScriptFilePath": "$AZ_BATCHAI_JOB_MOUNT_ROOT/scripts/mnist_replica.py",
            "masterCommandLineArgs": "--job_name=worker --task_index=$AZ_BATCHAI_TASK_INDEX",
            "workerCommandLineArgs": "--job_name=worker --task_index=$AZ_BATCHAI_TASK_INDEX",
            "parameterServerCommandLineArgs": "--job_name=ps",
        },
        "stdOutErrPathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs",
        "outputDirectories": [
            {"id": "MODEL", "pathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs", "pathSuffix": "Models"}
        ],
        "mountVolumes": {
            "azureFileShares": [
                {
                    "azureFileUrl": "https://<AZURE_BATCHAI_STORAGE_ACCOUNT>.file.core.windows.net/logs",
                    "relativeMountPath": "logs",
                }
            ],
            "azureBlobFileSystems": [
                {
                    "accountName": "<AZURE_BATCHAI_STORAGE_ACCOUNT>",
                    "containerName": "data",
                    "relativeMountPath": "data",
                }
            ],
        },
        "containerSettings": {"imageSourceRegistry": {"image": "tensorflow/tensorflow:1.8.0"}},
    },
}

HELLO: dict[str, Any] = {
    "nodeCount": 1,
    "customToolkitSettings": {"commandLine": "echo hi"},
    "stdOutErrPathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs",
}

SEGMENT = "00000000-0000-0000-0000-000000000000/team/workspaces/w/experiments/e/jobs/j/uuid"


def cluster(name: str = "nc6") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "workspace": "w",
            "vmSize": "STANDARD_NC6",
            "vmPriority": "dedicated",
            "scaleSettings": {"manual": {"targetNodeCount": 2}},
        },
        "status": {
            "allocationState": "steady",
            "provisioningState": "succeeded",
            "currentNodeCount": 2,
            "nodeStateCounts": {
                "idleNodeCount": 1,
                "runningNodeCount": 1,
                "preparingNodeCount": 0,
                "leavingNodeCount": 0,
                "unusableNodeCount": 0,
            },
        },
    }


def job(name: str, state: str | None = None, **info: Any) -> dict[str, Any]:
    status: dict[str, Any] = {}
    if state:
        status = {
            "executionState": state,
            "provisioningState": "succeeded",
            "jobOutputDirectoryPathSegment": SEGMENT,
            "toolType": "custom",
            "creationTime": "2026-11-24T04:00:00.000Z",
            "conditions": [],
        }
    if info:
        status["executionInfo"] = info
    return {
        "metadata": {"name": name},
        "spec": {
            "name": name,
            "workspace": "default",
            "experiment": "default",
            "cluster": {"id": "nc6"},
            **copy.deepcopy(HELLO),
        },
        "status": status,
    }


def pod(owner: dict[str, Any], index: int = 0, *, running: bool = True) -> dict[str, Any]:
    state = {"running": {}} if running else {"terminated": {"exitCode": 0}}
    return {
        "metadata": {
            "name": f"{owner['metadata']['name']}-{index}",
            "labels": {
                "batchai.dev/job-uid": owner["metadata"]["uid"],
                "batchai.dev/component": "node",
                "batchai.dev/node-index": str(index),
                "batchai.dev/attempt": "1",
            },
        },
        "spec": {"initContainers": [{"name": "batchai-sidecar", "image": "r/launcher:7"}]},
        "status": {
            "phase": "Running" if running else "Succeeded",
            "initContainerStatuses": [{"name": "batchai-sidecar", "state": state}],
        },
    }
