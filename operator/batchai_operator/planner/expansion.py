"""Replaces references to variables in paths (spec 3.8).

Used by paths.py. Command lines are never touched here: a shell on the node expands those.
"""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` of known variables; everything else stays as it is.

    What a reference is replaced by is not looked at again.
    """
    return _REFERENCE.sub(
        lambda found: known.get(found.group(1) or found.group(2), found.group(0)), text
    )
