"""The examples say the same in both of their forms, and the data is what its README says."""

import gzip
import json
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).parents[3] / "examples"
DIGITS = EXAMPLES / "tensorflow-distributed" / "data" / "mnist_data"


@pytest.mark.parametrize(
    ("job_file", "manifest"),
    [
        ("tensorflow-distributed/job.json", "tensorflow-distributed/job.yaml"),
        ("custom-toolkit/hello.json", "custom-toolkit/hello.yaml"),
    ],
)
def test_manifest_is_the_job_file_plus_the_cluster(job_file: str, manifest: str) -> None:
    properties = json.loads((EXAMPLES / job_file).read_text())["properties"]
    spec = yaml.safe_load((EXAMPLES / manifest).read_text())["spec"]
    assert set(spec) - set(properties) == {"cluster"}
    del spec["cluster"]
    assert spec == properties


def test_every_example_is_in_the_index() -> None:
    index = (EXAMPLES / "README.md").read_text()
    for folder in EXAMPLES.iterdir():
        if folder.is_dir():
            assert f"({folder.name}/README.md)" in index


@pytest.mark.parametrize(("part", "count"), [("train", 1500), ("t10k", 297)])
def test_digits_are_idx_files(part: str, count: int) -> None:
    images = gzip.decompress((DIGITS / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((DIGITS / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    sizes = [int.from_bytes(images[start : start + 4], "big") for start in (0, 4, 8, 12)]
    assert sizes == [0x803, count, 8, 8]
    assert len(images) == 16 + count * 64
    assert len(labels) == 8 + count
    assert set(labels[8:]) == set(range(10))


def test_the_data_is_small() -> None:
    assert sum(file.stat().st_size for file in DIGITS.iterdir()) < 150_000
