"""What the live benchmark looks for in a page, in a real browser."""

from typing import TYPE_CHECKING

import pytest

from fer.benchmark import live

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_graphs_are_noted_when_they_change(browser: "Browser") -> None:
    page = browser.new_page()
    chart = "<div data-testid=stVegaLiteChart><svg><text>{}</text></svg></div>"
    page.set_content(f"{chart.format('first')}{chart.format('a')}")
    page.evaluate(live._WATCH)
    for count, mark in ((1, "a"), (2, "b"), (3, "c")):
        page.evaluate("(mark) => { document.querySelectorAll('text')[1].textContent = mark; }", mark)
        page.wait_for_function("n => window.ferGraphs.length === n", arg=count)
    assert [count for count, _ in page.evaluate("() => window.ferGraphs")] == [0, 1, 2]
    page.close()
