"""Reading a `job.json` or `cluster.json` in any of the forms that are around.

Called by the commands that create. It does no more than find the properties in the document; it
fills in nothing (see completion.py) and sends nothing.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from batchai_operator.errors import InvalidSpecError
from batchai_operator.names import API_VERSION, CLUSTER_KIND, FILE_SERVER_KIND, JOB_KIND

REMARKS = frozenset({"$schema", "comment", "comments"})
"""Members that the 2018-05-01 JSON schema allows as remarks; they go without a warning."""

_OTHER = {JOB_KIND: "cluster", CLUSTER_KIND: "job", FILE_SERVER_KIND: "job"}
_MISTAKEN: Mapping[str, frozenset[str]] = {
    JOB_KIND: frozenset({"vmSize", "scaleSettings", "nodeSetup"}),
    CLUSTER_KIND: frozenset({"nodeCount", "stdOutErrPathPrefix"}),
    FILE_SERVER_KIND: frozenset({"nodeCount", "stdOutErrPathPrefix"}),
}
"""Members that no file of a kind has, and every file has that people take for one."""

_DEPTH = 60
"""Levels of a file; the deepest job has nine."""


@dataclass(frozen=True)
class Document:
    """What a file says.

    Attributes:
        properties: the `properties` object of Batch AI, or the `spec` of a Kubernetes object.
        name: the Batch AI name, when the file is a whole Kubernetes object.
        metadata: labels and annotations of a whole Kubernetes object.
        ignored: members beside the properties that have no meaning here.
    """

    properties: dict[str, Any]
    name: str | None
    metadata: dict[str, Any]
    ignored: tuple[str, ...]


NOTHING = Document(properties={}, name=None, metadata={}, ignored=())
"""What a command says that is given flags alone."""


def read_document(path: str, kind: str) -> Document:
    """Read a file, `-` meaning standard input.

    Args:
        path: JSON or YAML.
        kind: the Kubernetes kind that a whole object must have.

    Returns:
        The properties, however they were wrapped.

    Raises:
        InvalidSpecError: the file cannot be read or holds something else.
    """
    try:
        # Files written on Windows begin with a byte order mark, which json refuses.
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSpecError(f"Cannot read {path}: {error}") from error
    return parse_document(text, path, kind)


def parse_document(text: str, source: str, kind: str) -> Document:
    """Find the properties in the text of a file.

    Args:
        text: JSON or YAML.
        source: the file's name, for messages.
        kind: the Kubernetes kind that a whole object must have.

    Returns:
        The properties, however they were wrapped.

    Raises:
        InvalidSpecError: the text is neither form, or an object of another kind.
    """
    content = _parse(text, source)
    if not isinstance(content, dict):
        raise InvalidSpecError(f"{source}: expected an object with the properties of a job.")
    if "apiVersion" in content or "kind" in content:
        return _kubernetes_object(content, source, kind)
    if "properties" in content:
        properties, ignored = content["properties"], _others(content, "properties")
    else:
        properties = {name: value for name, value in content.items() if name not in REMARKS}
        ignored = ()
    if not isinstance(properties, dict):
        raise InvalidSpecError(f"{source}: `properties` must be an object.")
    if mistaken := _MISTAKEN[kind].intersection(properties):
        raise InvalidSpecError(
            f"{source} has `{min(mistaken)}`, so it is the file of a {_OTHER[kind]}; "
            f"give it to `batchai {_OTHER[kind]} create`."
        )
    return Document(properties=properties, name=None, metadata={}, ignored=ignored)


def _parse(text: str, source: str) -> object:
    """JSON first, because YAML refuses the tabs that JSON allows."""
    # A ValueError beside JSON's own is a number of thousands of digits, or 31 February.
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as json_error:
        if source.endswith(".json"):
            raise InvalidSpecError(f"{source} is not valid JSON: {json_error}") from json_error
        try:
            parsed = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as yaml_error:
            raise InvalidSpecError(f"{source} is not valid YAML: {yaml_error}") from yaml_error
    if problem := _unsendable(parsed):
        raise InvalidSpecError(f"{source}: {problem}")
    return parsed


def _unsendable(value: object, path: str = "", depth: int = 0) -> str | None:
    """Say what of a file cannot be put into an object, because JSON or UTF-8 has no word for it."""
    here = path.removeprefix(".") or "the file"
    if depth > _DEPTH:
        return f"{here[:100]} is nested more than {_DEPTH} levels deep."
    inner: list[tuple[str, object]] = []
    match value:
        case dict():
            for name, member in value.items():
                if not isinstance(name, str) or not _is_text(name):
                    return f"{here}: {name!r} cannot be the name of a member; put it in quotes."
                inner.append((f"{path}.{name}", member))
        case list():
            inner = [(f"{path}[{index}]", member) for index, member in enumerate(value)]
        case str() if not _is_text(value):
            return f"{here} holds half a character (a lone surrogate)."
        case float() if not math.isfinite(value):
            return f"{here} is no number."
        case str() | int() | float() | None:
            pass
        case _:
            return f"{here} is a {type(value).__name__} of YAML; put it in quotes."
    found = (_unsendable(member, where, depth + 1) for where, member in inner)
    return next((problem for problem in found if problem), None)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kubernetes_object(content: Mapping[str, Any], source: str, kind: str) -> Document:
    if content.get("apiVersion") != API_VERSION or content.get("kind") != kind:
        raise InvalidSpecError(
            f"{source} holds {content.get('apiVersion')} {content.get('kind')}; "
            f"expected {API_VERSION} {kind}."
        )
    spec, metadata = content.get("spec"), content.get("metadata") or {}
    if not isinstance(spec, dict):
        raise InvalidSpecError(f"{source}: `spec` must be an object.")
    if not isinstance(metadata, dict):
        raise InvalidSpecError(f"{source}: `metadata` must be an object.")
    kept = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
    for key, texts in kept.items():
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise InvalidSpecError(f"{source}: `metadata.{key}` must be an object of texts.")
    return Document(
        properties=spec,
        name=spec.get("name") or metadata.get("name"),
        metadata=kept,
        ignored=(),
    )


def _others(content: Mapping[str, Any], known: str) -> tuple[str, ...]:
    return tuple(name for name in content if name != known and name not in REMARKS)
