"""Frames of the launcher: every byte once, wherever they are cut; a new file from its start."""

import hashlib

import pytest

from batchai_operator.engine.files.progress import SAMPLE, Progress
from batchai_operator.errors import UnavailableError

TEXT = "größer ".encode() * 3000


def frame(offset, content):
    return b"%d %d\n" % (offset, len(content)) + content


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
