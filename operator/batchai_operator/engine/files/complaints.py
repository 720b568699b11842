"""What the launcher says of a path that is not there, in words for people. Pure.

Called where answers of the launcher become errors (listing, streaming, copying), and where blob
storage itself says the same.
"""

import re

_NO_SUCH_PATH = re.compile(
    r"(?:batchai: )?(?:not found: )?[a-z]+ (?P<path>.+): no such file or directory", re.DOTALL
)


def in_words(complaint: str) -> str:
    """Replace the name of a system call by what to do; other complaints stay as they are.

    Args:
        complaint: such as `batchai: not found: openat logs: no such file or directory`.
    """
    found = _NO_SUCH_PATH.fullmatch(complaint)
    if found is None:
        return complaint
    return no_such_path(found["path"])


def no_such_path(path: str) -> str:
    """Return the words for a path that is not there, whoever looked for it."""
    return f"There is no file or folder {path}; list the folder above it to see what there is."
