"""Translates options of blobfuse, as Batch AI's clients wrote them, for the blob driver (design 5).

Used by azurevolumes.py. The driver takes one blank-separated string for an inline volume and
refuses every option that is not on its list (platform guide 1.2, 1.3), and blobfuse 2 refuses FUSE
options that only version 1 knew; so what has no meaning any more is left out and named.

Decisions where the spec is silent: `-o allow_other` is always there, because without it only root
could read the mount; an option given twice counts as it was given last; a value is taken from the
next word when an option is not written with `=`, as version 1 allowed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

DEFAULT_OPTIONS = "-o attr_timeout=240 -o entry_timeout=240 -o negative_timeout=120 -o allow_other"
"""What the service used when no options were given (spec 2.6), less what blobfuse 2 dropped."""

_FUSE = frozenset(
    [
        "allow_other",
        "allow_root",
        "attr_timeout",
        "default_permissions",
        "direct_io",
        "entry_timeout",
        "gid",
        "negative_timeout",
        "nonempty",
        "ro",
        "uid",
        "umask",
    ]
)
_FUSE_WITHOUT_EFFECT = frozenset(["rw", "defaults"])
_FLAGS = frozenset(
    [
        "allow-other",
        "block-cache",
        "disable-compression",
        "disable-kernel-cache",
        "disable-writeback-cache",
        "read-only",
        "streaming",
    ]
)
_VALUED = frozenset(
    [
        "attr-cache-timeout",
        "attr-timeout",
        "block-cache-block-size",
        "block-cache-disk-size",
        "block-cache-disk-timeout",
        "block-cache-parallelism",
        "block-cache-pool-size",
        "block-cache-prefetch",
        "block-cache-prefetch-on-open",
        "cache-on-list",
        "cache-size-mb",
        "cancel-list-on-mount-seconds",
        "empty-dir-check",
        "entry-timeout",
        "file-cache-timeout",
        "file-cache-timeout-in-seconds",
        "high-disk-threshold",
        "ignore-open-flags",
        "invalidate-on-sync",
        "kernel-list-cache-timeout",
        "log-level",
        "low-disk-threshold",
        "max-concurrency",
        "max-retry",
        "max-retry-interval-in-seconds",
        "negative-timeout",
        "no-symlinks",
        "pre-mount-validate",
        "retry-delay-factor",
        "subdirectory",
        "upload-modified-only",
        "use-adls",
        "use-attr-cache",
        "virtual-directory",
    ]
)
# Options of version 1 that took a word of their own; the word goes with the option.
_DROPPED_VALUED = frozenset(
    ["tmp-path", "config-file", "container-name", "use-https", "log-file-path"]
)
# Neither `,` nor `=`, behind which another reader of the string might find a second option, nor a
# way up: a folder of the container is below it.
_VALUE = re.compile(r"(?!(?:.*/)?\.\.(?:/|$))[\w./:@%+-]*", re.ASCII)


@dataclass(frozen=True)
class Translation:
    """Options for the driver.

    Attributes:
        entries: options in their order, each with its `-o` where it has one.
        dropped: options that were left out, as given.
    """

    entries: tuple[str, ...]
    dropped: tuple[str, ...] = ()

    @property
    def options(self) -> str:
        """One blank-separated string, as an inline volume has it."""
        return " ".join(self.entries)


def translate(
    options: str | None, *, uid: int | None = None, gid: int | None = None
) -> Translation:
    """Return what an inline volume may be mounted with.

    Args:
        options: as in `mountOptions` of the job or cluster; None or blank for the defaults.
        uid: owner of all files, when the job does not run as root.
        gid: group of all files, likewise.
    """
    if options is None or not options.strip():
        options = DEFAULT_OPTIONS
    kept: dict[str, str] = {}
    dropped: list[str] = []
    for is_fuse, name, value, given in _read(options.split()):
        known = name in _FUSE if is_fuse else name in _FLAGS or name in _VALUED
        if is_fuse and name in _FUSE_WITHOUT_EFFECT:
            continue
        if not known or not _VALUE.fullmatch(value or "") or not _is_in_range(name, value):
            dropped.append(given)
            continue
        text = name if value is None else f"{name}={value}"
        kept.pop(name, None)
        kept[name] = f"-o {text}" if is_fuse else f"--{text}"
    if "allow-other" not in kept:
        kept.setdefault("allow_other", "-o allow_other")
    for name, number in (("uid", uid), ("gid", gid)):
        if number is not None:
            kept.setdefault(name, f"-o {name}={number}")
    return Translation(tuple(kept.values()), tuple(dropped))


def _read(words: list[str]) -> Iterator[tuple[bool, str, str | None, str]]:
    """Yield (after -o?, name, value, text as given) of each option."""
    rest = iter(range(len(words)))
    for index in rest:
        word = words[index]
        following = words[index + 1] if index + 1 < len(words) else "-"
        if word == "-o" and not following.startswith("-"):
            next(rest)
            yield from _read_fuse(following)
        elif word.startswith("-o") and len(word) > 2:
            yield from _read_fuse(word[2:])
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            takes_word = name in _VALUED or name in _DROPPED_VALUED
            if not equals and takes_word and not following.startswith("-"):
                next(rest)
                yield False, name, following, f"{word} {following}"
            else:
                yield False, name, value if equals else None, word
        else:
            yield False, "", None, word


def _read_fuse(text: str) -> Iterator[tuple[bool, str, str | None, str]]:
    for option in filter(None, text.split(",")):
        name, equals, value = option.partition("=")
        yield True, name, value if equals else None, f"-o {option}"


def _is_in_range(name: str, value: str | None) -> bool:
    """The driver refuses more than 128 workers of the block cache, and fewer than one."""
    if name != "block-cache-parallelism":
        return True
    return value is not None and value.isdecimal() and 1 <= int(value) <= 128
