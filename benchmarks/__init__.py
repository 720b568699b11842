"""How fast the operator is, against what a user would have instead; run by `make bench`.

Nothing here is imported by the product. Nothing asserts a time: a benchmark prints, people judge.
"""
