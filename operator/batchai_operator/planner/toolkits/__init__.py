"""Which processes a toolkit runs on which node, one module per toolkit.

Used by the planner through `arrangement.arrange`. A toolkit knows nothing of Pods, volumes or
paths.
"""
