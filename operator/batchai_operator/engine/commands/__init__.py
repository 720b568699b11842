"""What users ask of the API server: create, find, list, wait, delete, one module per kind.

Called by the command line and later fronts. They write objects and read them; what comes of them
is the operator's.
"""
