"""`job file list` and `job file stream`: every byte once, wherever the job's Pods are."""

import json

import pytest

from batchai_operator.cli.files.download import JobSources
from batchai_operator.engine.files import awaiting, lastoutput, ownpods, readers, reading
from batchai_operator.errors import UnavailableError
from batchai_operator.settings import Settings

from .objects import job, pod

LINES = "".join(f"Schritt {number}: Genauigkeit 99 %, größer\n" for number in range(200)).encode()
READER = "reader"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(readers, "SETTLE_SECONDS", 0)


class Share:
    """The job's folder: what has been written of one file, and who reads it from where."""

    def __init__(self, kube, thing, content=LINES):
        self.kube, self.job, self.content = kube, thing, content
        self.written = len(content)
        self.exists = True
        self.offsets = []

    def end_job(self, state="succeeded"):
        self.job["status"]["executionState"] = state
        for (plural, _, _), thing in self.kube.objects.items():
            if plural == "pods" and thing["metadata"].get("labels"):
                thing["status"] = {"phase": "Succeeded"}

    def follow(self, pod_name, command):
        offset = int(command[command.index("--offset") + 1])
        self.offsets.append((pod_name, offset))
        return offset


def start_readers(kube):
    """Let a kubelet run whatever reader Pod is created."""

    def run(thing):
        if "containers" in thing.get("spec", {}):
            state = {"name": "batchai-sidecar", "state": {"running": {}}}
            thing["status"] = {"phase": "Running", "containerStatuses": [state]}

    kube.on_create = run


def reader_pods(kube):
    return [name for name in kube.names("pods") if READER in name]


def running(kube, nodes=1):
    thing = kube.add("batchaijobs", job("hello", "running"))
    thing["spec"]["nodeCount"] = nodes
    for index in range(nodes):
        kube.add("pods", pod(thing, index))
    start_readers(kube)
    return thing


def test_a_running_job_is_followed_in_its_sidecar(kube, batchai):
    share = Share(kube, running(kube))

    def program(name, command):
        assert command[:3] == ["/launcher", "files", "follow"]
        assert command[command.index("--path") + 1] == "stdout.txt"
        share.follow(name, command)
        return [LINES[:1000], LINES[1000:], 0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, LINES, "")
    assert share.offsets == [("hello-0", 0)]
    assert kube.writes == []


@pytest.mark.parametrize("cut", [0, 1, 33, 34, 35, 1000, len(LINES)])
def test_a_broken_connection_is_taken_up_at_the_byte_where_it_broke(kube, batchai, cut):
    share = Share(kube, running(kube))

    def program(name, command):
        offset = share.follow(name, command)
        if len(share.offsets) < 4:
            return [LINES[offset : offset + cut], UnavailableError("broke")], ""
        return [LINES[offset:], 0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)


def test_a_launcher_that_packs_nothing_is_asked_again_without(kube, batchai):
    share = Share(kube, running(kube))
    asked = []

    def program(name, command):
        asked.append("--packed" in command)
        if "--packed" in command:
            return [2], "flag provided but not defined: -packed"
        offset = share.follow(name, command)
        if offset:
            return [LINES[offset:], 0], ""
        return [LINES[:1000], UnavailableError("broke")], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, LINES, "")
    assert asked == [True, False, False]


def test_the_end_of_the_job_leads_to_a_reader_pod_which_is_removed(kube, batchai):
    share = Share(kube, running(kube))

    def program(name, command):
        offset = share.follow(name, command)
        if name == "hello-0":
            share.end_job()
            # Cut in the middle of a character: bytes are all that counts.
            return [LINES[:31], UnavailableError("the container went away")], ""
        return [LINES[offset:], 0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)
    assert [offset for _, offset in share.offsets] == [0, 31]
    assert kube.writes == [("create", "pods"), ("delete", "pods")]
    assert reader_pods(kube) == []


def test_with_several_nodes_a_reader_has_the_last_word(kube, batchai):
    """Node 1's last output reaches the share after node 0's sidecar is done."""
    share = Share(kube, running(kube, nodes=2))
    late = LINES[:-50]

    def program(name, command):
        offset = share.follow(name, command)
        if name == "hello-0":
            if len(share.offsets) == 3:
                share.end_job()
            return [late[offset:], 0], ""
        return [LINES[offset:], 0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout-wk-1.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)
    assert share.offsets[-1][1] == len(late)


