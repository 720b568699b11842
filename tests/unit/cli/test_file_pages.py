"""Listings in pages look as if they were one; `cluster file list`; straight from storage."""

import base64
import json
from contextlib import asynccontextmanager

import pytest
from click.testing import CliRunner

from batchai_operator.cli.files.output import COLUMNS, listed
from batchai_operator.cli.main import cli
from batchai_operator.cli.rendering import render
from batchai_operator.cli.session import Session
from batchai_operator.engine.storageports import BlobEntry, ContainerGoneError
from batchai_operator.errors import ForbiddenError, NotFoundError, UnavailableError

from .objects import cluster, job, pod

NAMES = [*(f"file-{number}" for number in range(5)), "a-name-that-is-longer-than-all-before"]


SUFFIX = "s/Group/workspaces/default/clusters/nc6/u"


def entry(name):
    return {"name": name, "fileType": "file", "contentLength": 3, "lastModified": "2026"}


def pages(_, command):
    """The launcher, with two entries on a page."""
    start = int(command[command.index("--after") + 1]) if "--after" in command else 0
    lines = [json.dumps(entry(name)) for name in NAMES[start : start + 2]]
    if start + 2 < len(NAMES):
        lines.append(json.dumps({"more": str(start + 2)}))
    return ["\n".join(lines).encode() + b"\n", 0], ""


@pytest.fixture
def running(kube):
    thing = kube.add("batchaijobs", job("hello", "running"))
    kube.add("pods", pod(thing))
    kube.program = pages
    return thing


@pytest.mark.parametrize("form", ["json", "yaml", "tsv", "table"])
def test_pages_make_one_list(batchai, running, form):
    shown = batchai(f"job file list -j hello -o {form}").stdout
    whole = render([listed(entry(name)) for name in NAMES], form, COLUMNS) + "\n"
    if form == "table":
        # Widths are those of the pages so far, so that only blanks and dashes differ.
        words = [[w for w in text.split() if w.strip("-")] for text in (shown, whole)]
        assert words[0] == words[1]
        assert len(shown.splitlines()) == len(NAMES) + 2
    else:
        assert shown == whole


def test_a_page_whose_connection_breaks_is_asked_for_again(kube, batchai, running):
    broken = iter([False, True, True, False, False])

    def program(name, command):
        if next(broken):
            return [b'{"name": "file-', UnavailableError("broke")], ""
        return pages(name, command)

    kube.program = program
    shown = json.loads(batchai("job file list -j hello").stdout)
    assert [item["name"] for item in shown] == NAMES


class Container:
    def __init__(self, error=None):
        self.error = error

    async def walk(self, prefix):
        if self.error:
            raise self.error
        yield [BlobEntry(f"{prefix}sub/"), BlobEntry(f"{prefix}text", 4, "2026")]

    async def look(self, name):
        return BlobEntry(name, 4, "2026")

    async def read(self, _, offset, length=None):
        assert length is None
        yield b"text"[offset:]

    def link(self, name, minutes):
        return f"https://x/{name}?se={minutes}"


@pytest.fixture
def blob_job(kube):
    thing = job("blob", "succeeded")
    container = {"accountName": "acct", "containerName": "data", "relativeMountPath": "logs"}
    thing["spec"]["mountVolumes"] = {"azureBlobFileSystems": [container]}
    kube.add("batchaijobs", thing)
    name = "azure-storage-account-acct-secret"
    data = {"azurestorageaccountname": "acct", "azurestorageaccountkey": "a2V5"}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return kube.add("secrets", {"metadata": {"name": name}, "data": encoded})


def straight(kube, words, container, opened=None):
    @asynccontextmanager
    async def opening(*_):
        yield container

    def open_container(url, name, credential):
        if opened is not None:
            opened.append((url, name, credential))
        return opening()

    return CliRunner().invoke(cli, words.split(), obj=Session(kube.connect, open_container))


def test_blobs_are_listed_and_streamed_without_a_pod(kube, blob_job):
    opened = []
    done = straight(kube, "job file list -j blob --expiry 9", Container(), opened)
    folder, file = json.loads(done.stdout)
    assert (folder["name"], folder["downloadUrl"]) == ("sub", None)
    assert file["downloadUrl"].endswith("/stdouterr/text?se=9")
    ((url, name, credential),) = opened
    assert (url, name) == ("https://acct.blob.core.windows.net", "data")
    assert "a2V5" not in repr(credential)
    done = straight(kube, "job file stream -j blob -f text", Container())
    assert (done.exit_code, done.stdout, done.stderr) == (0, "text", "")
    assert kube.writes == []


class Bare(Container):
    """A container in which nothing is; storage tells one empty page."""

    async def walk(self, _):
        yield []

    async def look(self, name):
        raise NotFoundError(f"blob {name}: not found")


def test_a_path_that_is_not_there_is_an_error_as_through_a_pod(kube, blob_job):
    words = "file list --storage-account-name acct --bfs-name data"
    done = straight(kube, f"{words} -p zzz/nothing", Bare())
    assert (done.exit_code, "no file or folder zzz/nothing" in done.stderr) == (3, True)
    done = straight(kube, words, Bare())
    assert (done.exit_code, json.loads(done.stdout)) == (0, []), "the container itself is there"
    assert kube.writes == []


def test_a_secret_for_another_account_is_not_used(kube, blob_job):
    blob_job["data"]["azurestorageaccountname"] = base64.b64encode(b"other").decode()
    opened = []
    kube.on_create = _run
    kube.program = lambda *_: ([b"", 0], "")
    assert straight(kube, "job file list -j blob", Container(), opened).exit_code == 0
    assert opened == []
    assert kube.writes == [("create", "pods"), ("delete", "pods")]


