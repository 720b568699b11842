"""What a job's Pods are made of, from specs and settings alone.

Called by `jobs`, which has nodes made, and by `files`, which has readers made that see the same
volumes. Nothing here has seen a Pod that runs.
"""
