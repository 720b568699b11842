"""Replaces references to variables in paths (spec 3.8).

Used by paths.py. Command lines are never touched here: a shell on the node expands those.
"""

import re
from collections.abc import Mapping

from batchai_operator.errors import InvalidSpecError

MAX_TEXT_BYTES = 131_072 - 512
"""Linux takes one variable of 128 KiB at most, with its name, `=` and the byte at its end."""

_refs = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII).finditer


def expand(text: str, known: Mapping[str, str], field: str) -> str:
    """Replace `$NAME` and `${NAME}` of known variables; everything else stays as it is.

    What a reference is replaced by is not looked at again.

    Args:
        text: with references.
        known: values by name.
        field: that the text stands in.

    Raises:
        InvalidSpecError: the result would be too long for a variable. It is not even made:
            variables that refer to each other double in length with every step.
    """
    found = [(m.start(), m.end(), known.get(m.group(1) or m.group(2))) for m in _refs(text)]
    size = len(text) + sum(len(new) - (end - at) for at, end, new in found if new is not None)
    check_size(size, field, "after references to variables are replaced")
    parts, done = [], 0
    for at, end, new in found:
        if new is not None:
            parts += [text[done:at], new]
            done = end
    result = "".join([*parts, text[done:]])
    check_size(len(result.encode()), field, "after references to variables are replaced")
    return result


def referenced(text: str) -> set[str]:
    """Return the names that a text refers to."""
    return {found.group(1) or found.group(2) for found in _refs(text)}


def check_size(size: int, field: str, when: str) -> None:
    """Refuse a text that no program could be given.

    Raises:
        InvalidSpecError: it has more than `MAX_TEXT_BYTES` bytes.
    """
    if size > MAX_TEXT_BYTES:
        raise InvalidSpecError(
            f"{field} has {size} bytes {when}, but Linux takes {MAX_TEXT_BYTES} at most in one "
            "variable; put it into a file on a volume",
            field=field,
        )
