"""Texts and values that look harmless and are not.

Used by fromschema.py and mutations.py, and by the tests of texts. Nothing here knows Batch AI.
"""

from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = (
    "",
    " ",
    " a",
    "a ",
    "a\n",
    "\na",
    "a\tb",
    "a\x0bb",
    "a\x00b",
    "a\x7fb",
    "a\u00a0b",
    "\u3000a",
    "a\u2028b",
    "\ufeffa",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/./b",
    "a//b",
    "/",
    "/..",
    "a/",
    "~",
    "-",
    "_",
    "-a",
    "A",
    "0",
    "null",
    "true",
    "1e3",
    "\u017f",  # Folds to s in some regular expressions.
    "\u212a",  # Folds to k likewise.
    "\u00df",  # Is two letters in capitals.
    "\u0130",
    "\u0661",  # A digit, but no ASCII one.
    "e\u0301",
    "\U0001f600",
    "\u202eabc",
    "\ufffd",
    "<A>",
    "<AZURE_BATCHAI_STORAGE_ACCOUNT>",
    "$",
    "$$",
    "$(A)",
    "${A}",
    "$A",
    "{{node 0}}",
    "{{node 99}}",
    "%s",
    "'\"\\",
    "`id`",
    "a:b",
    "a,b",
    "a=b",
)
"""Texts that some reader takes for something else."""

NUMBERS = (-1, 0, 1, 2, 3, 255, 256, 257, 1000, 1001, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1)
"""Numbers at which somebody's type ends. Beyond 64 bits, see `HUGE`."""

HUGE = (2**63, -(2**63) - 1, 10**30, 0.5, 1e300)

WRONG: tuple[Any, ...] = (*NUMBERS, *HUGE, True, False, "", "x", "1", [], [1], ["x"], {}, {"a": 1})
"""A value of each type of JSON, null apart."""

LETTERS = st.characters(exclude_categories=["Cs"])
"""All that JSON can carry; lone surrogates are no text."""

PRINTED = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
"""All that a program can be handed in its environment or command line."""


def odd_texts() -> st.SearchStrategy[str]:
    """Return short texts of any characters, the treacherous ones above all."""
    return st.one_of(
        st.sampled_from(ODD_TEXTS),
        st.text(LETTERS, max_size=12),
        st.lists(st.sampled_from(ODD_TEXTS), max_size=4).map("".join),
    )


def wrong_values() -> st.SearchStrategy[Any]:
    """Return values of any type of JSON."""
    return st.one_of(st.sampled_from(WRONG), odd_texts())
