"""What jobs have named or said does not move the reader's terminal."""

import json

import pytest
import yaml

from batchai_operator.cli.rendering import Column, harmless, render

HOSTILE = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202egpj.exe\x00\x7f\r"
COLUMNS = (Column("Name", lambda item: item["name"]),)


@pytest.mark.parametrize("form", ["json", "table", "tsv", "yaml"])
def test_no_control_characters_reach_the_terminal(form):
    text = render([{"name": HOSTILE}], form, COLUMNS)
    assert not [sign for sign in text if sign != "\n" and not sign.isprintable()]
    if form in {"json", "yaml"}:
        # Programs get the name as it is.
        (item,) = (json.loads if form == "json" else yaml.safe_load)(text)
        assert item["name"] == HOSTILE


def test_messages_keep_their_lines_and_letters():
    assert harmless("two\n\tlines, naïve 日本") == "two\n\tlines, naïve 日本"
    assert harmless("\x1b[1m") == "\\u001b[1m"
