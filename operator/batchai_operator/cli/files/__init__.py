"""`batchai job file`, `cluster file`, `file` and `storage`: listing, reading and copying files.

Each module is registered by the group it belongs to. What is done is in `engine.files` and
`engine.transfers`.
"""
