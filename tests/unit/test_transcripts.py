"""The reader of executed pages: what is a block, and what `…` may stand for."""

import re

import pytest

from support.transcripts import Command, File, blocks


def page(tmp_path, text):
    path = tmp_path / "page.md"
    path.write_text(text.replace("~~~", "```"))
    return list(blocks(path))


def test_files_and_commands_in_their_order(tmp_path):
    text = "# x\n~~~json a/b.json\n{}\n~~~\n\n~~~console\n"
    text += "$ one \\\n    two\nout\n\nmore\n$ three\n~~~\n"
    assert page(tmp_path, text) == [
        File(3, "a/b.json", "{}\n"),
        Command(7, "one \\\n    two", ["out", "", "more"]),
        Command(12, "three", []),
    ]


@pytest.mark.parametrize("text", ["~~~json\n{}\n~~~\n", "~~~\nx\n~~~\n"])
def test_a_block_that_nobody_runs_is_refused(tmp_path, text):
    with pytest.raises(AssertionError, match=r"page.md:\d+: nobody runs"):
        page(tmp_path, text)


@pytest.mark.parametrize(
    ("shown", "printed", "is_it"),
    [
        ([], "", True),
        ([], "x\n", False),
        (["a (b)"], "a (b)\n", True),
        (["a.b"], "axb\n", False),
        (["a … c"], "a b b c\n", True),
        (["a … c"], "a b\n c\n", False),
        (["a", "…", "c"], "a\nc\n", True),
        (["a", "…", "c"], "a\nb\nb\nc\n", True),
        (["a", "…", "c"], "a\nb\nc\nd\n", False),
        (["", "a"], "\na\n", True),
    ],
)
def test_what_dots_stand_for(shown, printed, is_it):
    assert (re.fullmatch(Command(1, "x", shown).pattern, printed) is not None) is is_it
