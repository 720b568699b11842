"""A cluster of the user's: when it is used, what is refused, and that images go by its registry.

kubectl, docker and buildah are stand-ins here which record their words; the real cluster's turn is
in tests/cluster/test_kubeconfig_provider.py.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from batchai_devcluster import (
    docker,
    packages,
    preflight,
    provider,
    release,
    storage,
    toolchain,
)
from batchai_devcluster.errors import CannotRunHereError, DevclusterError
from batchai_devcluster.images import sources, table
from batchai_devcluster.images.buildah import Buildah
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.kubeconfig import Kubeconfig
from batchai_devcluster.paths import Paths
from batchai_devcluster.shape import Shape

NODE = {
    "metadata": {"name": "n0"},
    "spec": {},
    "status": {"nodeInfo": {"operatingSystem": "linux"}, "images": []},
}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A fresh home, a kubeconfig, and no wish of the caller's."""
    for name in ("CSI", "CSI_FOLDER", "REGISTRY", "BATCHAI_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text("")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    return Paths(tmp_path / "home")


@pytest.fixture
def kubectl(paths: Paths) -> Callable[..., Path]:
    """Put a kubectl into the home that answers by its first two words, and records all."""

    def install(answers: dict[str, object]) -> Path:
        program, record = paths.bin / "kubectl", paths.home / "record"
        program.parent.mkdir(parents=True, exist_ok=True)
        lines = [f'#!/bin/sh\necho "$KUBECONFIG $*" >> {record}', 'case "$1 $2" in']
        for number, (words, answer) in enumerate(answers.items()):
            file = paths.home / f"answer-{number}"
            file.write_text(answer if isinstance(answer, str) else json.dumps(answer))
            lines.append(f"'{words}') cat {file} ;;")
        program.write_text("\n".join([*lines, "'config current-context') echo it ;;", "esac\n"]))
        program.chmod(0o755)
        record.touch()
        return record

    return install


def a_node(*images: str, name: str = "n0", **spec: object) -> dict[str, object]:
    return {
        **NODE,
        "metadata": {"name": name},
        "spec": spec,
        "status": {**NODE["status"], "images": [{"names": list(images)}]},
    }


@pytest.mark.parametrize("engine", [True, False])
def test_it_is_never_chosen_by_itself(paths, monkeypatch, engine):
    monkeypatch.setattr(docker, "answers", lambda: engine)
    assert provider.choose(paths).name == ("kind" if engine else "devcluster")
    assert provider.choose(paths, "kubeconfig").name == "kubeconfig"


@pytest.mark.parametrize(("value", "said"), [(None, "not set"), ("", "not set"), ("/no", "/no")])
def test_without_a_kubeconfig_it_is_refused_with_the_remedy(paths, monkeypatch, value, said):
    monkeypatch.delenv("KUBECONFIG")
    if value is not None:
        monkeypatch.setenv("KUBECONFIG", value)
    with pytest.raises(DevclusterError, match=f"{said}.*export KUBECONFIG="):
        provider.choose(paths, "kubeconfig")


def test_several_files_are_taken_as_kubectl_takes_them(paths, monkeypatch, kubectl, tmp_path):
    record = kubectl({})
    monkeypatch.chdir(tmp_path)
    cluster = Kubeconfig(paths, {"KUBECONFIG": "config:/no"})
    cluster.kubectl(["version"])
    assert record.read_text() == f"{tmp_path}/config:/no version\n"


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("myacr.azurecr.io/batchai/", True),
        ("localhost:5000", True),
        ("registry:5000/a/b", True),
        ("docker.io/me", True),
        ("me", False),
        ("https://myacr.azurecr.io", False),
        ("myacr.azurecr.io/Upper", False),
    ],
)
def test_a_registry_is_a_host_and_a_path(paths, monkeypatch, name, is_good):
    monkeypatch.setenv("REGISTRY", name)
    if is_good:
        assert Kubeconfig(paths).registry == name.rstrip("/")
    else:
        with pytest.raises(DevclusterError, match="is no registry"):
            Kubeconfig(paths)


def test_a_context_is_needed(paths, kubectl):
    kubectl({})
    (paths.bin / "kubectl").write_text("#!/bin/sh\nexit 1\n")
    assert "no current context" in (Kubeconfig(paths).problem() or "")


def test_a_cluster_without_nodes_for_pods_does_not_work(paths, kubectl):
    cordoned = a_node(unschedulable=True)
    plane = a_node(taints=[{"key": "node-role.kubernetes.io/control-plane"}])
    kubectl({"get nodes": {"items": [cordoned, plane]}, "get --raw=/readyz": "ok"})
    assert Kubeconfig(paths).problem() == "no node takes Pods"


def test_no_node_is_labelled(paths):
    with pytest.raises(DevclusterError, match="labels no nodes"):
        Kubeconfig(paths).up(Shape(instance_type="STANDARD_NC6"))


def test_an_image_that_nodes_lack_is_refused_at_once_without_a_registry(
    paths, kubectl, monkeypatch
):
    monkeypatch.setattr(Images, "_build", lambda *_: pytest.fail("it was built"))
    kubectl({"get nodes": {"items": [a_node()]}})
    with pytest.raises(DevclusterError, match=r"n0 .*REGISTRY=.*50 largest"):
        Images(paths, with_docker=False).ensure("launcher", Kubeconfig(paths))


