"""The vocabulary: every word that two rooms, or we and the outside world, must agree on.

Everybody imports it; it imports nothing. A word that only one module knows stays there.
"""

GROUP = "batchai.dev"
"""API group of all our kinds."""

VERSION = "v1"
"""API version; the retired service's API is frozen by history, so there is no beta."""

API_VERSION = f"{GROUP}/{VERSION}"
"""`apiVersion` of all our objects."""

JOB_KIND, JOB_PLURAL = "BatchAIJob", "batchaijobs"
"""A Batch AI job: kind and plural."""

CLUSTER_KIND, CLUSTER_PLURAL = "BatchAICluster", "batchaiclusters"
"""A Batch AI cluster: kind and plural."""

FILE_SERVER_KIND, FILE_SERVER_PLURAL = "BatchAIFileServer", "batchaifileservers"
"""A Batch AI file server: kind and plural."""

CATEGORY = "batchai"
"""`kubectl get batchai` lists all our kinds."""

FIELD_MANAGER = "batchai-operator"
"""Field manager of every write of the operator, and the source of its Events."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""Standard label; its value on our children is `FIELD_MANAGER`."""

JOB_UID_LABEL = f"{GROUP}/job-uid"
"""`metadata.uid` of the job that a Pod, Service or Secret belongs to."""

JOB_LABEL = f"{GROUP}/job"
"""Object name of the job, for `kubectl get pods -l`."""

WORKSPACE_LABEL = f"{GROUP}/workspace"
"""Workspace, sanitised to a label value."""

EXPERIMENT_LABEL = f"{GROUP}/experiment"
"""Experiment, sanitised to a label value."""

CLUSTER_LABEL = f"{GROUP}/cluster"
"""Object name of the cluster that a job's Pod runs on."""

NODE_INDEX_LABEL = f"{GROUP}/node-index"
"""Index of the Batch AI node that a Pod stands for, from 0."""

ATTEMPT_LABEL = f"{GROUP}/attempt"
"""Which run of the job a Pod belongs to, from 1; a resumed or retried job counts up."""

COMPONENT_LABEL = f"{GROUP}/component"
"""`node` for the Pods of a running job, `reader` for the Pods that read files afterwards,
`fileserver` for what runs a file server, and the two below."""

TRANSFER_COMPONENT = "transfer"
"""`COMPONENT_LABEL` of the Pods through which people copy files to and from a volume."""

FILE_SERVER_LABEL = f"{GROUP}/file-server"
"""Object name of the file server that a Pod, Service or claim belongs to."""

SHARED_COMPONENT = "volume"
"""`COMPONENT_LABEL` of the PersistentVolumes and claims that jobs of a namespace share."""

SHARED_PREFIX = "bai-"
"""How the names of those PersistentVolumes and claims begin."""

SOURCE_ANNOTATION = f"{GROUP}/source"
"""On those: what is mounted, for people."""

RESOURCE_GROUP_ANNOTATION = f"{GROUP}/resource-group"
"""On a Namespace: the resource group's name in output paths, instead of the namespace's."""

JOB_CONTAINER = "job"
"""Container in which the user's image runs, with the launcher as its first process."""

SIDECAR_CONTAINER = "batchai-sidecar"
"""Native sidecar that ships logs and answers file requests."""

SPOOL_VOLUME = "batchai"
"""emptyDir shared by the two containers of a job's Pod."""

SPOOL_PATH = "/.batchai"
"""Where `SPOOL_VOLUME` is mounted; holds the launcher, the FIFOs and the spool."""

TEMP_VOLUME = "batchai-temp"
"""emptyDir mounted exactly at the job's folder, so that jobs of any user can write it."""

PLAN_VARIABLE = "BATCHAI_PLAN"
"""Container variable that carries the launcher's plan as JSON."""

KEY_VARIABLE = "BATCHAI_JOB_KEY"
"""Container variable with the key by which the nodes of a job know each other."""

MEETING_PORT = 23100
"""TCP port on which the launcher of node 0 meets the others."""

FIRST_TASK_PORT = 2222
"""First port handed out per host to TensorFlow tasks (spec 3.4)."""

LS_ROOT = "/mnt/batch/tasks/shared/LS_root"
"""Root of the service's folders on a node (spec 3.2); scripts contain it literally."""

MOUNT_ROOT = f"{LS_ROOT}/mounts"
"""`AZ_BATCHAI_MOUNT_ROOT`: volumes of the cluster (spec 4.1)."""

AUTO_SHARE, AUTO_SHARE_PATH = "batchaishare", "autoafs"
"""Auto-storage's share and its relativeMountPath (spec 5)."""

AUTO_CONTAINER, AUTO_CONTAINER_PATH = "batchaicontainer", "autobfs"
"""Auto-storage's blob container and its relativeMountPath (spec 5)."""

JOBS_ROOT = f"{LS_ROOT}/jobs"
"""Parent of all job folders `{workspace}/{experiment}/{job}` (spec 3.2)."""

STDOUTERR_ID = "stdouterr"
"""Id of the folder of logs in listings, and the name of that folder (spec 4.3)."""

DEFAULT_WORKSPACE = "default"
"""Workspace of objects that name none."""

DEFAULT_EXPERIMENT = "default"
"""Experiment of jobs that name none."""

DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""Subscription id in output paths unless the operator is told another."""

FINISHED = frozenset({"succeeded", "failed"})
"""States of a job that never change again (spec 2.10)."""

AUTO_STORAGE_READY = "AutoStorageReady"
"""Condition of a cluster with auto-storage; absent on others."""

AUTO_STORAGE_PREPARING = "Preparing"
"""Reason of that condition until storage was first asked for."""

BLOB_DRIVER = "blob.csi.azure.com"
"""CSI driver of blob containers."""

FILE_DRIVER = "file.csi.azure.com"
"""CSI driver of file shares."""

NFS_DRIVER = "nfs.csi.k8s.io"
"""CSI driver of NFS servers."""

SMB_DRIVER = "smb.csi.k8s.io"
"""CSI driver of SMB servers."""
