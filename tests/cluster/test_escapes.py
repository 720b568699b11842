"""Who reads a job's files sees its folders and nothing else, whatever the job has made in them.

Links, pipes, devices, and a folder that became a link, on the share and on local disk, are read
through `files` in the job's own sidecar. What a job can only wish for is in test_wishes.py.
"""

import json
from collections.abc import Callable, Iterator

import pytest

from support.api import Raw
from support.kubectl import Kubectl
from support.objects import LOGS, a_job
from support.scene import Scene

ROOT = "$AZ_BATCHAI_JOB_MOUNT_ROOT/logs"
OUTPUTS = [
    {"id": "SHARED", "pathPrefix": LOGS, "pathSuffix": "shared"},
    {"id": "LOCAL", "pathPrefix": "$AZ_BATCHAI_JOB_TEMP", "pathSuffix": "local"},
    {"id": "ROOTED", "pathPrefix": LOGS, "pathSuffix": "rooted"},
    {"id": "STOLEN", "pathPrefix": LOGS, "pathSuffix": "stolen"},
]
LINKS = {
    "folder": "/etc",
    "file": "/etc/hosts",
    "environ": "/proc/1/environ",
    "fd": "/proc/self/fd",
    "launcher": "/launcher",
    "spool": "/.batchai/spool",
    "up": "../../..",
    "top": "../../../../../../../../../../../../../..",
    "loop": "loop",
}
HOSTILE = """
cd "$1" && echo good >good
{links}
ln -s "{root}/$VICTIM" absolute
ln -s "$(realpath --relative-to=. {root}/$VICTIM)" relative
mkfifo fifo
mknod null c 1 3 || true
mknod disk b 8 0 || true
""".format(links="\n".join(f"ln -s {target} {name}" for name, target in LINKS.items()), root=ROOT)
SCRIPT = f"""
hostile() {{ {HOSTILE.replace(chr(10), "; ").replace("; ;", ";").strip("; ")}; }}
(hostile $AZ_BATCHAI_OUTPUT_SHARED); (hostile $AZ_BATCHAI_OUTPUT_LOCAL)
rmdir $AZ_BATCHAI_OUTPUT_ROOTED && ln -s / $AZ_BATCHAI_OUTPUT_ROOTED
rmdir $AZ_BATCHAI_OUTPUT_STOLEN
ln -s "$(realpath --relative-to=$(dirname $AZ_BATCHAI_OUTPUT_STOLEN) {ROOT}/$VICTIM/outputs)" \\
  $AZ_BATCHAI_OUTPUT_STOLEN
ls -l $AZ_BATCHAI_OUTPUT_SHARED; echo made
cd $AZ_BATCHAI_OUTPUT_SHARED; echo mine >swapped
while true; do
  mv swapped aside; ln -s /etc/hosts swapped; rm swapped; mv aside swapped
done
"""


@pytest.fixture(scope="module")
def victim(scene: Scene) -> str:
    """Folder on the share of a job whose output is nobody else's business."""
    output = [{"id": "MODEL", "pathPrefix": LOGS}]
    command = "echo of the victim >$AZ_BATCHAI_OUTPUT_MODEL/file"
    scene.submit(a_job("victim", scene.namespace, command, outputDirectories=output))
    return str(scene.succeed("victim", seconds=180)["jobOutputDirectoryPathSegment"])


@pytest.fixture(scope="module")
def hostile(scene: Scene, victim: str) -> Iterator[Raw]:
    """A job that has made all sorts of things in its folders, and goes on swapping one."""
    job = a_job("hostile", scene.namespace, SCRIPT, outputDirectories=OUTPUTS)
    job["spec"]["environmentVariables"] = [{"name": "VICTIM", "value": victim}]
    scene.submit(job)
    scene.wait("hostile", "running", seconds=120)
    scene.until(
        lambda: "made" in scene.onlooker.run(
            "sh", "-c", f"cat /share/{scene.folder('hostile')}/stdout.txt || true"
        ).decode(),
        120,
        "the things to be made",
        "hostile",
    )  # fmt: skip
    (pod,) = scene.wait_until_job_runs("hostile")
    yield pod
    # What goes on being swapped cannot be removed from the share.
    scene.api.delete("batchaijobs", "hostile", scene.namespace)
    scene.until(lambda: not scene.pods("hostile"), 180, "the hostile job to be gone")


