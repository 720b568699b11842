"""One job: what its Pods have come to, what that makes of it, what is to be done next.

`job.plan_job` is the way in, called by the engine for every pass. It has Pods made by `pods` and
judges what kubelet and the launcher say of them.
"""
