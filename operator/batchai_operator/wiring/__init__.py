"""Composition root: the only room that names concrete adapters.

`wiring.connect` and `wiring.open_container` are for fronts such as the command line,
`wiring.process` for `main`; they are apart so that a command need not load the operator's
framework, which takes longer than most commands.
"""

from batchai_operator.wiring.containers import open_container
from batchai_operator.wiring.front import connect

__all__ = ["connect", "open_container"]