def test_a_reader_waits_until_all_nodes_have_shipped_their_output(kube, batchai):
    thing = running(kube, nodes=2)
    thing["status"]["executionState"] = "succeeded"
    kube.objects["pods", "team", "hello-0"]["status"]["phase"] = "Succeeded"
    looks = iter(range(100))

    def drain(_):
        if next(looks) == 5:
            assert reader_pods(kube) == []
            kube.objects["pods", "team", "hello-1"]["status"]["phase"] = "Succeeded"

    kube.on_get = drain
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)
    assert next(looks) > 5


WORDS = {
    "version": 1,
    "bytes": 7,
    "missing": [{"file": "stdout.txt", "bytes": 7}],
    "reason": "input/output error",
}
LOST = "Node 0: up to 7 bytes of output are not on the volume (stdout.txt 7)"


def test_the_end_that_a_sidecar_could_not_save_is_told(kube, batchai):
    """The operator has not said so yet, or is down."""
    thing = running(kube)
    Share(kube, thing).end_job(state="failed")
    ended = {"terminated": {"exitCode": 137, "message": json.dumps(WORDS)}}
    status = kube.objects["pods", "team", "hello-0"]["status"]
    status["initContainerStatuses"] = [{"name": "batchai-sidecar", "state": ended}]
    kube.program = lambda *_: ([LINES[:-7], 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (1, LINES[:-7])
    assert f'The end of "stdout.txt" may be missing. {LOST}' in done.stderr
    assert reader_pods(kube) == []


@pytest.mark.parametrize(("directory", "code"), [("stdouterr", 1), ("MODEL", 0)])
@pytest.mark.parametrize("is_there", [True, False])
def test_the_operators_word_counts_for_logs(kube, batchai, directory, code, is_there):
    """Nothing is waited for: it has seen the last of the nodes, or given it up."""
    thing = running(kube)
    thing["spec"]["outputDirectories"] = [
        {"id": "MODEL", "pathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"}
    ]
    thing["status"]["executionState"] = "failed"
    thing["status"]["conditions"] = [
        {"type": "LogsIncomplete", "status": "True", "reason": "NodeLost", "message": LOST}
    ]
    kube.program = lambda *_: ([LINES, 0] if is_there else [3], "")
    done = batchai(f"job file stream -j hello -f x -d {directory}")
    assert (done.exit_code, done.stdout_bytes) == (code, LINES if is_there else b"")
    assert (f'The end of "x" may be missing. {LOST}' in done.stderr) is bool(code)


def test_nodes_that_do_not_end_are_waited_for_aloud_and_not_for_ever(kube, batchai, monkeypatch):
    monkeypatch.setattr(lastoutput, "TALK_SECONDS", 0)
    monkeypatch.setattr(lastoutput, "DRAIN_SECONDS", 0.2)
    thing = running(kube)
    thing["status"]["executionState"] = "failed"
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (1, LINES)
    first, *_, last = done.stderr.splitlines()
    assert first == "The job has ended; Pod hello-0 saves its last output."
    assert "Pod hello-0 has not ended" in last


def test_a_node_that_never_started_is_not_waited_for(kube, batchai, monkeypatch):
    monkeypatch.setattr(lastoutput, "DRAIN_SECONDS", 1e9)
    thing = running(kube, nodes=2)
    Share(kube, thing).end_job(state="failed")
    kube.objects["pods", "team", "hello-1"]["status"] = {"phase": "Pending"}
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)


def test_files_are_there_although_nobody_wrote_the_end(kube, batchai):
    """The operator is down, the Pods have ended."""
    thing = running(kube)
    Share(kube, thing).end_job(state="running")
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)


def test_what_was_not_saved_is_told_although_nobody_wrote_the_end(kube, batchai):
    thing = running(kube)
    Share(kube, thing).end_job(state="running")
    ended = {"terminated": {"exitCode": 137, "message": json.dumps(WORDS)}}
    status = kube.objects["pods", "team", "hello-0"]["status"]
    status["initContainerStatuses"] = [{"name": "batchai-sidecar", "state": ended}]
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, LOST in done.stderr) == (1, True)


