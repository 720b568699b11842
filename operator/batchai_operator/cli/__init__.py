"""The `batchai` command: the old command line's words, each one an object or a request.

Called by people and their scripts. It renders and asks; what is done is in `engine`.
"""
