"""Whether all parts answer, as whoever watches a server is told."""

import asyncio
import time
from collections.abc import Callable

import pytest

from fer.api import health
from fer.api.health import HealthCheck
from fer.errors import StoreError
from tests.fakes import ask


def _fail() -> None:
    raise StoreError("/home/ann/sessions.sqlite cannot be opened.")


@pytest.mark.parametrize(
    ("checks", "status", "told"),
    [
        pytest.param({}, 200, {"status": "ok"}, id="nothing to look at"),
        pytest.param(
            {"model": int, "database": int}, 200, {"status": "ok", "model": "ok", "database": "ok"}, id="well"
        ),
        pytest.param(
            {"model": int, "database": _fail},
            503,
            {"status": "failing", "model": "ok", "database": "failing"},
            id="one fails",
        ),
        pytest.param(
            {"database": lambda: time.sleep(0.3)}, 503, {"status": "failing", "database": "failing"}, id="one hangs"
        ),
    ],
)
def test_what_is_told(
    checks: dict[str, Callable[[], object]], status: int, told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.1)
    answer = ask(HealthCheck(checks), "/healthz")
    assert (answer.status_code, answer.json()) == (status, told)
    assert answer.headers["cache-control"] == "no-store"


def test_asking_often_looks_once(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        _fail()

    async def ask_often() -> None:
        check = HealthCheck({"database": look}, keep_s=0.2)
        answers = await asyncio.gather(*(check.look() for _ in range(50)))
        assert len(looks) == 1
        assert not any(answer.is_well for answer in answers)
        await asyncio.sleep(0.2)
        await check.look()

    asyncio.run(ask_often())
    assert len(looks) == 2
    assert len(caplog.records) == 1, "that it fails is logged once"


def test_it_is_only_asked() -> None:
    assert ask(HealthCheck({}), "/healthz", "POST").status_code == 405
