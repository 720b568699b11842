"""Compiles Kubernetes once, and finds it again.

The result is kept under a hash of everything that goes into it. Go's own caches make an interrupted
build resume where it was; they are removed after a successful one, because they take 4 GB.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchai_devcluster import pins, toolchain
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.paths import DEVCLUSTER, Paths
from batchai_devcluster.progress import Progress, step
from batchai_devcluster.running import run
from batchai_devcluster.streaming import stream

SOURCES = DEVCLUSTER / "kube"
#: The parts of the one program, each started through a link of its name.
PARTS = (
    "coredns",
    "etcd",
    "gpu-plugin",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
_TAGS = "-tags=grpcnotrace,notest,selinux"
_VERSION = {
    "gitVersion": pins.KUBERNETES,
    "gitMajor": pins.KUBERNETES.split(".")[0].removeprefix("v"),
    "gitMinor": pins.KUBERNETES.split(".")[1],
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class _Go:
    """How Go is called here."""

    root: Path
    environment: Mapping[str, str]
    cgroups: Cgroups

    def flags(self) -> list[str]:
        settings = (f"-X k8s.io/component-base/version.{k}={v}" for k, v in _VERSION.items())
        return ["-trimpath", _TAGS, "-ldflags=-s -w " + " ".join(settings)]

    def command(self, *arguments: str) -> list[str | Path]:
        return [self.root / "bin/go", *arguments]


def key() -> str:
    """Return a hash of all that goes into the programs."""
    digest = hashlib.sha256(f"{pins.GO_WHEEL} {_TAGS} {sorted(_VERSION.items())}".encode())
    files = [*SOURCES.rglob("*.go"), SOURCES / "go.mod", SOURCES / "go.sum"]
    for file in sorted(files):
        digest.update(f"\0{file.relative_to(SOURCES)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def folder(paths: Paths) -> Path:
    """Return the folder that holds, or will hold, the programs of the present sources."""
    return paths.programs / f"kube-{key()}"


def is_built(paths: Paths) -> bool:
    """Tell whether the programs are there already."""
    return folder(paths).exists()


def ensure(paths: Paths, cgroups: Cgroups) -> Path:
    """Compile the programs unless they are there; return their folder."""
    target = folder(paths)
    if not target.exists():
        root = toolchain.ensure_go(paths)
        go = _Go(root, toolchain.go_environment(paths, root), cgroups)
        fresh = target.with_name(target.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        _compile(go, fresh)
        for part in PARTS:
            (fresh / part).symlink_to("kube")
        fresh.replace(target)
    toolchain.link(paths.bin / "kubectl", target / "kubectl")
    return target


def ensure_kubectl(paths: Paths, cgroups: Cgroups) -> None:
    """Compile kubectl alone, for a cluster whose other programs come from elsewhere."""
    if is_built(paths):
        toolchain.link(paths.bin / "kubectl", folder(paths) / "kubectl")
        return
    target = paths.programs / f"kubectl-{pins.KUBERNETES}" / "kubectl"
    if not target.exists():
        root = toolchain.ensure_go(paths)
        go = _Go(root, toolchain.go_environment(paths, root), cgroups)
        fresh = target.with_suffix(".new")
        command = go.command("build", "-v", *go.flags(), "-o", str(fresh))
        with step(f"Compiling kubectl {pins.KUBERNETES}") as progress:
            stream(
                [*command, "k8s.io/kubernetes/cmd/kubectl"],
                progress.step,
                cgroups=cgroups,
                environment=go.environment,
                folder=SOURCES,
            )
        fresh.replace(target)
        drop_caches(paths)
    toolchain.link(paths.bin / "kubectl", target)


def drop_caches(paths: Paths) -> None:
    """Remove Go's build and module caches, which nothing needs once all is built."""
    shutil.rmtree(paths.build, ignore_errors=True)


def _compile(go: _Go, target: Path) -> None:
    stale = _stale_packages(go, target)
    progress = Progress(f"Compiling Kubernetes {pins.KUBERNETES}", len(stale))

    def on_line(line: str) -> None:
        # `go build -v` names each package when its compiler starts.
        if line in stale:
            progress.step(line if progress.done < len(stale) - 1 else "linking")

    command = go.command("build", "-v", *go.flags(), "-o", str(target / "kube"), ".")
    try:
        stream(command, on_line, cgroups=go.cgroups, environment=go.environment, folder=SOURCES)
    except BaseException:
        progress.abandon()
        raise
    progress.finish()
    pause = go.command("build", "-trimpath", "-ldflags=-s -w", "-o", str(target / "pause"))
    run([*pause, "./pause"], environment=go.environment, folder=SOURCES)


def _stale_packages(go: _Go, target: Path) -> frozenset[str]:
    """Download the modules and return the packages that must be compiled.

    On a resumed build these are fewer than all, so that the bar stays true.
    """
    with step("Downloading Kubernetes' modules (about 150 MB)") as progress:

        def on_line(line: str) -> None:
            if line.startswith("go: downloading"):
                progress.step(line.removeprefix("go: downloading "))

        listing = target / "packages"
        command = go.command(
            "list", "-deps", *go.flags(), "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", "."
        )
        stream(
            command,
            on_line,
            cgroups=go.cgroups,
            environment=go.environment,
            folder=SOURCES,
            output=listing,
        )
    names = listing.read_text().split()
    listing.unlink()
    return frozenset(names)
