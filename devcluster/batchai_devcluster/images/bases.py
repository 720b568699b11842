"""The local base images that stand for the ones a Dockerfile names for the world outside.

A Dockerfile that begins with `ARG BASE=python:3.11-slim-bookworm` is built on `localhost/base`
here, one with `ARG GO_BASE=golang:1.26-bookworm` on `localhost/go-base`, and one with
`ARG NODE_BASE=node:24-bookworm-slim` on `localhost/node-base`. Only what is named is made.
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from batchai_devcluster import pins, toolchain
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.images.buildah import Buildah
from batchai_devcluster.paths import Paths
from batchai_devcluster.progress import step
from batchai_devcluster.streaming import stream

#: Where a RUN line finds Go and its caches; all three are mounted, none gets into an image.
GO_ROOT = "/usr/local/go"
GO_CACHE = "/root/.cache/go-build"
GO_MODULES = "/go/pkg/mod"

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Pip must be able to install into the image's own Python, as it can in the official images.
_UNMANAGED = "--customize-hook=rm -f $1/usr/lib/python3*/EXTERNALLY-MANAGED"


class Bases:
    """Makes base images, each once."""

    def __init__(self, paths: Paths, buildah: Buildah) -> None:
        """Remember where things are made."""
        self.paths = paths
        self.buildah = buildah
        self._makers: dict[str, Callable[[], str]] = {
            "BASE": self.base,
            "GO_BASE": self.go_base,
            "NODE_BASE": self.node_base,
        }

    def arguments_for(self, dockerfile: Path) -> list[str]:
        """Return the build arguments that put local base images into a Dockerfile."""
        declared = re.findall(r"^ARG\s+(\w+)=", dockerfile.read_text(), re.MULTILINE)
        named = [name for name in declared if name in self._makers]
        return [f"--build-arg={name}={self._makers[name]()}" for name in named]

    def base(self) -> str:
        """Make Debian with Python; return its reference."""
        packages = ",".join((*pins.BASE_PACKAGES, "python-is-python3"))
        reference = f"localhost/base:{_hash(pins.BASE_SUITE, packages, _UNMANAGED)}"
        if not self.buildah.has(reference):
            with step("Making the base image (Debian, about a minute)") as progress:
                archive = self.buildah.temporary / "base.tar"
                archive.parent.mkdir(parents=True, exist_ok=True)
                command = ["mmdebstrap", "--variant=minbase", f"--include={packages}", _UNMANAGED]
                stream(
                    # In a mount namespace of its own, so that its mounts end with it.
                    ["unshare", "--mount", "--", *command, pins.BASE_SUITE, str(archive)],
                    progress.note,
                    cgroups=Cgroups(self.paths.instance),
                    environment={"TMPDIR": str(archive.parent)},
                )
                self._from_lines(reference, f"FROM scratch\nADD {archive.name} /\n", archive)
                archive.unlink()
        return reference

    def go_base(self) -> str:
        """Make the base with Go in its PATH; Go itself is mounted (see `mounts`)."""
        base = self.base()
        reference = f"localhost/go-base:{_hash(base)}"
        if not self.buildah.has(reference):
            lines = (
                f"FROM {base}\n"
                f"ENV PATH={GO_ROOT}/bin:{_PATH}"
                f" GOROOT={GO_ROOT} GOTOOLCHAIN=local GOMODCACHE={GO_MODULES} GOCACHE={GO_CACHE}"
                " GOFLAGS=-modcacherw\n"
            )
            self._from_lines(reference, lines)
        return reference

    def node_base(self) -> str:
        """Make the base with Node.js in it."""
        base = self.base()
        reference = f"localhost/node-base:{_hash(base, pins.NODE_WHEEL)}"
        if not self.buildah.has(reference):
            node = toolchain.ensure_node(self.paths)
            archive = self.buildah.temporary / "node"
            # Headers for compiling add-ons would be half of the files.
            without = shutil.ignore_patterns("include", "share", "__pycache__", "*.py")
            shutil.copytree(node, archive, symlinks=True, ignore=without, dirs_exist_ok=True)
            lines = (
                f"FROM {base}\nCOPY node /usr/local\n"
                "ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n"
            )
            self._from_lines(reference, lines, archive)
            shutil.rmtree(archive)
        return reference

    def mounts(self) -> list[str]:
        """Return what every RUN line sees of this machine, as buildah's arguments.

        Certificate authorities and the packagers' settings read-only; Go and its caches when
        the Go base exists, so that a second build takes seconds.
        """
        settings = {
            "/etc/ssl/certs": "/etc/ssl/certs",
            "/usr/local/share/ca-certificates": "/usr/local/share/ca-certificates",
            "/etc/pip.conf": "/etc/pip.conf",
            str(Path.home() / ".npmrc"): "/root/.npmrc",
        }
        shown = [f"--volume={at}:{to}:ro" for at, to in settings.items() if Path(at).exists()]
        go = self.paths.toolchain / pins.GO_WHEEL.replace("==", "-") / "go"
        if go.exists():
            shown.append(f"--volume={go}:{GO_ROOT}:ro")
            for folder, to in (("go-build", GO_CACHE), ("go-mod", GO_MODULES)):
                cache = self.paths.images / folder
                cache.mkdir(parents=True, exist_ok=True)
                shown.append(f"--volume={cache}:{to}")
        return shown

    def _from_lines(self, reference: str, lines: str, *files: Path) -> None:
        """Build an image from a few lines and the files they copy."""
        folder = files[0].parent if files else self.buildah.temporary
        folder.mkdir(parents=True, exist_ok=True)
        dockerfile = folder / "base.Dockerfile"
        dockerfile.write_text(lines)
        self.buildah.call("bud", "--quiet", f"--tag={reference}", f"--file={dockerfile}", folder)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
