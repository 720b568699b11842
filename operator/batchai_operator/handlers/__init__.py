"""Edges of the operator process: kopf's watch events in, probes and metrics out.

`main` makes them. They translate and decide nothing; kopf is known here and in `main` only.
"""
