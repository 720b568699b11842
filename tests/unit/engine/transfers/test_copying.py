"""Copies there and back: every byte, once, also over connections that break.

The place is a folder of this machine (folder.py); waiting between tries takes no time.
"""

import asyncio
import os
from pathlib import Path

import pytest

from batchai_operator.engine.files.ownpods import StartError
from batchai_operator.engine.transfers.copying import download, upload
from batchai_operator.engine.transfers.localfiles import survey
from batchai_operator.engine.transfers.place import Entry
from batchai_operator.errors import ForbiddenError, NotFoundError, RejectedError, UnavailableError

from .folder import Folder, Silence

BIG = bytes(range(256)) * 8192


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    breathe = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: breathe(0))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, data in {"a.txt": b"a", "sub/empty": b"", "sub/deep/ä b": BIG}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "hollow" / "inner").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    (tmp_path / "place").mkdir()
    return Folder(tmp_path / "place")


def content(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_dir() or path.is_file()
    }


async def test_a_tree_there_and_back(tree, place, tmp_path):
    meter = Silence()
    sent = await upload(place, tree, "to/here", meter, parallel=3)
    assert (sent.copied, sent.skipped, sent.failures) == (3, 0, {})
    assert content(place.root / "to/here") == content(tree)
    assert (meter.files, meter.there) == (3, meter.size)
    back = tmp_path / "back"
    got = await download(place, "to/here", back, Silence(), parallel=3)
    assert (got.copied, got.size) == (3, len(BIG) + 1)
    assert content(back) == content(tree)


async def test_what_is_there_is_left_alone(tree, place, tmp_path):
    await upload(place, tree, "", Silence(), parallel=2)
    place.offsets.clear()
    # The place gave the files times of its own, as a container does: the content tells.
    os.utime(place.root / "a.txt", (1, 1))
    meter = Silence()
    again = await upload(place, tree, "", meter, parallel=2)
    assert (again.copied, again.skipped, place.offsets) == (0, 3, [])
    assert meter.there == meter.size
    (tree / "a.txt").write_bytes(b"b")
    changed = await upload(place, tree, "", Silence(), parallel=2)
    assert (changed.copied, (place.root / "a.txt").read_bytes()) == (1, b"b")


async def test_the_same_size_and_time_is_not_read_again(tree, place, tmp_path, monkeypatch):
    await download(await _filled(place, tree), ".", tmp_path / "back", Silence(), parallel=1)
    monkeypatch.setattr(place, "md5", None)
    again = await download(place, ".", tmp_path / "back", Silence(), parallel=1)
    assert (again.copied, again.skipped) == (0, 3)


async def _filled(place: Folder, tree: Path) -> Folder:
    await upload(place, tree, "", Silence(), parallel=1)
    place.offsets.clear()
    return place


async def test_an_upload_goes_on_where_it_broke(tree, place):
    place.breaks_after = [300_000, 700_000]
    meter = Silence()
    done = await upload(place, tree / "sub" / "deep", "x", meter, parallel=1)
    assert place.offsets == [("x/ä b", 0), ("x/ä b", 300_000), ("x/ä b", 1_000_000)]
    assert (done.copied, (place.root / "x/ä b").read_bytes() == BIG) == (1, True)
    assert meter.there == meter.size


async def test_a_download_goes_on_where_it_broke(tree, place, tmp_path):
    await _filled(place, tree)
    place.breaks_after = [300_000, 700_000]
    meter = Silence()
    await download(place, "sub/deep/ä b", tmp_path / "back", meter, parallel=1)
    assert [offset for _, offset in place.offsets] == [0, 300_000, 1_000_000]
    assert (tmp_path / "back" / "ä b").read_bytes() == BIG
    assert meter.there == meter.size


async def test_a_command_goes_on_where_another_was_killed(tree, place, tmp_path):
    await _filled(place, tree)
    back = tmp_path / "back"
    back.mkdir()
    (back / ".ä b.batchai-part").write_bytes(BIG[:12_345])
    await download(place, "sub/deep/ä b", back, Silence(), parallel=1)
    assert [offset for _, offset in place.offsets] == [12_345]
    assert [path.name for path in back.iterdir()] == ["ä b"]


