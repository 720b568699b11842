"""Frames of the launcher: every byte once, wherever they are cut; a new file from its start."""

import hashlib
import os
import zlib

import pytest

from batchai_operator.engine.files.progress import SAMPLE, Progress
from batchai_operator.errors import UnavailableError

TEXT = "größer ".encode() * 3000


def frame(offset, content):
    return b"%d %d\n" % (offset, len(content)) + content


def packed(offset, content):
    pack = zlib.compressobj(1, wbits=-15)
    sent = pack.compress(content) + pack.flush()
    return b"%d %d %d\n" % (offset, len(content), len(sent)) + sent


class Reader:
    def __init__(self):
        self.shown, self.anew = b"", 0
        self.progress = Progress(self.write, self.replaced)

    def write(self, piece):
        self.shown += piece

    def replaced(self):
        self.shown, self.anew = b"", self.anew + 1


@pytest.mark.parametrize("cut", [1, 2, 7, 1000, 10**6])
def test_frames_cut_anywhere(cut):
    reader = Reader()
    sent = frame(0, TEXT[:5]) + frame(5, TEXT[5:9000]) + frame(9000, TEXT[9000:])
    for start in range(0, len(sent), cut):
        reader.progress.take(sent[start : start + cut])
    assert (reader.shown, reader.progress.offset, reader.anew) == (TEXT, len(TEXT), 0)
    wanted = hashlib.sha256(TEXT[:SAMPLE] + TEXT[-SAMPLE:]).hexdigest()
    assert reader.progress.seen == wanted


def test_a_connection_that_breaks_in_a_header_or_in_a_frame_is_taken_up():
    reader = Reader()
    reader.progress.take(frame(0, TEXT)[:100])
    reader.progress.connect()
    at = reader.progress.offset
    reader.progress.take(frame(at, TEXT[at:9000]) + b"90")
    reader.progress.connect()
    reader.progress.take(frame(9000, TEXT[9000:]))
    assert (reader.shown, reader.anew) == (TEXT, 0)


def test_a_file_that_was_replaced_is_shown_from_its_beginning():
    reader = Reader()
    reader.progress.take(frame(0, TEXT) + frame(0, b"new") + frame(3, b"er"))
    assert (reader.shown, reader.progress.offset, reader.anew) == (b"newer", 5, 1)
    assert reader.progress.seen == hashlib.sha256(b"newernewer").hexdigest()


@pytest.mark.parametrize("sent", [b"hello\n", b"7 1\nx", b"x" * 100, b"-1 3\nabc"])
def test_what_is_no_frame_is_refused(sent):
    with pytest.raises(UnavailableError):
        Reader().progress.take(sent)


@pytest.mark.parametrize("cut", [1, 7, 1000, 10**7])
def test_packed_frames_among_others_cut_anywhere(cut):
    reader = Reader()
    noise = os.urandom(3000)
    whole = TEXT * 40 + TEXT[:5] + noise
    sent = packed(0, TEXT * 40) + frame(len(TEXT) * 40, TEXT[:5])
    sent += packed(len(TEXT) * 40 + 5, noise)
    for start in range(0, len(sent), cut):
        reader.progress.take(sent[start : start + cut])
    assert (reader.shown, reader.anew) == (whole, 0)
    wanted = hashlib.sha256(whole[:SAMPLE] + whole[-SAMPLE:]).hexdigest()
    assert reader.progress.seen == wanted


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_connection_that_breaks_in_a_packed_frame_is_taken_up(cut):
    reader = Reader()
    sent = packed(0, TEXT)
    reader.progress.take(sent[:-cut])
    reader.progress.connect()
    at = reader.progress.offset
    reader.progress.take(packed(at, TEXT[at:]))
    assert (reader.shown, reader.anew) == (TEXT, 0)


def test_a_packed_frame_is_handed_over_in_pieces():
    pieces = []
    Progress(pieces.append).take(packed(0, bytes(50_000_000)))
    assert sum(map(len, pieces)) == 50_000_000
    assert max(map(len, pieces)) <= 1 << 18


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        (9, packed(0, b"0123456789").partition(b"\n")[2]),
        (11, packed(0, b"0123456789").partition(b"\n")[2]),
        (10, packed(0, b"0123456789").partition(b"\n")[2][:-1]),
        (10, b"\xff" * 20),
    ],
)
def test_a_packed_frame_that_is_not_what_it_says_is_refused(told, sent):
    reader = Reader()
    with pytest.raises(UnavailableError, match="unpacked"):
        reader.progress.take(b"0 %d %d\n" % (told, len(sent)) + sent)
