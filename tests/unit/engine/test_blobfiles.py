"""Folders of blob storage: shown once, never left, followed from where their reader is."""

import pytest

from batchai_operator.engine.files.blobfiles import BlobFolder
from batchai_operator.engine.files.progress import Progress
from batchai_operator.engine.storageports import BlobEntry
from batchai_operator.errors import NotFoundError, RejectedError

TIME = "2026-11-24T04:00:00.000Z"


class Container:
    """Blobs by name; lists as storage does, in pages."""

    def __init__(self, blobs, page=1000):
        self.blobs, self.page = blobs, page

    async def walk(self, prefix):
        found = {}
        for name, content in self.blobs.items():
            rest = name.removeprefix(prefix)
            if name.startswith(prefix) and rest:
                head, slash, _ = rest.partition("/")
                entry = self.entry(name, content) if not slash else BlobEntry(f"{prefix}{head}/")
                found[entry.name] = entry
        entries = [found[name] for name in sorted(found)]
        # Storage answers with one page at least, which is empty where there is nothing.
        for start in range(0, len(entries) or 1, self.page):
            yield entries[start : start + self.page]

    def entry(self, name, content):
        return BlobEntry(name, len(content or b""), TIME, marks_folder=content is None)

    async def look(self, name):
        if name not in self.blobs:
            raise NotFoundError(name)
        return self.entry(name, self.blobs[name])

    async def read(self, name, offset, length=None):
        content = self.blobs[name]
        end = len(content) if length is None else offset + length
        for start in range(offset, min(end, len(content)), 1000):
            yield content[start : min(start + 1000, end)]

    def link(self, name, minutes):
        return f"{name}?{minutes}"


BLOBS = {
    "job/out": None,
    "job/out/a": b"aa",
    "job/out/empty": b"",
    "job/out/sub": None,
    "job/out/sub-x": b"",
    "job/out/sub/f": b"f",
    "job/out/plain": b"",
    "job/out/plain/f": b"f",
    "job/out/void": None,
    "job/other/secret": b"s",
}


@pytest.mark.parametrize("page", [1, 2, 1000])
async def test_a_folder_is_shown_once(page):
    folder = BlobFolder(Container(BLOBS, page), "job/out", 7)
    items = [item async for items in folder.pages(".") for item in items]
    kinds = [(item["name"], item["fileType"]) for item in items]
    # A marker without metadata is recognised beside its folder only.
    if page > 2:
        assert kinds == [
            ("a", "file"),
            ("empty", "file"),
            ("plain", "directory"),
            ("sub", "directory"),
            ("sub-x", "file"),
            ("void", "directory"),
        ]
    assert kinds.count(("sub", "directory")) == kinds.count(("void", "directory")) == 1
    assert items[0]["downloadUrl"] == "job/out/a?7"
    assert items[0]["contentLength"] == 2
    assert all("downloadUrl" not in item for item in items if item["fileType"] == "directory")


async def test_empty_and_missing_folders():
    folder = BlobFolder(Container(BLOBS), "job/out", 60)
    assert [page async for page in folder.pages("void")] == []
    for path in ("nothing", "a"):
        with pytest.raises(NotFoundError):
            [page async for page in folder.pages(path)]


@pytest.mark.parametrize("prefix", ["zzz/nothing", "job/out/a"])
async def test_a_path_that_was_asked_for_must_be_there(prefix):
    """The path of `batchai file list` is the prefix; that of a job may have nothing yet."""
    assert [page async for page in BlobFolder(Container(BLOBS), prefix, 60).pages(".")] == []
    folder = BlobFolder(Container(BLOBS), prefix, 60, must_exist=True)
    with pytest.raises(NotFoundError, match=prefix):
        [page async for page in folder.pages(".")]


@pytest.mark.parametrize(("blobs", "prefix"), [(BLOBS, "job/out/void"), ({}, "")])
async def test_an_empty_folder_is_there(blobs, prefix):
    folder = BlobFolder(Container(blobs), prefix, 60, must_exist=True)
    assert [page async for page in folder.pages(".")] == []


@pytest.mark.parametrize("path", ["..", "../other", "sub/../../other", "/job/other", "/"])
async def test_a_folder_is_not_left(path):
    folder = BlobFolder(Container(BLOBS), "job/out", 60)
    with pytest.raises(RejectedError):
        [page async for page in folder.pages(path)]
    with pytest.raises(RejectedError):
        await folder.follow(f"{path}/secret", Progress(lambda _: None))
    with pytest.raises(RejectedError):
        [piece async for piece in folder.read(f"{path}/secret", 0, None)]


@pytest.mark.parametrize(
    ("now", "anew"),
    [("x" * 5000 + "y" * 9000 + "more", 0), ("z" * 20000, 1), ("short", 1)],
    ids=["grown", "replaced", "truncated"],
)
async def test_a_follow_goes_on_only_in_the_same_file(now, anew):
    shown, times = bytearray(), []

    def replaced():
        shown.clear()
        times.append(1)

    progress = Progress(shown.extend, replaced)
    progress.add(b"x" * 5000 + b"y" * 9000)
    await BlobFolder(Container({"f": now.encode()}), "", 60).follow("f", progress)
    assert (shown.decode(), len(times)) == (now, anew)
