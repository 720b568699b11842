"""The launcher's words about paths, for people."""

import pytest

from batchai_operator.engine.files.complaints import in_words


@pytest.mark.parametrize(
    ("complaint", "path"),
    [
        ("batchai: not found: openat a/b c: no such file or directory", "a/b c"),
        ("statat nope: no such file or directory", "nope"),
        ("openat a: b: no such file or directory", "a: b"),
    ],
)
def test_a_path_that_is_not_there_is_named_with_what_to_do(complaint, path):
    assert in_words(complaint) == (
        f"There is no file or folder {path}; list the folder above it to see what there is."
    )


@pytest.mark.parametrize("complaint", ["", "openat a: permission denied", "The path leaves it."])
def test_other_complaints_stay(complaint):
    assert in_words(complaint) == complaint
