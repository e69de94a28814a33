"""Every page in a real browser: light and dark, wide and narrow, from this machine alone."""

from pathlib import Path

import pytest

from fer import paths
from fer.benchmark.browser import wait_for
from tests.e2e.conftest import App, Arrive, running_app

pytestmark = pytest.mark.browser

PAGES = sorted("" if path.stem == "home" else path.stem for path in (paths.ROOT / "pages").glob("*.py"))
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

FITS = """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
    .every(box => box.scrollWidth <= box.clientWidth)"""


BRIGHTNESS = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor.match(/[0-9]+/g)"
"""Of the page's ground: three numbers as text."""


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
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stMain] h1").count() == 1
    assert page.locator("[data-testid=stMain] img:not([alt]), [data-testid=stMain] img[alt='']").count() == 0
    assert visitor.troubles == []


def test_the_navigation_leads_to_every_page(app: App, arrive: Arrive) -> None:
    visitor = arrive(app, viewport=WIDE)
    page = visitor.open()
    links = page.locator("[data-testid=stSidebarNavLink]")
    assert sorted(link.get_attribute("href").removeprefix(app.url).strip("/") for link in links.all()) == PAGES
    for name, title in (("Image", "Image"), ("Home", "Facial expressions, with honest figures")):
        links.filter(has_text=name).click()
        page.get_by_role("heading", level=1, name=title).wait_for()
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
