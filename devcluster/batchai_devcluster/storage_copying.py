"""Moves files and trees into and out of shares and containers of the stand-in.

Called by storage.py. The work is done inside a Pod of the stand-in (`/storage admin`, see
../storage/admin); trees travel as tar through `kubectl exec`, so that it works on every provider.
"""

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from batchai_devcluster.errors import CommandError, DevclusterError
from batchai_devcluster.progress import Progress
from batchai_devcluster.storage_deploying import NAMESPACE

_MEGABYTE = 1 << 20


def admin(kubectl: Sequence[str], *words: str, stdin: str | None = None) -> str:
    """Run one command of the stand-in and return what it prints.

    Args:
        kubectl: how kubectl is called for the cluster.
        words: the command.
        stdin: what it reads, such as a secret that must not stand in a command line.
    """
    command = _command(kubectl, words, takes_input=stdin is not None)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandError(["storage", *words], done.returncode, done.stderr)
    return done.stdout


def put(kubectl: Sequence[str], local: Path, place: str) -> None:
    """Copy a file or a tree.

    Args:
        kubectl: how kubectl is called for the cluster.
        local: a file, or a folder whose content goes below the place.
        place: `share/NAME[/PATH]` or `container/NAME[/PATH]`; for a file PATH is its new name, or
            a folder when it ends in `/` or is missing.

    Raises:
        DevclusterError: there is no such file or no such share or container.
    """
    entries = _entries(local, place)
    total = sum(file.stat().st_size for file, _ in entries)
    progress = Progress(f"Copying {local.name} to {place}", max(total // _MEGABYTE, 1))
    words = ["put", place if local.is_dir() else _folder_of(place)]
    with subprocess.Popen(
        _command(kubectl, words, takes_input=True), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            _send(process, entries, progress)
        except BrokenPipeError:
            pass  # The other side has a reason, which is its message.
        except BaseException:
            progress.abandon()
            process.kill()
            raise
        _, complaint = process.communicate()
    if process.returncode != 0:
        progress.abandon()
        raise CommandError(["storage", *words], process.returncode, complaint.decode())
    progress.finish(f"{len(entries)} file(s), {total / _MEGABYTE:.1f} MB")


def get(kubectl: Sequence[str], place: str, local: Path) -> None:
    """Copy a file, or a tree into a folder, out of a share or container.

    Raises:
        DevclusterError: there is nothing at that place.
    """
    words = ["get", place]
    progress = Progress(f"Copying {place} to {local}")
    local.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=local.parent) as folder:
        with subprocess.Popen(
            _command(kubectl, words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            try:
                with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                    # Debian 12 has Python 3.11.2, whose tarfile does not know filters yet.
                    archive.extraction_filter = getattr(tarfile, "data_filter", None)
                    for entry in archive:
                        archive.extract(entry, folder)
                        progress.step(entry.name)
            except tarfile.ReadError:
                pass  # An empty answer; the other side has said why.
            _, complaint = process.communicate()
        if process.returncode != 0:
            progress.abandon()
            raise CommandError(["storage", *words], process.returncode, complaint.decode())
        _move(Path(folder), local, place.rstrip("/").rpartition("/")[2])
    progress.finish(f"{progress.done} file(s)")


def _command(
    kubectl: Sequence[str], words: Sequence[str], *, takes_input: bool = False
) -> list[str]:
    options = ["--stdin"] if takes_input else []
    return [
        *kubectl,
        f"--namespace={NAMESPACE}",
        "exec",
        *options,
        "daemonset/storage",
        "--container=storage",
        "--",
        "/storage",
        "admin",
        *words,
    ]


def _entries(local: Path, place: str) -> list[tuple[Path, str]]:
    """Return the files to send and their names at the place."""
    if local.is_dir():
        files = (path for path in sorted(local.rglob("*")) if path.is_file())
        return [(path, str(path.relative_to(local))) for path in files]
    if not local.is_file():
        raise DevclusterError(f"There is no file or folder {local}.")
    is_folder = place.endswith("/") or place.strip("/").count("/") < 2
    return [(local, local.name if is_folder else place.rpartition("/")[2])]


def _folder_of(place: str) -> str:
    if place.endswith("/") or place.strip("/").count("/") < 2:
        return place
    return place.rpartition("/")[0]


def _send(
    process: "subprocess.Popen[bytes]", entries: list[tuple[Path, str]], progress: Progress
) -> None:
    assert process.stdin is not None
    counted = _Counted(process.stdin, progress)
    with tarfile.open(fileobj=counted, mode="w|") as archive:  # type: ignore[call-overload]
        for file, name in entries:
            counted.name = name
            entry = archive.gettarinfo(file, name)
            with file.open("rb") as content:
                archive.addfile(entry, content)


class _Counted:
    """Counts the megabytes that are written."""

    def __init__(self, stream: io.IOBase | object, progress: Progress) -> None:
        self.name = ""
        self._stream = stream
        self._progress = progress
        self._bytes = 0

    def write(self, data: bytes) -> int:
        """Hand the data on."""
        self._stream.write(data)  # type: ignore[union-attr]
        self._bytes += len(data)
        while self._bytes >= _MEGABYTE:
            self._bytes -= _MEGABYTE
            self._progress.step(self.name)
        return len(data)


def _move(folder: Path, local: Path, name: str) -> None:
    """Put what was received in place: one file of the place's own name is that file."""
    received = list(folder.iterdir())
    if len(received) == 1 and received[0].is_file() and received[0].name == name:
        target = local / name if local.is_dir() else local
        received[0].replace(target)
        return
    shutil.copytree(folder, local, dirs_exist_ok=True)
