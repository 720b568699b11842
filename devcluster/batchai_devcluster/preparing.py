"""Everything that a machine needs before a cluster can start: packages, Go, programs, Helm."""

from batchai_devcluster import build, packages, pins, preflight, teardown, toolchain, traces
from batchai_devcluster.cgroups import Cgroups
from batchai_devcluster.paths import Paths
from batchai_devcluster.streaming import end_abandoned_work


def announce(paths: Paths) -> list[str]:
    """Return what `prepare` has to do and how long it takes, one line each."""
    lines = []
    if absent := packages.missing():
        lines.append(f"Install Debian packages: {', '.join(absent)} (about a minute).")
    if not build.is_built(paths):
        lines.append(
            f"Compile Kubernetes {pins.KUBERNETES} with its own Go, once: 5 to 10 minutes on two "
            f"processors, 5 GB of disk meanwhile, 150 MB afterwards in {paths.programs}."
        )
    if not helm_is_built(paths):
        lines.append("Compile Helm, once: 1 to 2 minutes.")
    return lines


def prepare(paths: Paths) -> None:
    """Install and compile what is missing; resumes where an earlier run was interrupted."""
    cgroups = Cgroups(paths.instance)
    end_abandoned_work(cgroups)
    packages.ensure()
    if teardown.is_clean(paths, cgroups):
        traces.save(paths)
    build.ensure(paths, cgroups)
    ensure_helm(paths)
    build.drop_caches(paths)


def ensure_builder(paths: Paths) -> None:
    """Install what builds images without a Docker engine; nothing where a cluster of ours runs.

    Raises:
        CannotRunHereError: the caller is not root.
    """
    preflight.need_root_to_build()
    packages.ensure(pins.BUILDERS)
    toolchain.ensure_go(paths)


def helm_is_built(paths: Paths) -> bool:
    """Tell whether Helm is there."""
    return (paths.bin / "helm").exists()


def ensure_helm(paths: Paths) -> None:
    """Compile Helm unless it is there."""
    version = pins.HELM_MODULE.partition("@")[2]
    toolchain.ensure_program(
        paths, Cgroups(paths.instance), pins.HELM_MODULE, f"Compiling Helm {version}"
    )
