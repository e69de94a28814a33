"""The Image page in a real browser: photos in by the uploader, files out by the downloads, and by keyboard."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from fer.cli import main
from fer.media import encode_png
from fer.samples import SAMPLES
from tests.conftest import find_detector
from tests.e2e.conftest import AT_REST, LIMIT_S, App, Arrive, slow_photos

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocketRoute

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


class SlowLine:
    """What lies between a page and its server: holds back, for a while, what the server says."""

    def __init__(self, page: "Page") -> None:
        self._page = page
        self._ends: list[WebSocketRoute] = []
        self._holds = False
        self._held: list[bytes] = []
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, end: "WebSocketRoute") -> None:
        self._ends.append(end)
        end.connect_to_server().on_message(lambda message: (self._held.append if self._holds else end.send)(message))

    def hold_a_run(self, begin: Callable[[], None]) -> None:
        """Let somebody begin a run of the page's script, all of which is held back."""
        self._holds = True
        begin()
        end = time.monotonic() + LIMIT_S
        while not any(ForwardMsg.FromString(each).WhichOneof("type") == "script_finished" for each in self._held):
            assert time.monotonic() < end, "the run does not end"
            self._page.wait_for_timeout(50)

    def let_go(self) -> None:
        self._holds = False
        for message in self._held:
            self._ends[-1].send(message)


def test_a_download_that_is_pressed_before_the_page_is_drawn_anew_comes(app: App, arrive: Arrive) -> None:
    """The button that a slow browser still shows is one that the server has replaced."""
    visitor = arrive(app)
    line = SlowLine(visitor.page)
    page = visitor.open("image")
    button = page.get_by_role("button", name="CSV", exact=True)
    button.wait_for()
    page.wait_for_selector(AT_REST)
    toggle = page.get_by_role("switch", name="Where the network looked")
    line.hold_a_run(lambda: toggle.press("Space"))
    with page.expect_download() as waiting:
        button.click()
        line.let_go()
    assert waiting.value.suggested_filename == "expressions.csv"
    page.get_by_alt_text("Activation map of happy over face 1").wait_for()
    assert visitor.troubles == []


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