@pytest.mark.parametrize("error", [ForbiddenError("refused."), UnavailableError("no answer.")])
def test_storage_that_cannot_be_asked_leads_to_a_pod(kube, blob_job, error):
    kube.on_create = _run
    kube.program = lambda *_: ([json.dumps(entry("by-pod")).encode(), 0], "")
    done = straight(kube, "job file list -j blob", Container(error))
    assert [item["name"] for item in json.loads(done.stdout)] == ["by-pod"]
    assert f"{error} The files are read through a Pod." in done.stderr


def _run(thing):
    state = {"name": "batchai-sidecar", "state": {"running": {}}}
    thing["status"] = {"phase": "Running", "containerStatuses": [state]}


def test_files_of_a_setup_task(kube, batchai):
    thing = kube.add("batchaiclusters", cluster())
    thing["spec"].pop("vmPriority")
    assert json.loads(batchai("cluster file list -c nc6").stdout) == []
    share = {"azureFileUrl": "https://a12.file.core.windows.net/logs", "relativeMountPath": "l"}
    thing["spec"]["nodeSetup"] = {
        "mountVolumes": {"azureFileShares": [share]},
        "setupTask": {"commandLine": "true", "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/l"},
    }
    assert json.loads(batchai("cluster file list -c nc6").stdout) == [], "nobody has seen it yet"
    thing["status"] = {**thing.get("status", {}), "stdOutErrPathSuffix": SUFFIX}
    made = []
    kube.on_create = lambda thing: (made.append(thing), _run(thing))
    folder = {"name": "sub", "fileType": "directory"}
    text = "".join(json.dumps(item) + "\n" for item in (entry("stdout-0.txt"), folder))
    kube.program = lambda *_: ([text.encode(), 0], "")
    table = batchai("cluster file list -c nc6 -o table").stdout.splitlines()
    assert [line.split() for line in table if not line.startswith("---")] == [
        ["Name", "Is", "directory", "Size"],
        ["stdout-0.txt", "no", "3"],
        ["sub", "yes"],
    ]
    assert f"/mounts/l/{SUFFIX}" in json.dumps(made[0]), "where the operator said"
    kube.program = lambda *_: ([3], "batchai: not found")
    assert json.loads(batchai("cluster file list -c nc6").stdout) == []
    mistyped = batchai("cluster file list -c nc6 -p typo")
    assert (mistyped.exit_code, "not found" in mistyped.stderr) == (3, True)
    thing["spec"]["nodeSetup"]["setupTask"]["stdOutErrPathPrefix"] = "/elsewhere"
    refused = batchai("cluster file list -c nc6")
    assert (refused.exit_code, "supported only" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    "command",
    [
        "cluster file list -c nc6",
        "file list -c nc6",
        "file stream -c nc6 -p x",
        "job file list -j hello",
        "job file stream -j hello -f x",
        "job file download -j hello --destination {there}",
    ],
)
def test_an_object_that_makes_no_sense_is_told(kube, batchai, command, tmp_path):
    """It may be of another version, or older than a rule that refuses it."""
    thing = kube.add("batchaiclusters", cluster())
    thing["spec"]["nodeSetup"] = {"mountVolumes": {"azureFileShares": [{"azureFileUrl": "x"}]}}
    kube.add("batchaijobs", job("hello", "succeeded"))
    done = batchai(command.format(there=tmp_path))
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert "luster" in done.stderr
    assert "nodeSetup.mountVolumes.azureFileShares[0].relativeMountPath: Field required" in (
        done.stderr
    )


def test_a_cluster_is_shown_whose_status_makes_no_sense(kube, batchai):
    thing = kube.add("batchaiclusters", cluster())
    thing["spec"]["autoStorage"] = True
    thing["status"] = {"autoStorage": {"account": 7}}
    for command in ("cluster show -n nc6", "cluster list"):
        assert '"name": "nc6"' in batchai(command).stdout


@pytest.mark.usefixtures("blob_job")
def test_a_setup_tasks_container_that_is_gone_is_told(kube):
    thing = kube.add("batchaiclusters", cluster())
    thing["spec"].pop("vmPriority")
    container = {"accountName": "acct", "containerName": "data", "relativeMountPath": "l"}
    thing["spec"]["nodeSetup"] = {
        "mountVolumes": {"azureBlobFileSystems": [container]},
        "setupTask": {"commandLine": "true", "stdOutErrPathPrefix": "$AZ_BATCHAI_MOUNT_ROOT/l"},
    }
    thing["status"] = {**thing.get("status", {}), "stdOutErrPathSuffix": SUFFIX}
    gone = Container(ContainerGoneError("Container data does not exist."))
    done = straight(kube, "cluster file list -c nc6", gone)
    assert (done.exit_code, "data does not exist" in done.output) == (3, True)


def test_a_reader_that_is_killed_is_replaced_by_another(kube, batchai):
    """In the middle of a frame; and the API server is away for a moment, too."""
    thing = kube.add("batchaijobs", job("hello", "succeeded"))
    kube.on_create = _run
    text, offsets = b"0123456789" * 1000, []
    away = iter([False, False, True, False, False])

    def program(name, command):
        offsets.append(int(command[command.index("--offset") + 1]))
        if len(offsets) == 1:
            del kube.objects["pods", "team", name]
            return [text[:4321], 137], ""
        assert command[command.index("--seen") + 1]
        return [text[offsets[-1] :], 0], ""

    def look(found):
        if found is thing and next(away, False):
            raise UnavailableError("the API server is away")

    kube.program, kube.on_get = program, look
    done = batchai("job file stream -j hello -f model")
    assert (done.exit_code, done.stdout_bytes) == (0, text)
    assert offsets == [0, 4321]
    assert kube.writes == [("create", "pods"), ("create", "pods"), ("delete", "pods")]
