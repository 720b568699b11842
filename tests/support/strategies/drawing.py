"""Draws many values from a strategy at once, for tests that ask about all of them in one go."""

import copy
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st


def draw_all(strategy: st.SearchStrategy[Any], count: int, number: int = 0) -> list[Any]:
    """Draw many values at once, the same ones every time.

    Args:
        strategy: what to draw from.
        count: how many.
        number: of the sequence; another one gives other values.
    """
    drawn: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(value: Any) -> None:
        drawn.append(copy.deepcopy(value))

    keep()
    return drawn
