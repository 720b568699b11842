"""`batchai file list` and `batchai file stream`: what they say of what is not there or wrong."""

import pytest

FLAGS = "--storage-account-name acct --afs-name logs"


def start_readers(kube):
    def run(thing):
        state = {"name": "batchai-sidecar", "state": {"running": {}}}
        thing["status"] = {"phase": "Running", "containerStatuses": [state]}

    kube.on_create = run


def test_a_file_is_printed_and_one_that_is_missing_is_an_error(kube, batchai):
    start_readers(kube)
    kube.program = lambda *_: ([b"text", 0], "")
    done = batchai(f"file stream -p seg/out.txt {FLAGS}")
    assert (done.exit_code, done.stdout_bytes) == (0, b"text")
    kube.program = lambda *_: ([3], "batchai: not found")
    done = batchai(f"file stream -p seg/nope.txt {FLAGS}")
    assert (done.exit_code, done.stdout_bytes) == (3, b"")
    assert done.stderr.splitlines()[-1] == 'ERROR: The file "seg/nope.txt" not found.'
    assert kube.names("pods") == []


@pytest.mark.parametrize(
    "volumes",
    [
        {"azureBlobFileSystems": [{"accountName": "acct", "containerName": "NO", "x": 1}]},
        {"azureBlobFileSystems": ["text"]},
        {"fileServers": [{"relativeMountPath": "nfs"}]},
    ],
)
@pytest.mark.parametrize("command", ["file list", "file stream -p x"])
def test_volumes_that_make_no_sense_are_an_error_that_names_them(batchai, write, volumes, command):
    path = write({"properties": {"mountVolumes": volumes}})
    done = batchai(f"{command} -f {path}")
    assert done.exit_code == 1
    assert f"mountVolumes.{next(iter(volumes))}" in done.stderr
