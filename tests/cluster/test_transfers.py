"""Trees to a share, a container and back by `batchai`, compared with what a third Pod sees.

The command runs as its own process, as people start it; Pods are killed and shares fail beneath.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commandline import Batchai, Running, of_checkout
from support.devcluster import devcluster
from support.objects import LOGS, a_job
from support.scene import Scene

BIG = 192_000_000


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    """The command line in this file's namespace."""
    return of_checkout(scene, kubeconfig)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with what trees have: many small files, an empty one, names that need care."""
    root = tmp_path_factory.mktemp("tree")
    files = {f"many/{number:03}": f"{number}\n".encode() * number for number in range(120)}
    files |= {"a b/ü 'quoted' $HOME": b"x" * 70_000, "binary": os.urandom(3_000_000)}
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "hollow").mkdir()
    return root


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """One file that takes a while."""
    path = tmp_path / "big"
    path.write_bytes(os.urandom(1_000_000) * (BIG // 1_000_000))
    return path


@pytest.fixture
def folder(scene: Scene, request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder of the share of one test's own."""
    name = f"transfers/{scene.namespace}/{request.node.name.partition('[')[0]}"
    yield name
    scene.onlooker.remove(f"transfers/{scene.namespace}")


def sums(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("place", ["--share-name=logs /share", "--container-name=data /container"])
def test_a_tree_there_and_back(
    batchai: Batchai, scene: Scene, tree: Path, folder: str, place: str
) -> None:
    place, _, seen_at = place.partition(" ")
    back = tree.with_name(f"{tree.name}{seen_at.replace('/', '-')}")
    said = batchai.said("storage", "upload", tree, place, "-d", folder)
    assert "122 files copied" in said
    sum_up = f"cd {seen_at}/{folder} && find . -type f | sort | xargs -d '\\n' md5sum | md5sum"
    theirs = scene.onlooker.run("sh", "-c", sum_up)
    ours = subprocess.run(
        ["sh", "-c", sum_up.replace(f"{seen_at}/{folder}", str(tree))],
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert theirs == ours.stdout
    again = batchai.said("storage", "upload", tree, place, "-d", folder)
    assert "0 files copied (0 B), 122 there already" in again
    batchai.said("storage", "download", folder, place, "-d", back)
    assert sums(back) == sums(tree)
    assert (back / "hollow").is_dir()
    listed = batchai.said("storage", "list", place, "-p", folder, "-o", "tsv")
    assert [line.split("\t")[0] for line in listed.splitlines()] == [
        "a b", "binary", "hollow", "many",
    ]  # fmt: skip
    assert not _transfer_pods(scene), "the Pod is removed"


def test_an_upload_survives_its_pod(batchai: Batchai, scene: Scene, big: Path, folder: str) -> None:
    with _upload(batchai, big, folder) as upload:
        _until_partial(scene, f"{folder}/.big.*.batchai-part")
        (first,) = _transfer_pods(scene)
        gone_at_once = ("--grace-period=0", "--force")
        scene.kubectl.run("delete", "pod", "-n", scene.namespace, first, *gone_at_once)
        assert b"1 file copied" in upload.rest()
    assert scene.onlooker.run("cat", f"/share/{folder}/big") == big.read_bytes()


def test_two_commands_send_one_name(
    batchai: Batchai, scene: Scene, big: Path, folder: str, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "big"
    other.parent.mkdir()
    other.write_bytes(os.urandom(1_000_000) * (BIG // 1_000_000))
    with _upload(batchai, big, folder) as first, _upload(batchai, other, folder) as second:
        for upload in (first, second):
            assert b"1 file copied" in upload.rest()
    assert scene.onlooker.run("cat", f"/share/{folder}/big") in {
        big.read_bytes(),
        other.read_bytes(),
    }
    assert scene.onlooker.names(folder) == ["big"], "no partial file is left"


def test_a_killed_command_goes_on_when_repeated(
    batchai: Batchai, scene: Scene, big: Path, folder: str, tmp_path: Path
) -> None:
    with _upload(batchai, big, folder):
        _until_partial(scene, f"{folder}/.big.*.batchai-part")
    (partial,) = [name for name in scene.onlooker.names(folder) if name.endswith("-part")]
    left = scene.onlooker.size(f"{folder}/{partial}")
    assert 0 < left < BIG
    assert "1 file copied" in batchai.said(
        "storage", "upload", big, "--share-name=logs", "-d", folder
    )
    assert scene.onlooker.run("cat", f"/share/{folder}/big") == big.read_bytes()
    back = tmp_path / "back"
    partial = back / ".big.batchai-part"
    with batchai.start("storage", "download", folder, "--share-name=logs", "-d", back):
        scene.until(
            lambda: partial.exists() and partial.stat().st_size > BIG // 20, 60, "a part of it"
        )
    assert partial.stat().st_size < BIG
    batchai.said("storage", "download", folder, "--share-name=logs", "-d", back)
    assert (back / "big").read_bytes() == big.read_bytes()


def test_a_share_that_fails_for_a_while(
    batchai: Batchai, big: Path, folder: str, scene: Scene
) -> None:
    with _upload(batchai, big, folder) as upload:
        _until_partial(scene, f"{folder}/.big.*.batchai-part")
        devcluster("storage", "fault", "--share", "logs", "eio", "--seconds", "10")
        try:
            assert b"1 file copied" in upload.rest()
        finally:
            devcluster("storage", "fault", "--share", "logs", "clear")
    assert scene.onlooker.run("cat", f"/share/{folder}/big") == big.read_bytes()


def test_what_cannot_be_mounted_or_found_is_told(batchai: Batchai, tmp_path: Path) -> None:
    missing = batchai.said("storage", "list", "--share-name=nobody", code=1)
    assert "the share does not exist" in missing
    no_key = batchai.said("storage", "list", "--share-name=logs", "--account-name=other", code=1)
    assert "azure-storage-account-other-secret" in no_key
    nothing = batchai.said(
        "storage", "download", "no/such", "--share-name=logs", "-d", tmp_path, code=3
    )
    assert "no/such" in nothing
    outside = batchai.said("storage", "list", "--share-name=logs", "-p", "../..", code=1)
    assert "escapes" in outside


def test_an_output_directory_while_the_job_runs_and_afterwards(
    batchai: Batchai, scene: Scene, tmp_path: Path
) -> None:
    make = (
        "cd $AZ_BATCHAI_OUTPUT_MODEL && mkdir -p deep/er && "
        "head -c 5000000 /dev/urandom > w.bin && "
        "seq 1000 > deep/er/numbers && ln -s / out && touch ready && "
        "until test -e done; do sleep 0.2; done; echo late > late"
    )
    job = a_job(
        "train",
        scene.namespace,
        make,
        outputDirectories=[{"id": "MODEL", "pathPrefix": LOGS, "pathSuffix": "m"}],
    )
    scene.submit(job)
    scene.wait_until_job_runs("train")
    base = f"/share/{scene.status('train')['jobOutputDirectoryPathSegment']}/outputs/m"
    scene.until(
        lambda: scene.onlooker.run("sh", "-c", f"ls {base}/ready || true"), 60, "files", "train"
    )
    words = ("job", "file", "download", "-j", "train", "-d", "MODEL", "--destination")
    batchai.said(*words, tmp_path / "model")
    first = sums(tmp_path / "model")
    assert sorted(first) == ["deep/er/numbers", "ready", "w.bin"], "no link leads out"
    scene.onlooker.run("touch", f"{base}/done")
    scene.succeed("train")
    scene.kubectl.run("delete", "pods", "-n", scene.namespace, "-l", "batchai.dev/job=train")
    said = batchai.said(*words, tmp_path / "model")
    assert "2 files copied" in said
    assert "3 there already" in said
    everything = sums(tmp_path / "model")
    assert first.items() <= everything.items()
    assert everything["late"] == b"late\n"
    assert everything["w.bin"] == scene.onlooker.run("cat", f"{base}/w.bin")
    batchai.said(*words, tmp_path / "one", "-p", "deep/er/numbers")
    assert list(sums(tmp_path / "one")) == ["numbers"]
    batchai.said(*words, tmp_path / "x", "-p", "../..", code=1)
    batchai.said("job", "file", "download", "-j", "train", "-d", "NO", "--destination", tmp_path,
                code=3)  # fmt: skip


def _upload(batchai: Batchai, file: Path, folder: str) -> Running:
    """Start to upload a file; what is read of it is all that it says."""
    words = ("storage", "upload", file, "--share-name=logs", "-d", folder)
    return batchai.start(*words, errors=subprocess.STDOUT)


def _transfer_pods(scene: Scene) -> list[str]:
    found = scene.api.list("pods", scene.namespace, labels="batchai.dev/component=transfer")
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _until_partial(scene: Scene, file: str) -> None:
    """Wait beside the file, where a look costs nothing: a fast machine copies all in seconds."""
    look = f"[ $(stat -c %s /share/{file} 2>/dev/null || echo 0) -gt {BIG // 20} ]"
    scene.onlooker.run("timeout", "60", "sh", "-c", f"until {look}; do sleep 0.02; done")
