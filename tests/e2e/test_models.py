"""The Models page in a real browser: measured there, looked through tab by tab, stopped, by link, on a phone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fer.benchmark.browser import wait_for
from tests.e2e.conftest import AT_REST, App, Arrive
from tests.e2e.test_every_page import FITS, NARROW, WIDE

pytestmark = pytest.mark.browser

TABS = ("By class", "Calibration", "Speed and size", "Other data", "Faces", "Training", "Cards", "How copies fake 82 %")
SIDE = 48


@pytest.fixture
def fer2013(app: App) -> Iterator[int]:
    """Twelve noisy pictures on PrivateTest and two for training, as FER2013's file holds them."""
    folder = Path(app.environment["FER_DATA_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (14, SIDE * SIDE))
    lines = [
        f"{i % 7},{' '.join(map(str, pixels))},{'PrivateTest' if i < 12 else 'Training'}"
        for i, pixels in enumerate(noise)
    ]
    file = folder / "fer2013.csv"
    file.write_text("\n".join(["emotion,pixels,Usage", *lines]))
    yield 12
    file.unlink()


def test_models_are_measured_and_every_tab_stands(app: App, arrive: Arrive, fer2013: int) -> None:
    visitor = arrive(app, viewport=WIDE)
    page = visitor.open("models")
    page.get_by_role("button", name="Measure here").click()
    page.get_by_text("This machine's copy of FER2013").wait_for()
    assert page.get_by_test_id("stMain").get_by_role("button", name="Stop").count() == 0
    for tab in TABS:
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_selector(f"{AT_REST} [role=tab][aria-selected=true]:has-text('{tab}')")
        assert page.get_by_test_id("stException").count() == 0
        if tab == "Faces":
            page.get_by_text(f"On the same {fer2013} faces").wait_for()
    page.set_viewport_size(NARROW)
    wait_for(page, FITS)
    page.wait_for_selector(AT_REST)
    assert visitor.troubles == []


def test_a_link_leads_to_a_data_set_and_a_tab(app: App, arrive: Arrive) -> None:
    visitor = arrive(app, viewport=WIDE)
    page = visitor.open("models?models_data=CK%2B&models_view=Cards")
    page.wait_for_selector(f"{AT_REST} [role=tab][aria-selected=true]:has-text('Cards')")
    page.get_by_text("ckextended.csv is not on this machine").wait_for()
    page.wait_for_selector(AT_REST)
    assert visitor.troubles == []
