"""The switch that rewrites golden files: `pytest tests/unit/planner --update-data`."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-data",
        action="store_true",
        help="rewrite the expected.yaml files of tests/data/plans",
    )


@pytest.fixture
def update_data(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-data", default=False))
