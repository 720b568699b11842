"""Composition root: the only room that names concrete adapters.

`wiring.connect` is for fronts such as the command line, `wiring.process` for `main`; they are apart
so that a command need not load the operator's framework, which takes longer than most commands.
"""

from batchai_operator.wiring.front import connect

__all__ = ["connect"]
