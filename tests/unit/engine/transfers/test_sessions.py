"""Conversations with the launcher: framing, errors, and what becomes of one that broke.

The launcher here is a script of answers; the real one is talked to in tests/cluster.
"""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from batchai_operator.engine.files.ownpods import Source
from batchai_operator.engine.transfers import conversation
from batchai_operator.engine.transfers.place import Entry
from batchai_operator.engine.transfers.sessions import SessionPlace
from batchai_operator.errors import (
    BatchAIError,
    ConflictError,
    ForbiddenError,
    InvalidSpecError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)

OK = {"ok": True, "size": 0}


def lines(*answers: object) -> bytes:
    return b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)


class Launcher:
    """Runs of a script: each is pieces of output; sent bytes are kept."""

    def __init__(self, *runs: list[bytes]) -> None:
        self.runs = list(runs)
        self.sent: list[bytearray] = []
        self.found = self.forgotten = 0
        self.on_open: Exception | None = None
        self.stderr, self.exit_code = "", 0

    async def find(self) -> Source:
        self.found += 1
        return Source("ns", "pod", "uid", is_reader=True)

    async def forget(self, source: Source) -> None:
        assert source.pod == "pod"
        self.forgotten += 1

    async def close(self) -> None:
        self.sent.append(bytearray(b"closed"))

    @asynccontextmanager
    async def exec(self, *words: object, stdin: bool) -> AsyncIterator["Run"]:
        assert stdin
        assert words[3] == ["/launcher", "serve"]
        if self.on_open:
            raise self.on_open
        self.sent.append(bytearray())
        yield Run(self.runs.pop(0), self.sent[-1], self.exit_code, self.stderr)


class Run:
    def __init__(
        self, pieces: list[bytes], sent: bytearray, exit_code: int = 0, stderr: str = ""
    ) -> None:
        self._pieces, self._sent = pieces, sent
        self.exit_code, self.stderr = exit_code, stderr

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def send(self, data: bytes) -> None:
        self._sent += data


def place(launcher: Launcher, limit: int = 1) -> SessionPlace:
    return SessionPlace(launcher, launcher, ["serve"], limit=limit)


async def test_answers_may_be_cut_anywhere_and_one_conversation_serves_all():
    entries = [
        {"name": "ä", "directory": True, "size": 0, "modified": 7},
        {"name": "b", "directory": False, "size": 9, "modified": 8},
        {"name": r"b\xff", "raw": "Yv8=", "directory": False, "size": 9, "modified": 8},
    ]
    text = (
        lines(*entries, OK, {"ok": True, "size": 5})
        + b"\n\x00\xff{}"
        + lines({"ok": False, "working": True, "size": 1}, {**OK, "md5": "abc"})
    )
    launcher = Launcher([text[at : at + 3] for at in range(0, len(text), 3)])
    async with place(launcher) as there:
        assert await there.tree("x") == [
            Entry("ä", True, 0, 7),
            Entry("b", False, 9, 8),
            Entry(r"b\xff", False, 9, 8, is_text=False),
        ]
        pieces = [piece async for piece in there.read("b", 2, 5)]
        assert b"".join(pieces) == b"\n\x00\xff{}"
        assert await there.md5("b", 9) == "abc"
    assert launcher.found == 1
    said = [json.loads(line) for line in bytes(launcher.sent[0]).splitlines()]
    assert [line["do"] for line in said] == ["tree", "read", "hash"]


def packed(offset: int, content: bytes) -> bytes:
    pack = zlib.compressobj(1, wbits=-15)
    sent = pack.compress(content) + pack.flush()
    return b"%d %d %d\n" % (offset, len(content), len(sent)) + sent


@pytest.mark.parametrize("cut", [1, 3, 1000])
async def test_content_comes_packed_where_that_pays(cut):
    log = b"step 1: loss 0.5\n" * 5000
    text = lines({"ok": True, "size": len(log) + 3, "packed": True}) + packed(7, log)
    text += b"%d 3\n\x00\n\xff" % (7 + len(log))
    sent = [text[at : at + cut] for at in range(0, len(text), cut)]
    launcher = Launcher([*sent, lines({**OK, "md5": "abc"})])  # Nothing is said unasked.
    async with place(launcher) as there:
        pieces = [piece async for piece in there.read("b", 7, len(log) + 3)]
        assert b"".join(pieces) == log + b"\x00\n\xff"
        assert await there.md5("b", 9) == "abc"
    head, _, _ = bytes(launcher.sent[0]).partition(b"\n")
    assert json.loads(head)["packed"] is True
    assert len(launcher.sent) == 2, "one conversation, then closed"


