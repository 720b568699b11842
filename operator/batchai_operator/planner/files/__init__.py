"""Pods and folders through which people get at files: a job's, a volume's, a cluster's.

Called by the commands behind `batchai job file`, `file`, `cluster file` and `storage`; the operator
itself has no need of it.
"""
