"""What is mounted, and how it gets into a Pod: inline, or by a claim.

`mounting.plan_volumes` is the way in for all volumes of a job; `files` takes single ones. Nothing
here knows what a job does with a volume.
"""
