"""Kubernetes on one machine, for the demo, the tests and development.

Called by the Makefile as `python -m batchai_devcluster VERB`. It knows nothing of the
operator, and nothing in production uses it.
"""
