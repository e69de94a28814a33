"""What the live benchmark looks for in a page, in a real browser."""

from typing import TYPE_CHECKING

import pytest

from fer.benchmark import live

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_what_the_page_shows_is_noted_when_it_changes(browser: "Browser") -> None:
    page = browser.new_page()
    chart = "<div data-testid=stVegaLiteChart><svg><text>{}</text></svg></div>"
    page.set_content(f"<p>15 a second · 1 face · 1,200 pictures read</p>{chart.format('first')}{chart.format('a')}")
    page.evaluate(live._WATCH)
    for count, mark in ((1, "a"), (2, "b"), (3, "c")):
        page.evaluate(
            "([n, mark]) => { document.querySelector('p').textContent = `15 a second · ${1199 + n} pictures read`;"
            " document.querySelectorAll('text')[1].textContent = mark; }",
            [count, mark],
        )
        page.wait_for_function("n => Object.values(window.ferLog).every((log) => log.length === n)", arg=count)
    noted = page.evaluate("() => window.ferLog")
    assert [count for count, _ in noted["counts"]] == [1200, 1201, 1202]
    assert [count for count, _ in noted["graphs"]] == [0, 1, 2]
    page.close()
