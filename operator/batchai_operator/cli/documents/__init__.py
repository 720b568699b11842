"""What users send, as documents: files of the old command line read, completed, translated. Pure.

Called by the commands that create things, and for showing objects in the old shape.
"""