def test_pods_of_an_earlier_run_are_not_the_end_of_a_job(kube, batchai):
    """A node refused its Pod; the job waits for its next run, and so does the stream."""
    thing = running(kube)
    thing["status"] |= {"executionState": "queued", "attempt": 2}
    kube.objects["pods", "team", "hello-0"]["status"] = {"phase": "Failed", "reason": "OutOfcpu"}
    looks = iter(range(100))

    def pass_time(found):
        if found is thing and next(looks) == 20:
            assert reader_pods(kube) == []
            thing["status"]["executionState"] = "running"
            node = kube.add("pods", pod(thing, 0))
            node["metadata"]["labels"]["batchai.dev/attempt"] = "2"

    kube.on_get = pass_time
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)
    assert next(looks) > 20


def test_a_file_that_comes_late_is_announced(kube, batchai, monkeypatch):
    monkeypatch.setattr(reading, "LATE_SECONDS", -1)
    thing = kube.add("batchaijobs", job("hello", "queued"))
    looks = iter(range(100))

    def start(_):
        if next(looks) == 5:
            thing["status"]["executionState"] = "running"
            kube.add("pods", pod(thing))

    kube.on_get = start
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)
    assert done.stderr == ('The file "stdout.txt" not found. Waiting for the job to generate it.\n')