async def test_two_commands_never_write_one_file(tree, place, tmp_path):
    await _filled(place, tree)
    back, others = tmp_path / "back", []

    async def second() -> None:
        others.append(await download(Folder(place.root), "sub/deep", back, Silence(), parallel=1))

    class Meter(Silence):
        def moved(self, count):
            super().moved(count)
            if self.there == 100_000:  # In the midst of the file.
                others.append(asyncio.ensure_future(second()))

    class Slow(Folder):
        async def read(self, path, offset, length):
            async for piece in super().read(path, offset, length):
                await asyncio.sleep(0)
                yield piece

    first = await download(Slow(place.root), "sub/deep", back, Meter(), parallel=1)
    await others[0]
    assert (first.copied, first.failures) == (1, {})
    assert content(back) == {"ä b": BIG}
    (refused,) = others[1].failures.values()
    assert "ä b: another command copies to it" in str(refused)


async def test_two_uploads_of_one_name_are_not_in_each_others_way(tree, place, tmp_path):
    other = tmp_path / "other" / "ä b"
    other.parent.mkdir()
    other.write_bytes(BIG[::-1])
    place.breaks_after = [300_000]
    second: list[object] = []

    class Meter(Silence):
        def troubled(self, reason):
            super().troubled(reason)  # The first is half there; now the second comes.
            sending = upload(place, other, "", Silence(), parallel=1)
            second.append(asyncio.ensure_future(sending))

    first = await upload(place, tree / "sub" / "deep", "", Meter(), parallel=1)
    (done,) = [await task for task in second]
    assert (first.failures, done.failures) == ({}, {})
    assert [offset for _, offset in place.offsets if offset] == [300_000], "what was there stays"
    assert (place.root / "ä b").read_bytes() in {BIG, BIG[::-1]}
    assert [path.name for path in place.root.iterdir()] == ["ä b"]


def test_the_key_of_a_file_changes_with_it(tree):
    def keys():
        return [local.key for local in survey(tree)[0]]

    before = keys()
    assert (keys(), len(set(before))) == (before, 3)
    os.utime(tree / "a.txt", (1, 1))
    assert (keys()[0] != before[0], keys()[1:]) == (True, before[1:])


