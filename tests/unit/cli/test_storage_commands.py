"""`batchai storage` as far as no Pod is needed; the copies themselves run in tests/cluster."""

import io

import pytest

from batchai_operator.cli.files.progress import Progress, amount, counted, duration


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("upload x", "Give one of --share-name, --container-name, --claim."),
        ("upload x --share a --container b", "Give one of --share-name, --container-name, --claim"),
        ("download x --share logs", "set AZURE_BATCHAI_STORAGE_ACCOUNT"),
        ("list --container data", "Give --account-name"),
        ("upload x --claim c --parallel 0", "not in the range 1<=x<=16"),
    ],
)
def test_a_place_is_named_once_and_in_full(batchai, kube, words, complaint):
    done = batchai(f"storage {words}")
    assert done.exit_code == 2
    assert complaint in " ".join(done.stderr.split())
    assert kube.writes == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--share LOGS!", "azureFileShares"),
        ("--share logs --account-name <ACCOUNT>", "<ACCOUNT>"),
        ("--container b", "name of a blob container"),
    ],
)
def test_a_name_that_is_none_is_refused_before_a_pod_is_made(batchai, kube, words, complaint):
    done = batchai(f"storage list --account-name batchaidev {words}")
    assert done.exit_code == 1, done.stderr
    assert kube.writes == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_shows_a_bar_with_bytes_rate_and_time_left():
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock)
    progress.begin(2, 100_000_000)
    clock.now = 5.0
    progress.moved(25_000_000)
    progress.done("a", 25_000_000, skipped=False)
    clock.now = 6.0
    progress.moved(5_000_000)
    bars = stream.getvalue().split("\r")
    assert bars[1].rstrip() == (
        "[######..................] 25.0 MB of 100.0 MB  0 of 2 files  5.0 MB/s  0:00:15 left"
    )
    assert bars[2].startswith("[#######.................] 30.0 MB of 100.0 MB  1 of 2 files")
    progress.close()
    assert stream.getvalue().endswith("\r" + " " * len(bars[1]) + "\r")


def test_elsewhere_there_are_lines_and_not_too_many():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock)
    progress.begin(2, 2000)
    for _ in range(10):
        clock.now += 2
        progress.moved(100)
    progress.done("a\x1b[2J", 1000, skipped=False)
    progress.done("b", 1000, skipped=True)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "[######..................] 500 B of 2.0 KB  0 of 2 files  50 B/s  0:00:30 left",
        "[############............] 1.0 KB of 2.0 KB  0 of 2 files  50 B/s  0:00:20 left",
        "a\\u001b[2J  1.0 KB  copied",
        "b  1.0 KB  is there already",
    ]


def test_numbers_are_written_as_people_say_them():
    assert [amount(count) for count in (0, 999, 1000, 1_500_000, 10**16)] == [
        "0 B", "999 B", "1.0 KB", "1.5 MB", "10000.0 TB",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0.4, 61, 3725)] == ["0:00:00", "0:01:01", "1:02:05"]


@pytest.mark.parametrize(("files", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_one_file_is_no_plural(files, words):
    assert counted(files) == words
