"""Images from ordinary Dockerfiles, on a machine without registry and without Docker.

table.py says which there are, sources.py what goes into one, bases.py makes the base images,
building.py builds, loading.py puts images into the nodes, and ensuring.py joins these.
"""
