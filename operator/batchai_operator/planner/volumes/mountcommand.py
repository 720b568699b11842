"""Reads the mount command of an unmanaged file system (spec 2.6) as what it mounts. Pure.

Used by servervolumes.py. The command is never run: what cannot be read is refused, with the field
and the remedy. Texts here may hold a password, so none of them is repeated but words that cannot be
one. What the API server refuses at once stands in model/filesystems.py.

Decisions where the spec is silent: `sudo` and the folder of the program are let pass; a mount path,
which the service added itself, may stand there and counts for nothing; without `-t` the source
tells the kind, as for mount itself.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from batchai_operator.errors import InvalidSpecError

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
# No commas: mount.cifs writes share and folder among its options, where they would begin new ones.
_NFS_SOURCE = re.compile(rf"({_HOST}):(/[^\x00-\x20,#]*)", re.ASCII)
_SMB_SOURCE = re.compile(rf"//({_HOST})/([^/\x00-\x1f,#]+)((?:/[^/\x00-\x1f,#]+)*)/?", re.ASCII)
_PROGRAM = re.compile(r"(?:/usr)?(?:/s?bin/)?mount(?:\.([a-z0-9]+))?", re.ASCII)
_KINDS = {"nfs": "nfs", "nfs4": "nfs", "cifs": "smb", "smb3": "smb"}
_WORD = re.compile(r"[a-z0-9.]{1,16}", re.ASCII)
_EXAMPLES = "`mount -t nfs SERVER:/PATH` or `mount -t cifs //SERVER/SHARE -o vers=3.0`"
_SILENT = frozenset({"-v", "--verbose", "-n", "--no-mtab", "-s", "-i", "--rw", "-w"})
_VALUED = {"-t": "type", "--types": "type", "-o": "options", "--options": "options"}


@dataclass(frozen=True)
class NfsMount:
    """What a mount command by NFS mounts.

    Attributes:
        server: host name or address.
        path: exported directory.
        options: one comma-separated text.
    """

    server: str
    path: str
    options: str


@dataclass(frozen=True)
class SmbMount:
    """What a mount command by SMB mounts.

    Attributes:
        server: host name or address.
        share: name of the share.
        folder: of the share, empty or beginning with `/`.
        options: one comma-separated text.
    """

    server: str
    share: str
    folder: str
    options: str


def read_mount_command(field: str, command: str) -> NfsMount | SmbMount:
    """Return what a command mounts.

    Args:
        field: path of the command in the spec.
        command: such as `mount -t nfs 10.0.0.4:/data`.

    Raises:
        InvalidSpecError: it is no mount of NFS or SMB that can be read.
    """
    type_, options, places = _parts(field, _words(field, command))
    if not places:
        raise _unreadable(field, "it names no server")
    if len(places) > 2:
        raise _unreadable(field, f"it names {len(places)} places, but a mount has a source only")
    if len(places) == 2 and not places[1].startswith(("/", "$")):
        raise _unreadable(field, "what follows the source is no path to mount at")
    source = places[0]
    kind = _KINDS.get(type_ or _guess(source))
    if kind == "nfs":
        found = _NFS_SOURCE.fullmatch(source)
        if found is None or _climbs(found[2]):
            raise _unreadable(field, "its source is not SERVER:/PATH without ',' and '#'")
        version = ["nfsvers=4"] if type_ == "nfs4" and not re.search(r"\bvers=", options) else []
        path = found[2].rstrip("/") or "/"
        return NfsMount(found[1], path, ",".join(filter(None, [*version, options])))
    if kind == "smb":
        found = _SMB_SOURCE.fullmatch(source.replace("\\", "/"))
        if found is None or _climbs(found[3]):
            raise _unreadable(field, "its source is not //SERVER/SHARE without ',' and '#'")
        return SmbMount(found[1], found[2], found[3], options)
    if type_ and _WORD.fullmatch(type_):
        raise _unreadable(field, f"there is no driver for file systems of type {type_}")
    raise _unreadable(field, "it says neither `-t nfs` nor `-t cifs`")


def _words(field: str, command: str) -> list[str]:
    try:
        words = shlex.split(command, posix=True)
    except ValueError:
        raise _unreadable(field, "a quotation mark has no partner") from None
    if words[:1] == ["sudo"]:
        words = words[1:]
    if not words:
        raise _unreadable(field, "it is empty")
    return words


def _parts(field: str, words: list[str]) -> tuple[str, str, list[str]]:
    """Return type, options and places of a command."""
    program = _PROGRAM.fullmatch(words[0])
    if program is None:
        raise _unreadable(field, "it does not begin with mount")
    found: dict[str, list[str]] = {"type": [program[1] or ""], "options": []}
    places: list[str] = []
    for name, value in _options(field, words[1:]):
        if name:
            found[name].append(value)
        else:
            places.append(value)
    return found["type"][-1], ",".join(found["options"]), places


def _options(field: str, words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (`type`, `options` or nothing, text) for each option and place."""
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in _SILENT:
            continue
        if word in {"-r", "--read-only"}:
            yield "options", "ro"
        elif word in _VALUED:
            following = next(rest, None)
            if following is None:
                raise _unreadable(field, f"{word} says nothing")
            yield _VALUED[word], following
        elif equals and name.startswith("--") and name in _VALUED:
            yield _VALUED[name], value
        elif word[:2] in {"-t", "-o"}:
            yield _VALUED[word[:2]], word[2:]
        elif word.startswith("-"):
            raise _unreadable(field, "it has options other than -t and -o")
        else:
            yield "", word


def _guess(source: str) -> str:
    if source.startswith(("//", "\\\\")):
        return "cifs"
    return "nfs" if ":/" in source else ""


def _climbs(path: str) -> bool:
    return ".." in path.split("/")


def _unreadable(field: str, reason: str) -> InvalidSpecError:
    return InvalidSpecError(
        f"{field} cannot be read as a mount of NFS or SMB: {reason}. It must be like {_EXAMPLES}; "
        "for anything else make a claim and name it in persistentVolumeClaims",
        code="UnsupportedVolume",
        field=field,
    )