def test_an_image_that_all_nodes_list_needs_no_registry(paths, kubectl):
    reference = sources.reference(table.find("launcher"))
    kubectl({"get nodes": {"items": [a_node("other"), a_node(reference, name="n1")]}})
    with pytest.raises(DevclusterError, match="REGISTRY="):
        Images(paths, with_docker=False).ensure("launcher", Kubeconfig(paths))
    kubectl(
        {
            "get nodes": {
                "items": [a_node("other", reference), a_node(name="n1", unschedulable=True)]
            }
        }
    )
    assert Images(paths, with_docker=False).ensure("launcher", Kubeconfig(paths)) == reference


def test_docker_pushes_under_the_registrys_name(paths, kubectl, monkeypatch, tmp_path):
    record = kubectl({"get nodes": {"items": [a_node()]}})
    (tmp_path / "docker").write_text(f'#!/bin/sh\necho "docker $*" >> {record}\n')
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("REGISTRY", "r.example/batchai")
    given = Images(paths, with_docker=True).ensure("launcher", Kubeconfig(paths))
    built = sources.reference(table.find("launcher"))
    assert given == f"r.example/batchai/launcher:{built.rpartition(':')[2]}"
    called = [line for line in record.read_text().splitlines() if line.startswith("docker")]
    assert called == [
        f"docker image inspect {built}",
        f"docker tag {built} {given}",
        f"docker push {given}",
    ]


def test_buildah_pushes_what_it_has_built(paths, kubectl, monkeypatch):
    kubectl({"get nodes": {"items": [a_node()]}})
    pushed = []

    def stream(_: Buildah, *words: str, on_line: Callable[[str], None]) -> None:
        on_line("Copying blob")
        pushed.append(words)

    monkeypatch.setenv("REGISTRY", "r.example")
    monkeypatch.setattr(Buildah, "has", lambda *_: True)
    monkeypatch.setattr(Buildah, "stream", stream)
    given = Images(paths, with_docker=False).ensure("tensorflow", Kubeconfig(paths))
    built = sources.reference(table.find("tensorflow"))
    assert pushed == [("push", built, f"docker://{given}")]


def test_only_building_without_an_engine_needs_root(paths, kubectl, monkeypatch):
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(packages, "ensure", lambda _: pytest.fail("packages were installed"))
    monkeypatch.setattr(toolchain, "ensure_go", lambda _: pytest.fail("Go was installed"))
    monkeypatch.setenv("REGISTRY", "r.example")
    kubectl({"get nodes": {"items": [a_node()]}, "get --raw=/readyz": "ok"})
    cluster = Kubeconfig(paths)
    assert cluster.is_up(Shape())
    with pytest.raises(CannotRunHereError, match="by buildah as root"):
        Images(paths, with_docker=False).ensure("launcher", cluster)


@pytest.mark.parametrize(
    ("asked", "ours", "theirs"),
    [(None, True, False), ("none", False, False), ("standin", True, True)],
)
def test_a_cluster_of_the_users_gets_the_stand_in_only_when_asked(
    paths, monkeypatch, asked, ours, theirs
):
    if asked:
        monkeypatch.setenv("CSI", asked)
    assert storage.is_wanted(provider.choose(paths, "devcluster")) is ours
    assert storage.is_wanted(provider.choose(paths, "kubeconfig")) is theirs


def test_another_csi_is_refused(paths, monkeypatch):
    monkeypatch.setenv("CSI", "azure")
    with pytest.raises(DevclusterError, match="CSI=azure is unknown"):
        storage.is_wanted(provider.choose(paths, "devcluster"))


def test_the_stand_in_needs_a_folder_of_all_nodes(paths, kubectl, monkeypatch):
    kubectl({})
    monkeypatch.setenv("CSI", "standin")
    with pytest.raises(DevclusterError, match="CSI_FOLDER="):
        storage.up(paths, Kubeconfig(paths))


def test_the_stand_in_never_takes_the_place_of_real_drivers(paths, kubectl, monkeypatch):
    record = kubectl({"get csidriver/file.csi.azure.com": {"metadata": {}}})
    monkeypatch.setenv("CSI", "standin")
    with pytest.raises(DevclusterError, match=r"file\.csi\.azure\.com.*CSI=none"):
        storage.up(paths, Kubeconfig(paths))
    assert all(line.split()[1] == "get" for line in record.read_text().splitlines())


def test_down_removes_a_stand_in_of_its_own_and_no_other(paths, kubectl, capsys):
    kubectl({"get namespace/batchai-storage": {"metadata": {"labels": {"a": "b"}}}})
    Kubeconfig(paths).down()
    assert "leaves your cluster and its nodes alone" in capsys.readouterr().err
    assert "delete" not in (paths.home / "record").read_text()
    label = {"batchai.dev/provider": "kubeconfig"}
    kubectl({"get namespace/batchai-storage": {"metadata": {"labels": label}}})
    Kubeconfig(paths).down()
    assert "delete" in (paths.home / "record").read_text()


def test_a_release_that_somebody_else_installed_is_left_alone(paths, kubectl, monkeypatch):
    monkeypatch.setattr(release, "ensure_images", lambda *_: pytest.fail("it was installed"))
    kubectl({})
    # The first question is answered, the one with the label is not.
    program = paths.bin / "kubectl"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *installed-by*) ;; *) echo secret/sh.helm ;; esac\n'
    )
    with pytest.raises(DevclusterError, match="not installed from here"):
        release.install(paths, Kubeconfig(paths))