@pytest.fixture
def unreadable_names(tree: Path) -> None:
    for name in (b"a\xff", b"a\xfe", b"hollow\xff/x"):
        path = Path(os.fsdecode(bytes(tree) + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)
    Path(os.fsdecode(bytes(tree) + b"/void\xff")).mkdir()


@pytest.mark.usefixtures("unreadable_names")
async def test_names_that_are_no_text_are_refused_one_by_one(tree, place):
    done = await upload(place, tree, "to", Silence(), parallel=2)
    assert done.copied == 3
    assert sorted(map(os.fsencode, done.failures)) == [
        b"a\xfe", b"a\xff", b"hollow\xff/x", b"void\xff",
    ]  # fmt: skip
    assert all("not UTF-8" in str(error) for error in done.failures.values())
    assert not [path for path in place.root.rglob("*") if not path.name.isprintable()]


async def test_the_longest_names_are_copied_too(place, tmp_path):
    for name in ("x" * 255, "ü" * 126 + "xxx"):
        (place.root / name).write_bytes(b"1")
    done = await download(place, ".", tmp_path / "back", Silence(), parallel=1)
    assert (done.copied, done.failures) == (2, {})
    assert content(tmp_path / "back") == content(place.root)


async def test_left_bytes_of_another_file_are_thrown_away(tree, place, tmp_path):
    (source,), _ = survey(tree / "sub" / "deep")
    (place.root / f".ä b.{source.key}.batchai-part").write_bytes(b"something else")
    await upload(place, tree / "sub" / "deep", "", Silence(), parallel=1)
    assert (place.root / "ä b").read_bytes() == BIG
    back = tmp_path / "back"
    back.mkdir()
    (back / ".ä b.batchai-part").write_bytes(b"something else")
    meter = Silence()
    await download(place, "ä b", back, meter, parallel=1)
    assert (back / "ä b").read_bytes() == BIG
    assert meter.there == meter.size


async def test_content_that_changed_on_the_way_is_noticed(tree, place):
    place.corrupts = 1
    mended = await upload(place, tree / "a.txt", "", Silence(), parallel=1)
    assert (mended.copied, (place.root / "a.txt").read_bytes()) == (1, b"a")
    place.corrupts = 99
    (tree / "a.txt").write_bytes(b"new")
    failed = await upload(place, tree, "", Silence(), parallel=2)
    assert sorted(failed.failures) == ["a.txt", "sub/deep/ä b"], "the empty file has no byte"
    assert (place.root / "a.txt").read_bytes() == b"a", "the old file is still there"


async def test_a_file_that_grows_is_copied_as_it_was_listed(place, tmp_path):
    log = place.root / "log"
    log.write_bytes(b"one\n")
    place.on_read = lambda: log.write_bytes(b"one\ntwo\n")
    done = await download(place, ".", tmp_path / "back", Silence(), parallel=1)
    assert (done.copied, (tmp_path / "back" / "log").read_bytes()) == (1, b"one\n")


async def test_a_file_that_is_replaced_fails_and_the_others_do_not(place, tmp_path):
    for name in ("a", "b", "c"):
        (place.root / name).write_bytes(b"0123456789")
    place.on_read = lambda: (place.root / "b").write_bytes(b"short")
    done = await download(place, ".", tmp_path / "back", Silence(), parallel=1)
    assert list(done.failures) == ["b"]
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["a", "c"]


async def test_a_place_that_stays_away_ends_the_copy(tree, place):
    place.is_away = True
    with pytest.raises(UnavailableError, match="away"):
        await upload(place, tree, "", Silence(), parallel=4)


@pytest.mark.parametrize("source", [".", "sub", "hollow", "a.txt"])
async def test_a_place_that_may_not_be_written_ends_the_copy_at_once(tree, place, source):
    place.is_forbidden = True
    meter = Silence()
    with pytest.raises(ForbiddenError, match="may not be written"):
        await upload(place, tree / source, "", meter, parallel=1)
    assert (place.refusals, meter.troubles) == (1, [])


async def test_patience_lasts_while_bytes_arrive(tree, place):
    place.breaks_after = [10_000] * 100
    done = await upload(place, tree / "sub" / "deep", "", Silence(), parallel=1)
    assert (done.copied, len(place.offsets)) == (1, 101)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
@pytest.mark.parametrize("is_directory", [True, False])
async def test_no_name_leads_out_of_the_folder(place, tmp_path, name, is_directory):
    (place.root / "good").write_bytes(b"1")
    place.strangers = [Entry(name, is_directory, 1, 0)]
    done = await download(place, ".", tmp_path / "back", Silence(), parallel=1)
    assert "leads out" in str(done.failures[name])
    assert content(tmp_path / "back") == {"good": b"1"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "place"]


@pytest.mark.parametrize("is_directory", [True, False])
async def test_a_remote_name_that_is_no_text_fails_alone(place, tmp_path, is_directory):
    """It is only spelt; a file whose name is that spelling is another."""
    (place.root / "good").write_bytes(b"1")
    name = r"bad\xff"
    (place.root / name).write_bytes(b"another")
    place.strangers = [Entry(name, is_directory, 7, 0, is_text=False)]
    done = await download(place, ".", tmp_path / "back", Silence(), parallel=1)
    assert str(done.failures[name]) == rf"'{name}': the name is not UTF-8; rename it."
    assert content(tmp_path / "back") == {"good": b"1", name: b"another"}
    assert done.copied == 2


async def test_a_spelling_is_not_taken_for_the_file_of_that_name(place, tmp_path):
    mine = tmp_path / r"bad\xff"
    mine.write_bytes(b"mine")
    place.strangers = [Entry(mine.name, False, 4, mine.stat().st_mtime_ns, is_text=False)]
    done = await upload(place, mine, "", Silence(), parallel=1)
    assert (done.copied, (place.root / mine.name).read_bytes()) == (1, b"mine")


async def test_a_folder_that_cannot_be_made_here_fails_no_other(tree, place, tmp_path):
    await upload(place, tree, "x", Silence(), parallel=1)
    back = tmp_path / "back"
    back.mkdir()
    (back / "sub").write_bytes(b"a file of mine")
    done = await download(place, "x", back, Silence(), parallel=2)
    assert {name: type(error) for name, error in done.failures.items()} == dict.fromkeys(
        ("sub", "sub/deep", "sub/deep/ä b", "sub/empty"), RejectedError
    )
    assert "back/sub: File exists" in str(done.failures["sub"])
    assert (back / "sub").read_bytes() == b"a file of mine"
    assert (back / "a.txt").read_bytes() == b"a"
    assert (back / "hollow" / "inner").is_dir()


async def test_a_folder_that_cannot_be_made_there_fails_no_other(tree, place):
    (place.root / "x").mkdir()
    (place.root / "x" / "hollow").write_bytes(b"a file")
    done = await upload(place, tree, "x", Silence(), parallel=1)
    assert list(done.failures) == ["hollow", "hollow/inner"]
    assert done.copied == 3


async def test_a_destination_that_is_no_folder_ends_the_copy(tree, place):
    await upload(place, tree, "x", Silence(), parallel=1)
    with pytest.raises(RejectedError, match=r"a\.txt: File exists"):
        await download(place, "x", tree / "a.txt", Silence(), parallel=1)


async def test_a_missing_source_is_told(tree, place, tmp_path):
    with pytest.raises(NotFoundError, match="no file or folder"):
        await upload(place, tree / "nothing", "", Silence(), parallel=1)
    with pytest.raises(NotFoundError):
        await download(place, "nothing", tmp_path / "back", Silence(), parallel=1)


async def test_a_pod_that_does_not_start_is_not_tried_again(tree, place, monkeypatch):
    tries = []

    async def find(_):
        tries.append(1)
        raise StartError("Pod p does not start: no image")

    monkeypatch.setattr(place, "tree", find)
    with pytest.raises(StartError):
        await upload(place, tree, "x", Silence(), parallel=1)
    assert len(tries) == 1


async def test_what_is_tried_again_is_told(tree, place):
    meter = Silence()
    place.breaks_after = [300_000]
    await upload(place, tree, "x", meter, parallel=1)
    assert meter.troubles == ["the connection broke"]


async def test_a_file_that_vanishes_fails_and_the_others_do_not(tree, place):
    class Meter(Silence):
        def begin(self, files, size):
            super().begin(files, size)
            (tree / "a.txt").unlink()

    tally = await upload(place, tree, "x", Meter(), parallel=1)
    assert tally.copied == 2
    (error,) = tally.failures.values()
    assert isinstance(error, RejectedError)
    assert "a.txt: No such file" in str(error)


async def test_a_disk_that_does_not_keep_a_file_fails_that_file(tree, place, tmp_path, monkeypatch):
    def refuse(path, **_):
        if "a.txt" in str(path):
            raise OSError(1, "Operation not permitted")

    await upload(place, tree, "x", Silence(), parallel=1)
    monkeypatch.setattr(os, "utime", refuse)
    tally = await download(place, "x", tmp_path / "back", Silence(), parallel=1)
    assert list(tally.failures) == ["a.txt"]
    assert tally.copied == 2


def test_links_to_folders_are_followed_but_not_round_and_round(tree):
    (tree / "sub" / "up").symlink_to(tree)
    (tree / "sub" / "self").symlink_to(".")
    (tree / "twin").symlink_to("sub/deep")
    files, folders = survey(tree)
    names = [local.name for local in files]
    assert sorted(names) == ["a.txt", "sub/deep/ä b", "sub/empty", "twin/ä b"]
    assert sorted(folders) == ["hollow", "hollow/inner", "sub", "sub/deep", "twin"]


def test_a_folder_that_cannot_be_read_is_told(tree, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(RejectedError, match="deep: Permission denied"):
        survey(tree)
