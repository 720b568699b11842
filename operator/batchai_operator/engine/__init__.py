"""Use cases: observe, plan, apply, report; and what people do with jobs.

Handlers, the command line and later fronts call it. It speaks to the world through `ports` only, so
it knows neither kopf nor the Kubernetes client, and it decides nothing that `planner` can decide.
"""