def test_a_job_that_cannot_start_says_why_once(kube, batchai, monkeypatch):
    """Its sidecar may run all the while, and the empty file may be there."""
    monkeypatch.setattr(reading, "LATE_SECONDS", -1)
    monkeypatch.setattr(awaiting, "NEWS_SECONDS", 0.01)
    thing = running(kube)
    texts = ["No node has room.", "No node has room.", "Cannot pull image x.", "No node has room."]
    thing["status"] |= {"executionState": "queued", "message": texts[0]}

    def pass_time(found):
        if found is thing and texts:
            thing["status"]["message"] = texts.pop(0)
        elif found is thing:
            thing["status"] |= {"executionState": "running", "message": "Runs."}

    kube.on_get = pass_time
    kube.program = lambda *_: ([b"", 1.0, LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)
    assert done.stderr.splitlines()[-2:] == ["No node has room.", "Cannot pull image x."]


def test_an_empty_file_is_not_said_to_be_missing(kube, batchai, monkeypatch):
    """A program may print nothing for hours."""
    monkeypatch.setattr(reading, "LATE_SECONDS", 0.5)
    share = Share(kube, running(kube))

    def program(name, command):
        share.follow(name, command)
        return [b"", 1.0, 0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, b"", "")


def test_a_file_that_never_came_is_told_and_exits_0(kube, batchai):
    Share(kube, running(kube)).end_job(state="failed")
    kube.program = lambda *_: ([3], "batchai: not found")
    done = batchai("job file stream -j hello -f nope.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, b"")
    assert done.stderr.splitlines()[-1] == 'The file "nope.txt" not found for the completed job.'
    assert reader_pods(kube) == []


@pytest.mark.parametrize("state", ["queued", "running"])
@pytest.mark.parametrize("command", ["stream -j hello -f x", "list -j hello"])
def test_an_id_that_does_not_exist_is_an_error_at_once(kube, batchai, command, state):
    running(kube)["status"]["executionState"] = state
    kube.program = lambda *_: pytest.fail("no launcher needs to be asked")
    done = batchai(f"job file {command} -d NOPE")
    assert (done.exit_code, 'no folder with the id "NOPE"' in done.stderr) == (3, True)


def test_a_job_that_is_just_starting_is_waited_for(kube, batchai):
    """Its node may take a minute for its folders; until then the launcher knows none."""
    share = Share(kube, running(kube))

    def program(name, command):
        share.follow(name, command)
        if len(share.offsets) < 30:
            return [3], "batchai: not found"
        return [LINES, 0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES)


def preparing(kube):
    """A job whose first node makes its folders: the sidecar's postStart has not ended."""
    running(kube)
    sidecar = kube.objects["pods", "team", "hello-0"]["status"]["initContainerStatuses"][0]
    sidecar["started"] = False
    return sidecar


def test_a_list_waits_a_little_for_the_folders_of_a_job_that_is_starting(kube, batchai):
    sidecar, looks = preparing(kube), iter(range(100))

    def program(*_):
        if next(looks) < 3:
            return [3], "batchai: not found"
        sidecar["started"] = True
        return [b'{"name": "stdout.txt", "fileType": "file", "contentLength": 0}\n', 0], ""

    kube.program = program
    done = batchai("job file list -j hello")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [item["name"] for item in json.loads(done.stdout)] == ["stdout.txt"]


def test_a_list_of_a_job_that_takes_long_to_start_is_empty_and_says_why(kube, batchai):
    preparing(kube)
    kube.program = lambda *_: ([3], "batchai: not found")
    done = batchai("job file list -j hello")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert done.stderr == (
        "The job's first node has not made its folders yet, so there are no files.\n"
    )


def test_a_folder_that_is_missing_when_the_job_runs_is_an_error(kube, batchai):
    preparing(kube)["started"] = True
    kube.program = lambda *_: ([3], "batchai: not found: sub")
    done = batchai("job file list -j hello -p sub")
    assert (done.exit_code, "not found: sub" in done.stderr) == (3, True)


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_a_download_waits_for_a_job_that_is_starting(kube, state):
    sidecar, told, looks = preparing(kube), [], iter(range(100))
    thing = kube.objects["batchaijobs", "team", "hello"]
    node = kube.objects.pop(("pods", "team", "hello-0"))
    thing["status"]["executionState"] = state

    def pass_time(found):
        at = next(looks) if found is thing else -1
        if at == 3:
            kube.add("pods", node)
        sidecar["started"] = at > 6

    kube.on_get = pass_time
    finder = readers.Readers(kube, Settings(), told.append)
    sources = JobSources(kube, finder, thing, "stdouterr", told.append)
    assert (await sources.find()).pod == "hello-0"
    assert next(looks) > 7
    assert told == ["The job has not started. Waiting for it."]


def test_a_folder_that_vanishes_in_mid_stream_is_told(kube, batchai):
    """Somebody has removed the share of a job that runs on; nothing would ever come again."""
    share = Share(kube, running(kube))

    def program(name, command):
        share.follow(name, command)
        return ([LINES, 3] if len(share.offsets) == 1 else [3]), "batchai: no such directory"

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (3, LINES)
    assert "no such directory" in done.stderr


def test_a_file_that_is_there_and_empty_is_not_awaited_aloud(kube, batchai, monkeypatch):
    share = Share(kube, running(kube, nodes=2))
    monkeypatch.setattr(reading, "LATE_SECONDS", 0)

    def program(name, command):
        share.follow(name, command)
        if len(share.offsets) == 20:
            share.end_job()
        return [0], ""

    kube.program = program
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, b"", "")


def test_a_path_that_leaves_the_folder_is_refused(kube, batchai):
    running(kube)
    kube.program = lambda *_: ([4], "batchai: the path leads out of the folder")
    for command in ("list -j hello -p ../x", "stream -j hello -f ../x"):
        done = batchai(f"job file {command}")
        assert (done.exit_code, "leads out of the folder" in done.stderr) == (1, True)


def test_files_on_a_volume_of_a_cluster_that_is_gone_are_not_said_to_be_missing(kube, batchai):
    thing = running(kube)
    thing["spec"]["stdOutErrPathPrefix"] = "$AZ_BATCHAI_MOUNT_ROOT/autoafs/logs"
    Share(kube, thing).end_job()
    kube.program = lambda *_: pytest.fail("an emptyDir needs no look")
    for command in ("list -j hello", "stream -j hello -f stdout.txt"):
        done = batchai(f"job file {command}")
        assert done.exit_code == 3
        assert "volume of cluster nc6, which is gone" in done.stderr
        assert "batchai file list" in done.stderr
    assert kube.writes == []


def test_files_on_a_file_server_that_is_gone_are_not_said_to_be_missing(kube, batchai):
    thing = running(kube)
    thing["spec"]["mountVolumes"] = {
        "fileServers": [{"fileServer": {"id": "nas"}, "relativeMountPath": "logs"}]
    }
    Share(kube, thing).end_job()
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, "file server nas, which is gone" in done.stderr) == (3, True)
    assert kube.writes == []


