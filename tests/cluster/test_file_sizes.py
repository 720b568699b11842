"""Folders of ten thousand files and files of ten gigabytes need no more memory than small ones.

`--full` has the full size of the file; the bound on memory is that of the issue, 64 MB.
"""

import json
import time
from pathlib import Path

import pytest

from support.commandline import Batchai, in_scene
from support.objects import LOGS, a_job
from support.scene import Scene

FILES = 10_000
MEMORY = 64.0
OUTPUT = [{"id": "M", "pathPrefix": LOGS, "pathSuffix": "m"}]


@pytest.fixture(scope="module")
def batchai(scene: Scene, kubeconfig: Path) -> Batchai:
    return in_scene(scene, kubeconfig)


@pytest.fixture(scope="module")
def size(full: bool) -> int:
    return 10**10 if full else 10**9


@pytest.fixture(scope="module")
def job(scene: Scene, size: int) -> str:
    """A job that runs on; its big file is sparse, with something at its very end."""
    script = (
        f"cd $AZ_BATCHAI_OUTPUT_M; truncate -s {size} big; printf end >>big; mkdir many; cd many; "
        f"seq -f 'file-%05g' {FILES} | xargs touch; echo made; sleep 3600"
    )
    scene.submit(a_job("large", scene.namespace, script, outputDirectories=OUTPUT))
    scene.wait("large", "running", seconds=180)
    path = f"/share/{scene.folder('large')}/stdout.txt"
    scene.until(
        lambda: b"made" in scene.onlooker.run("sh", "-c", f"cat {path} || true"), 300, "the files"
    )
    return "large"


def test_ten_thousand_files_are_listed_page_by_page(batchai: Batchai, job: str) -> None:
    words = ("job", "file", "list", "-d", "M", "-p", "many", "-j", job)
    with batchai.start(*words) as listing:
        text = listing.read(200_000)
        # A page is printed before the next is asked for, so that most are still to come.
        assert text.count(b'"name"') < FILES
        peak = listing.peak_memory()
        text += listing.rest()
    assert peak < MEMORY
    names = [item["name"] for item in json.loads(text)]
    assert names == [f"file-{number:05}" for number in range(1, FILES + 1)]
    table = batchai(*words, "-o", "table").stdout.decode().splitlines()
    assert len(table) == FILES + 2
    assert len({line.index("file", 11) for line in table[2:]}) == 1, (
        "columns stand below each other"
    )


def test_a_large_file_is_streamed_in_constant_memory(batchai: Batchai, job: str, size: int) -> None:
    words = ("job", "file", "stream", "-d", "M", "-f", "big", "-j", job)
    zeros, got, began = bytes(1 << 20), 0, time.monotonic()
    with batchai.start(*words) as stream:
        while got < size:
            piece = stream.read(min(len(zeros), size - got))
            assert piece == zeros[: len(piece)], got
            assert piece, "the stream ended early"
            got += len(piece)
        assert stream.read(3) == b"end"
        peak = stream.peak_memory()
    print(f"{size / 1e6 / (time.monotonic() - began):.0f} MB/s, {peak:.0f} MB at most")  # noqa: T201
    assert peak < MEMORY
