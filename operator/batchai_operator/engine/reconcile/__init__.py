"""The operator at work: events in, one pass over one object at a time, objects and status out.

`controller` is the way in, for the handlers. `inbox` and `cache` keep what the API server said,
`jobs`, `clusters` and `fileservers` make the passes, `apply` and `report` carry out their plans.
"""
