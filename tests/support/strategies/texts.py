"""Jobs whose texts are odd: values, secrets and command lines of any characters and length.

Used by the tests of texts. A program must see exactly what stands in the object.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from support.strategies.odd import ODD_TEXTS, PRINTED

LONG = 100_000

_PIECES = st.sampled_from(
    [
        *(text for text in ODD_TEXTS if "\x00" not in text),
        "$(V0)",
        "$$(V0)",
        "$V0",
        "${V1}x",
        "$$V0",
        "$(S0)",
        "$S0",
        "\\$V0",
        "\r\n",
        "\x01\x1f\x7f",
    ]
)


@dataclass(frozen=True)
class Texts:
    """What goes into a job.

    Attributes:
        variables: values of V0, V1, … in order.
        secrets: values of S0, S1, ….
        line: what follows in the command line, never run.
    """

    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    line: str


def printable_texts() -> st.SearchStrategy[str]:
    """Return texts without NUL, now and then one of 100 KB."""
    short = st.one_of(st.lists(_PIECES, max_size=6).map("".join), st.text(PRINTED, max_size=30))
    # No known name in it: what it becomes would be too long, which is another test's matter.
    long = st.sampled_from(("'\"`$ \n", "$$ ", "x", "$(X)", "\u00e4\U0001f600")).map(
        lambda piece: (piece * LONG)[: LONG // max(len(piece.encode()) // len(piece), 1)]
    )
    return st.one_of(short, short, short, long)


def texts() -> st.SearchStrategy[Texts]:
    """Return the texts of a job."""
    values = st.lists(printable_texts(), min_size=2, max_size=5).map(tuple)
    return st.builds(
        Texts,
        values,
        values,
        printable_texts().map(lambda text: text.encode()[:30_000].decode(errors="ignore")[:16_000]),
    )
