"""What the operator may do, and what of it it has done: roles on one side, audit log on the other.

Used by test_rights.py, and by the conftest of the cluster tests, which reads the log as the session
goes on, because the API server keeps only its last 100 MB. It judges nothing.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from support.api import Api, Raw

_ROLE = re.compile(r' of (?:Cluster)?Role "([^"]+)"')


class Right(NamedTuple):
    """One verb on one resource, granted by one role.

    Attributes:
        role: name of the Role or ClusterRole.
        verb: such as `create`.
        resource: such as `pods` or `batchaijobs.batchai.dev/status`.
    """

    role: str
    verb: str
    resource: str


def rights_of(api: Api, namespace: str, account: str) -> set[Right]:
    """Return all that a ServiceAccount may do by any binding to it, anywhere in the cluster."""
    found: set[Right] = set()
    for kind in ("rolebindings", "clusterrolebindings"):
        for binding in api.list(kind):
            subjects = binding.get("subjects") or ()
            if any(_is(subject, namespace, account) for subject in subjects):
                found.update(_granted(api, binding))
    return found


def _is(subject: Raw, namespace: str, account: str) -> bool:
    wanted = ("ServiceAccount", account, namespace)
    return (subject["kind"], subject["name"], subject.get("namespace")) == wanted


def _granted(api: Api, binding: Raw) -> Iterator[Right]:
    name, kind = binding["roleRef"]["name"], binding["roleRef"]["kind"]
    namespace = binding["metadata"].get("namespace", "") if kind == "Role" else ""
    role = api.get("roles" if kind == "Role" else "clusterroles", name, namespace)
    for rule in role["rules"]:
        for group in rule.get("apiGroups", ()):
            for resource in rule.get("resources", ()):
                plural, slash, subresource = resource.partition("/")
                full = _full(plural, group, subresource if slash else "")
                yield from (Right(name, verb, full) for verb in rule["verbs"])


def _full(plural: str, group: str, subresource: str) -> str:
    return (f"{plural}.{group}" if group else plural) + (f"/{subresource}" if subresource else "")


class Trail:
    """What the ServiceAccounts of a namespace asked of the API server since this was made.

    Attributes:
        used: by account, the rights by which requests were allowed.
        refused: by account, the requests that no role allowed.
    """

    def __init__(self, file: Path, namespace: str) -> None:
        self._file, self._namespace = file, namespace
        self._mark = f'"system:serviceaccount:{namespace}:'
        self._lines: IO[str] | None = None
        self._rest = ""
        self._skipped = file.stat().st_size if file.exists() else 0
        self._inode = file.stat().st_ino if file.exists() else 0
        self.used: dict[str, set[Right]] = {}
        self.refused: dict[str, set[str]] = {}

    @property
    def exists(self) -> bool:
        """Whether this cluster keeps an audit log that can be read here."""
        return self._file.exists()

    def close(self) -> None:
        """Read no more."""
        if self._lines is not None:
            self._lines.close()

    def collect(self) -> None:
        """Read what has been written meanwhile; an old file's end comes before a new file."""
        if self._lines is not None:
            self._read(self._lines)
        if not self._file.exists():
            return
        inode = self._file.stat().st_ino
        if self._lines is None or inode != self._inode:
            if self._lines is not None:
                self._lines.close()
            self._lines, self._rest = self._file.open(), ""
            if inode == self._inode:
                self._lines.seek(self._skipped)
            self._inode = inode
            self._read(self._lines)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self._rest += line
            if self._rest.endswith("\n"):
                if self._mark in self._rest:
                    self._note(json.loads(self._rest))
                self._rest = ""

    def _note(self, entry: dict[str, Any]) -> None:
        who = entry["user"]["username"].removeprefix(f"system:serviceaccount:{self._namespace}:")
        about = entry.get("objectRef") or {}
        if who == entry["user"]["username"] or not about.get("resource"):
            return
        resource = _full(about["resource"], about.get("apiGroup", ""), about.get("subresource", ""))
        notes = entry.get("annotations") or {}
        if notes.get("authorization.k8s.io/decision") == "allow":
            by = _ROLE.search(notes.get("authorization.k8s.io/reason", ""))
            right = Right(by.group(1) if by else "", entry["verb"], resource)
            self.used.setdefault(who, set()).add(right)
        else:
            where = f"in {about.get('namespace') or 'all namespaces'}"
            self.refused.setdefault(who, set()).add(f"{entry['verb']} {resource} {where}")