@pytest.mark.parametrize(
    "sent",
    [packed(0, b"x" * 4000)[:-9], packed(0, b"x" * 4001), b"no frame\n", b"1 2 3\n\xff\xff\xff"],
)
async def test_packed_content_that_is_broken_ends_the_conversation(sent):
    launcher = Launcher([lines({"ok": True, "size": 4000, "packed": True}) + sent], [lines(OK)])
    async with place(launcher) as there:
        with pytest.raises(UnavailableError):
            [piece async for piece in there.read("b", 0, 4000)]
        await there.make_folder("f")
    assert launcher.found == 2


async def test_bytes_follow_the_request():
    launcher = Launcher([lines(OK)])
    async with place(launcher) as there:
        await there.write("f", "aa", 3, 4, [b"ab", b"\n\x00"])
    head, _, body = bytes(launcher.sent[0]).partition(b"\n")
    assert json.loads(head) == {"do": "write", "path": "f", "key": "aa", "offset": 3, "length": 4}
    assert body == b"ab\n\x00"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("notFound", NotFoundError),
        ("escapes", RejectedError),
        ("forbidden", ForbiddenError),
        ("refused", RejectedError),
        ("mismatch", ConflictError),
        ("failed", UnavailableError),
    ],
)
async def test_an_error_is_an_answer_and_the_conversation_goes_on(kind, error):
    refusal = {"ok": False, "size": 0, "kind": kind, "error": "no"}
    launcher = Launcher([lines(refusal, OK)])
    async with place(launcher) as there:
        with pytest.raises(error, match="no"):
            await there.commit("f", "aa", 1, "x", 0)
        await there.make_folder("f")
    assert len(launcher.sent) == 2, "one conversation, then closed"


async def test_a_conversation_that_broke_is_not_used_again():
    launcher = Launcher([lines({"ok": True, "size": 9}) + b"abc"], [lines({**OK, "size": 3})])
    async with place(launcher) as there:
        with pytest.raises(UnavailableError):
            assert [piece async for piece in there.read("f", 0, 9)]
        assert await there.partial("f", "aa") == 3
    assert launcher.found == 2


async def test_a_reader_that_stops_early_leaves_no_rest_for_the_next():
    launcher = Launcher([lines({"ok": True, "size": 6}) + b"abc", b"def"], [lines(OK)])
    async with place(launcher) as there:
        reading = there.read("f", 0, 6)
        await anext(reading)
        await reading.aclose()
        assert await there.partial("f", "aa") == 0
    assert launcher.found == 2


@pytest.mark.parametrize("error", [NotFoundError("gone"), ConflictError("ended")])
async def test_a_pod_that_does_not_answer_is_forgotten(error: BatchAIError):
    launcher = Launcher()
    launcher.on_open = error
    async with place(launcher) as there:
        with pytest.raises(UnavailableError, match=str(error)):
            await there.partial("f", "aa")
    assert launcher.forgotten == 1


async def test_silence_ends_a_conversation(monkeypatch):
    monkeypatch.setattr(conversation, "QUIET_SECONDS", 0.01)

    class Mute(Launcher):
        @asynccontextmanager
        async def exec(self, *_: object, **__: bool) -> AsyncIterator[Run]:
            yield Silent([], bytearray())

    async with place(Mute()) as there:
        with pytest.raises(UnavailableError, match="Nothing was heard"):
            await there.partial("f", "aa")


class Silent(Run):
    async def __aiter__(self) -> AsyncIterator[bytes]:

        await asyncio.Event().wait()
        yield b""


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1, UnavailableError),
        (2, InvalidSpecError),
        (3, NotFoundError),
        (4, RejectedError),
        (137, UnavailableError),
    ],
)
async def test_a_launcher_that_refuses_its_folder_says_why(code, error):
    launcher = Launcher([])
    launcher.exit_code, launcher.stderr = code, "batchai: not found"
    async with place(launcher) as there:
        with pytest.raises(error, match="batchai: not found"):
            await there.tree("x")
