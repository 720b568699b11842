"""The objects of Batch AI as pydantic models; the CRDs are generated from them.

Everything that reads or writes a spec uses these: planner, command line, generator. Nothing here
does I/O; only generate.py writes files, when it is run by hand.
"""