@pytest.fixture
def files(kubectl: Kubectl, hostile: Raw) -> Callable[..., tuple[int, bytes]]:
    """Run `files` in the hostile job's sidecar; return its exit code and what it printed."""
    metadata = hostile["metadata"]

    def run(*words: str) -> tuple[int, bytes]:
        done = kubectl.try_run(
            "exec", f"--namespace={metadata['namespace']}", metadata["name"],
            "--container=batchai-sidecar", "--", "/launcher", "files", *words, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


Files = Callable[..., tuple[int, bytes]]


@pytest.mark.parametrize("directory", ["SHARED", "LOCAL"])
def test_a_listing_shows_what_is_in_the_folder_only(files: Files, directory: str) -> None:
    code, found = files("list", "--id", directory)
    assert code == 0
    names = {json.loads(line)["name"] for line in found.splitlines()}
    assert "good" in names
    assert names & {*LINKS, "absolute", "relative"} == set(), "a link that leads out is not shown"
    code, found = files("tree", "--id", directory)
    assert code == 0
    shown = {json.loads(line)["name"].split("/")[0] for line in found.splitlines()}
    assert shown & {*LINKS, "absolute", "relative"} == set()


@pytest.mark.parametrize("directory", ["SHARED", "LOCAL"])
def test_no_path_leads_out_of_the_folder(files: Files, directory: str) -> None:
    assert files("read", "--id", directory, "--path", "good") == (0, b"good\n")
    paths = [
        *LINKS, "folder/hosts", "up/stdouterr/stdout.txt", "top/etc/hosts", "/etc/hosts",
        "absolute/outputs/file", "relative/outputs/file", "../../stdouterr/stdout.txt",
        "good/../../x", "fifo", "null", "disk",
    ]  # fmt: skip
    for path in paths:
        code, found = files("read", "--id", directory, "--path", path)
        # What a device says to being opened is the kernel's business.
        assert code in ({1, 3} if path in {"null", "disk"} else {2, 3, 4}), (path, code, found)
        assert found == b"", path
    for path in ("folder", "up", "top", "relative", ".."):
        code, found = files("list", "--id", directory, "--path", path)
        assert (code in {3, 4}, found) == (True, b""), path


@pytest.mark.parametrize("directory", ["ROOTED", "STOLEN"])
def test_a_folder_that_became_a_link_is_not_followed(files: Files, directory: str) -> None:
    for words in (["list"], ["tree"], ["read", "--path", "file"], ["read", "--path", "launcher"]):
        assert files(words[0], "--id", directory, *words[1:]) == (4, b""), words


def test_mounts_that_were_moved_aside(scene: Scene, kubectl: Kubectl, mover: Raw) -> None:
    """A folder that holds a mount can be renamed, and a link put in its place."""
    for words in (["list"], ["read", "--path", "hosts"]):
        done = kubectl.try_run(
            "exec", f"--namespace={scene.namespace}", mover["metadata"]["name"],
            "--container=batchai-sidecar", "--", "/launcher", "files", words[0],
            "--id", "MOVED", *words[1:], timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (4, b""), done.stderr


@pytest.fixture
def mover(scene: Scene) -> Raw:
    """A job that has led the way to its volumes elsewhere; its Pod."""
    command = (
        "cd $AZ_BATCHAI_JOB_TEMP; below=${AZ_BATCHAI_OUTPUT_MOVED#*/mounts/}; "
        "mkdir -p fake/$(dirname $below) && ln -s /etc fake/$below && "
        "mv mounts moved && mv fake mounts; echo $? >moved-it; sleep 900"
    )
    outputs = [{"id": "MOVED", "pathPrefix": LOGS}]
    scene.submit(a_job("mover", scene.namespace, command, outputDirectories=outputs))
    scene.wait("mover", "running", seconds=120)
    (pod,) = scene.wait_until_job_runs("mover")
    told = "/mnt/batch/tasks/shared/LS_root/jobs/default/default/mover/moved-it"
    scene.until(
        lambda: scene.kubectl.try_run(
            "exec", f"--namespace={scene.namespace}", pod["metadata"]["name"], "--container=job",
            "--", "cat", told,
        ).stdout == b"0\n",
        60,
        "the mounts to be moved",
        "mover",
    )  # fmt: skip
    return pod


def test_what_is_swapped_while_it_is_read(files: Files) -> None:
    """The launcher's own tests do this thousands of times; here it is the real share."""
    for _ in range(8):
        code, found = files("read", "--id", "SHARED", "--path", "swapped")
        assert (code, found) in {(0, b"mine\n"), (3, b""), (4, b"")}


def test_ids_are_names_and_no_paths(files: Files) -> None:
    for directory in ("../stdouterr", "/etc", "SHARED/..", "NOBODY", "shared"):
        assert files("list", "--id", directory) == (3, b"")
