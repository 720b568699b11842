"""Reading files: of a job, of a volume, of a blob container, from wherever they can be read now.

`outputs` is the way in for the files of a job, `volumefiles` for those of a volume by path. Called
by the command line; copying whole trees is `transfers`.
"""