@pytest.mark.parametrize(("is_named", "words"), [(False, True), (True, False)])
def test_who_must_guess_the_launchers_image_says_so(kube, batchai, monkeypatch, is_named, words):
    if is_named:
        monkeypatch.setenv("BATCHAI_OPERATOR_LAUNCHER_IMAGE", "mine:1")
    kube.add("batchaijobs", job("hello", "succeeded"))
    start_readers(kube)
    kube.program = lambda *_: ([LINES, 0], "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert done.exit_code == 0
    assert ("BATCHAI_OPERATOR_LAUNCHER_IMAGE may name another" in done.stderr) is words


def test_a_job_that_never_had_a_place_for_files_says_why(kube, batchai):
    error = {"code": "UnsupportedToolkit", "message": "caffeSettings is not supported yet"}
    thing = kube.add("batchaijobs", job("hello", "failed", errors=[error]))
    del thing["status"]["jobOutputDirectoryPathSegment"]
    for command in ("list -j hello", "stream -j hello -f stdout.txt"):
        done = batchai(f"job file {command}")
        assert done.exit_code == 3
        assert "caffeSettings is not supported yet" in done.stderr
    assert kube.writes == []


def test_list_of_a_running_and_of_an_ended_job(kube, batchai, golden):
    thing = running(kube)
    thing["spec"]["outputDirectories"] = [
        {"id": "MODEL", "pathPrefix": "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs", "pathSuffix": "Models"}
    ]
    items = [
        {"name": "logs", "fileType": "directory"},
        {
            "name": "stdout.txt",
            "fileType": "file",
            "contentLength": 3,
            "lastModified": "2026-11-24T04:00:10.000Z",
        },
    ]

    def program(_, command):
        words = ["--id", "MODEL", "--path", "sub", "--limit", "1000"]
        assert command == ["/launcher", "files", "list", *words]
        text = "".join(json.dumps(item) + "\n" for item in items).encode()
        # Pieces of an exec do not end where lines end.
        return [text[:20], text[20:], 0], ""

    kube.program = program
    command = "job file list -j hello -d MODEL -p sub"
    while_running = batchai(command)
    golden("files.json", while_running.stdout)
    golden("files.txt", batchai(f"{command} -o table").stdout)
    Share(kube, thing).end_job()
    assert batchai(command).stdout == while_running.stdout
    assert kube.writes == [("create", "pods"), ("delete", "pods")]


def test_list_of_a_queued_job_is_empty(kube, batchai):
    kube.add("batchaijobs", job("hello", "queued"))
    done = batchai("job file list -j hello")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert "has not started" in done.stderr


def test_a_reader_that_cannot_start_is_removed_and_says_why(kube, batchai, monkeypatch):
    monkeypatch.setattr(ownpods, "START_SECONDS", 3.0)
    Share(kube, running(kube)).end_job()

    def stuck(thing):
        thing["status"] = {"phase": "Pending", "containerStatuses": []}
        thing["metadata"]["uid"] = "reader-uid"
        event = {"reason": "FailedMount", "message": "mount error(113): No route to host"}
        about = {"involvedObject": {"uid": "reader-uid"}, "lastTimestamp": "2026-11-24T04:00:00Z"}
        kube.add("events", {"metadata": {"name": "e"}, **event, **about})

    kube.on_create = stuck
    done = batchai("job file stream -j hello -f stdout.txt")
    assert done.exit_code == 1
    assert "does not start: FailedMount: mount error(113)" in done.stderr
    assert reader_pods(kube) == []


def test_ctrl_c_ends_a_stream_with_0_and_leaves_no_pod(kube, batchai):
    Share(kube, running(kube)).end_job()

    def interrupted(*_):
        yield LINES[:10]
        raise KeyboardInterrupt

    kube.program = lambda *_: (interrupted(), "")
    done = batchai("job file stream -j hello -f stdout.txt")
    assert (done.exit_code, done.stdout_bytes) == (0, LINES[:10])
    assert reader_pods(kube) == []


def test_the_reader_uses_the_launcher_that_the_job_had(kube, batchai):
    Share(kube, running(kube)).end_job()
    images = []
    start = kube.on_create

    def note(thing):
        images.append(thing["spec"]["containers"][0]["image"])
        start(thing)

    kube.on_create = note
    kube.program = lambda *_: ([0], "")
    batchai("job file stream -j hello -f stdout.txt")
    assert images == ["r/launcher:7"]
