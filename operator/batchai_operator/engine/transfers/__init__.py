"""Files and trees between this machine and a place where volumes are mounted.

`copying` knows local files and the `Place` protocol, nothing of Kubernetes; `sessions` is a place
behind an exec into a Pod, `pods` has such a Pod made. Called by the command line.
"""
