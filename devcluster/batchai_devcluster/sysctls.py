"""Kernel settings of the machine that a cluster changes, kept and put back.

The kubelet sets some of these by itself; forwarding is ours, so that Pods reach the world outside.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/proc/sys")
#: What a kubelet or `up` may change on the machine itself.
_CHANGED = (
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "user/max_user_namespaces",
)


def read() -> dict[str, str]:
    """Return the settings as they are now."""
    found = {}
    for name in _CHANGED:
        with suppress(OSError):
            found[name] = (_ROOT / name).read_text().strip()
    return found


def allow_forwarding() -> None:
    """Let the machine pass packets between its links."""
    (_ROOT / "net/ipv4/ip_forward").write_text("1")


def restore(settings: Mapping[str, str]) -> None:
    """Put settings back; the ones that are unchanged are not touched."""
    now = read()
    for name, value in settings.items():
        if now.get(name) != value:
            (_ROOT / name).write_text(value)
