"""Every page in a real browser: light and dark, wide and narrow, from this machine alone, and readable for everyone."""

import re
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from fer import paths
from fer.benchmark.browser import LIMIT_S, LOOK_EVERY_MS, wait_for
from tests.e2e.conftest import App, Arrive, running_app, slow_photos

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PAGES = sorted("" if path.stem == "home" else path.stem for path in (paths.ROOT / "pages").glob("*.py"))
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

FITS = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
    .every(box => box.scrollWidth <= box.clientWidth)"""


BRIGHTNESS = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor.match(/[0-9]+/g)"
"""Of the page's ground: three numbers as text."""


WHAT_IS_OURS = {"exclude": ["[data-testid=stSidebarNavItems]"]}
"""Streamlit's list of pages holds something between the list and its items."""

FAULTS = {"resultTypes": ["violations"], "rules": {"scrollable-region-focusable": {"enabled": False}}}
"""What is looked for: faults, since an account of all that is well takes longer than the look.

Streamlit's own boxes around wide tables scroll, and browsers give such boxes the focus by themselves.
"""

HEADINGS = "[...document.querySelectorAll('[data-testid=stMain] :is(h1,h2,h3,h4,h5,h6)')].map(each => +each.tagName[1])"


def serious_faults(page: "Page") -> list[str]:
    """What axe-core finds on a page that keeps somebody from using it, a line each."""
    found = Axe().run(page, WHAT_IS_OURS, FAULTS).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def lasting_faults(page: "Page") -> list[str]:
    """What of it stays: while a page takes on other colours, parts of it still have those of before."""
    end_s = time.monotonic() + LIMIT_S
    while (faults := serious_faults(page)) and time.monotonic() < end_s:
        page.wait_for_timeout(LOOK_EVERY_MS)
    return faults


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_and_asks_nobody_else(path: str, app: App, arrive: Arrive) -> None:
    visitor = arrive(app, viewport=WIDE, color_scheme="light")
    page = visitor.open(path)
    for scheme, is_so in (("light", "> 128"), ("dark", "< 128")):
        page.emulate_media(color_scheme=scheme)
        wait_for(page, f"() => {BRIGHTNESS}.every(part => part {is_so})")
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            wait_for(page, FITS)
        assert lasting_faults(page) == []
    assert page.locator("[data-testid=stException]").count() == 0
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1
    assert [b for a, b in pairwise(levels) if b > a + 1] == [], "no level of headings is left out"
    assert page.locator("[data-testid=stMain] img:not([alt]), [data-testid=stMain] img[alt='']").count() == 0
    assert visitor.troubles == []


def test_photos_are_read_and_kept_while_every_page_is_looked_at(app: App, arrive: Arrive) -> None:
    """The navigation leads to every page, and back to photos that were read meanwhile."""
    visitor = arrive(app, viewport=WIDE)
    page = visitor.open("image")
    links = page.locator("[data-testid=stSidebarNavLink]")
    paths_of_links = [link.get_attribute("href").removeprefix(app.url).strip("/") for link in links.all()]
    assert sorted(paths_of_links) == PAGES
    visitor.upload(*slow_photos(6))
    page.get_by_text(re.compile("^Read [0-9]+ of 6 photos|^6 photos, ")).first.wait_for()
    titles = ("See what a face shows", "Live", "Video", "Acting practice", "Sessions", "Datasets", "Models")
    for i, title in enumerate(titles):
        page.get_by_role("link", name="Home" if i == 0 else title, exact=True).click()
        page.get_by_role("heading", level=1, name=title).wait_for()
    links.filter(has_text="Image").click()
    page.get_by_role("heading", level=2, name="6 photos, 0 faces").wait_for()
    page.get_by_text("6 photos are still here from before.").wait_for()
    assert visitor.troubles == []


def test_a_deep_link_may_be_the_first_thing_that_a_server_sees(arrive: Arrive, tmp_path: Path) -> None:
    """A folder called pages/ would put a cold server into Streamlit's old mode, in which a page runs alone."""
    with running_app(tmp_path) as cold:
        visitor = arrive(cold, viewport=WIDE)
        page = visitor.open("image")
        page.wait_for_selector("[data-testid=stSidebarNavLink]:has-text('Home')")
        hrefs = [link.get_attribute("href") for link in page.locator("[data-testid=stSidebarNavLink]").all()]
        assert sorted(href.removeprefix(cold.url).strip("/") for href in hrefs) == PAGES
        assert page.url == f"{cold.url}/image"
        assert visitor.troubles == []
