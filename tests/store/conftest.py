"""An empty database of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fer.store import Store


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / 'sessions.sqlite'}"


@pytest.fixture
def opened(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()
