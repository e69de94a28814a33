"""How moments, lengths and numbers are written."""

from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def write_moment(moment: datetime) -> str:
    """Write a moment in the visitor's own time, as in "22 Nov 2026, 20:31"."""
    zone: tzinfo = UTC
    with suppress(ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(st.context.timezone or "UTC")
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def write_length(duration_s: float) -> str:
    """Write a length, as in "0:42 min" or "1:02:05 h"."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} h" if hours else f"{minutes}:{seconds:02} min"


def write_duration(seconds: float) -> str:
    """Write how long something took or lasted, as in "0.3 s", "12 s" or "1:05 min"."""
    return f"{seconds:.1f} s" if seconds < 0.95 else f"{seconds:.0f} s" if seconds < 59.5 else write_length(seconds)


def write_count(n: int, one: str, many: str) -> str:
    """Write a number with its word, as in "1 person" and "2 people"."""
    return f"{n:,} {one if n == 1 else many}"
