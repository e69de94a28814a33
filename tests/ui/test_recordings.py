"""Recordings in words."""

from typing import get_args

from fer.store import Kind
from fer.ui.recordings import KINDS


def test_every_kind_has_a_word() -> None:
    assert set(KINDS) == set(get_args(Kind))
