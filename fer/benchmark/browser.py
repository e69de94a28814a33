"""The browser that pages are measured and photographed in: where it is, how it starts, how one waits in it."""

import importlib.util
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

BROWSER_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
NO_BROWSER = "not measured: needs Playwright and Chromium (requirements-dev.txt)"
LOOK_EVERY_MS = 50

PLAYS = "() => { const v = document.querySelector('video'); return v?.videoWidth > 0 && v.currentTime > 0; }"
"""Whether the video of a frame shows pictures: a condition for `wait_for`."""

LIMIT_S = 180
"""Longer than anything takes on two cores that others keep busy."""


def find_chromium() -> str | None:
    """The browser to measure with; None where it or Playwright is missing."""
    if importlib.util.find_spec("playwright") is None:
        return None
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def wait_for(where: "Page | Frame", condition: str, argument: object = None, *, limit_s: float = LIMIT_S) -> Any:
    """Return once a condition in JavaScript holds in a page.

    Playwright's own `wait_for_function` compiles its condition anew at each look, which the app's
    Content-Security-Policy forbids as soon as the first look was in vain.

    Args:
        where: the page, or a frame of it.
        condition: an expression, or a function of `argument`.
        argument: anything that JSON can hold.
        limit_s: how long it may take.

    Returns:
        What the condition gave, which is neither false, null, 0 nor empty.

    Raises:
        playwright.sync_api.TimeoutError: it did not hold in time.
    """
    from playwright.sync_api import TimeoutError as StillWaitingError

    deadline = time.monotonic() + limit_s
    while not (value := where.evaluate(condition, argument)):
        if time.monotonic() > deadline:
            raise StillWaitingError(f"Within {limit_s:g} s this did not come true: {condition}")
        where.wait_for_timeout(LOOK_EVERY_MS)
    return value
