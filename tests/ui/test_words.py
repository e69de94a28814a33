"""How lengths and moments are written."""

from datetime import UTC, datetime

import pytest
import streamlit as st

from fer.ui.words import write_duration, write_length, write_moment


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [(0.0, "0:00 min"), (41.6, "0:42 min"), (59.7, "1:00 min"), (3599.0, "59:59 min"), (3725.0, "1:02:05 h")],
)
def test_how_long_it_lasted(duration_s: float, words: str) -> None:
    assert write_length(duration_s) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0 s"), (0.34, "0.3 s"), (0.97, "1 s"), (12.4, "12 s"), (59.7, "1:00 min"), (3725.0, "1:02:05 h")],
)
def test_how_long_it_took(seconds: float, words: str) -> None:
    assert write_duration(seconds) == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        (None, "2 Nov 2026, 23:30"),
        ("Europe/Berlin", "3 Nov 2026, 00:30"),
        ("Nowhere/Atall", "2 Nov 2026, 23:30"),
        ("../etc/passwd", "2 Nov 2026, 23:30"),
    ],
    ids=["unknown", "known", "no zone", "a path"],
)
def test_when_it_was(zone: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(st.context), "timezone", zone)
    assert write_moment(datetime(2026, 11, 2, 23, 30, tzinfo=UTC)) == words
