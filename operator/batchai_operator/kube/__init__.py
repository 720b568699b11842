"""The only room that knows a Kubernetes client: `kubernetes.aio` behind the engine's ports.

Only `wiring` imports it. It never imports the client's model classes on hot paths (platform guide
3.6), and it lets no exception of the client out.
"""
