"""What was written to the API server, as its audit log tells; only the devcluster keeps one.

rights.py reads the same log for what may be done.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

OPERATOR = "system:serviceaccount:batchai-system:"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class Audit:
    """The audit log from the moment at which this object was made."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            pytest.skip("this cluster has no audit log")
        self._file = file
        self._offset = file.stat().st_size

    def writes(self, namespace: str) -> Counter[str]:
        """Count the operator's writes in a namespace as `verb resource/subresource`."""
        found: Counter[str] = Counter()
        with self._file.open() as lines:
            lines.seek(self._offset)
            for line in lines:
                entry = json.loads(line)
                about = entry.get("objectRef") or {}
                if about.get("namespace") != namespace or entry["verb"] not in WRITES:
                    continue
                if entry["user"]["username"].startswith(OPERATOR):
                    parts = (about["resource"], about.get("subresource"))
                    found[f"{entry['verb']} {'/'.join(filter(None, parts))}"] += 1
        return found
