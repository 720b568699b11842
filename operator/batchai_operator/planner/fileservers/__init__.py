"""One file server: its status, and what runs it. Where the ready ones are is `planner.endpoints`.

Called by the engine. It knows nothing of the jobs that mount a file server.
"""
