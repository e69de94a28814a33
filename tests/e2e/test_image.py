"""The Image page in a real browser: photos in by the uploader, files out by the downloads, and by keyboard."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest

from fer.cli import main
from fer.media import encode_png
from fer.samples import SAMPLES
from tests.conftest import find_detector
from tests.e2e.conftest import AT_REST, App, Arrive, slow_photos

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def face_png() -> bytes:
    return encode_png(cv2.resize(SAMPLES["astronaut"].load(), (256, 256), interpolation=cv2.INTER_AREA))


@pytest.fixture
def detector(app: App) -> Iterator[str]:
    """What the app finds faces with while a test runs: YuNet where this machine has its file."""
    file = find_detector()
    if file is None:
        yield "haar"
        return
    fetched = Path(shutil.copy(file, app.cache))
    yield "yunet"
    fetched.unlink()


def _wait_for_photo(page: "Page", name: str) -> None:
    page.get_by_role("heading", level=2, name=name).wait_for()
    page.wait_for_selector(AT_REST)


def _download(page: "Page", button: str) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button, exact=True).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_a_photo_gets_its_card_and_its_downloads_are_what_the_command_line_gives(
    app: App,
    arrive: Arrive,
    detector: str,
    face_png: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    visitor = arrive(app)
    page = visitor.open("image")
    visitor.upload(("holiday.png", face_png))
    _wait_for_photo(page, "holiday.png")
    page.get_by_text("Looks happy").wait_for()
    assert page.get_by_alt_text("Face 1, cut out").count() == 1
    assert page.get_by_alt_text("The photo with 1 numbered face. face 1: Looks happy").count() == 1
    downloads = dict(_download(page, name) for name in ("CSV", "JSON", "Annotated picture"))
    assert visitor.troubles == []

    (tmp_path / "holiday.png").write_bytes(face_png)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_CACHE_DIR", str(app.cache))

    def command_line(*arguments: str) -> bytes:
        assert main(["analyze", "holiday.png", *arguments]) == 0
        return capsysbinary.readouterr().out

    as_json = command_line("--annotate", "drawn")
    assert downloads["expressions.json"] == as_json
    assert json.loads(as_json)[0]["detector"] == detector
    assert json.loads(as_json)[0]["faces"][0]["emotion"] == "happy"
    assert downloads["expressions.csv"] == command_line("--format", "csv")
    assert downloads["holiday.annotated.png"] == (tmp_path / "drawn" / "holiday.annotated.png").read_bytes()


def test_the_activation_map_is_switched_by_keyboard(app: App, arrive: Arrive) -> None:
    page = arrive(app).open("image")
    toggle = page.get_by_role("switch", name="Where the network looked")
    toggle.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if toggle.evaluate("element => element === document.activeElement"):
            break
    else:
        pytest.fail("the toggle cannot be reached by the Tab key")
    shown = page.get_by_alt_text("Activation map of happy over face 1")
    page.keyboard.press("Space")
    shown.wait_for()
    page.keyboard.press("Space")
    shown.wait_for(state="detached")


def test_names_become_neither_links_nor_pictures(app: App, arrive: Arrive, face_png: bytes) -> None:
    names = ["www.example.com.png", "me@example.com.png", "![x](x.png) <b>y<b> :smile: a->b.png"]
    visitor = arrive(app)
    page = visitor.open("image")
    visitor.upload((names[0], face_png), (names[1], b""), (names[2], b""))
    alert = page.get_by_test_id("stAlert").filter(has_text="is empty")
    alert.wait_for()
    page.wait_for_selector(AT_REST)
    heading = page.locator("[data-testid=stMain] h2").nth(1)
    assert heading.inner_text() == names[0]
    for name in names[1:]:
        assert f"'{name}' is empty" in alert.inner_text()
    for place in (heading, alert):
        assert place.locator("a:not([href^='#']), b, strong, img").count() == 0
    assert visitor.troubles == []


def test_two_visitors_see_their_own_photo(app: App, arrive: Arrive, face_png: bytes) -> None:
    one, two, passer_by = (arrive(app) for _ in range(3))
    for visitor, name in ((one, "holiday.png"), (two, "wedding.png")):
        page = visitor.open("image")
        visitor.upload((name, face_png))
        _wait_for_photo(page, name)
    passer_by.open("image")
    for visitor, seen in ((one, "holiday"), (two, "wedding"), (passer_by, "Astronaut")):
        text = visitor.page.locator("[data-testid=stMain]").inner_text()
        assert {name for name in ("holiday", "wedding", "Astronaut") if name in text} == {seen}


def test_a_long_batch_can_be_stopped_and_gone_on_with(app: App, arrive: Arrive) -> None:
    visitor = arrive(app)
    page = visitor.open("image")
    visitor.upload(*slow_photos(8))
    page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
    stopped = page.get_by_text("Stopped: ")
    stopped.wait_for()
    done = int(stopped.inner_text().split("Stopped: ")[1].split()[0])
    assert 0 <= done < 8
    page.get_by_role("button", name="Read the rest").click()
    page.get_by_role("heading", name="8 photos, 0 faces").wait_for()
    assert visitor.troubles == []
