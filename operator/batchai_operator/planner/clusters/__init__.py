"""One cluster: which of its jobs may start, and what its status says. It makes nothing.

Called by the engine, for a pass over a cluster and when a job asks whether it is its turn.
"""
