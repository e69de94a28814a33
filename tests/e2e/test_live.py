"""The Live page in a real browser, whose camera shows a face that moves about."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from fer import paths
from fer.benchmark.browser import wait_for
from fer.pipeline import load_pipeline
from fer.samples import SAMPLES
from fer.store import Store
from fer.ui.camera import Trouble
from tests.conftest import find_detector
from tests.e2e.conftest import (
    ANOTHER_NAME,
    AT_REST,
    App,
    Arrive,
    Visitor,
    decoded,
    make_clip,
    next_picture,
    pictures_until,
    player,
    press,
    press_start,
    running_app,
    start_camera,
    wait_until,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SIDE = 300
"""Of the face's picture in the clip, in pixels."""

MARKER = 24
"""Side of the coloured square in its corner, which says where the face is in a picture that came back."""

MAGENTA, GREEN = (255, 0, 255), (0, 255, 0)

PICTURES = 16
"""How many pictures that came back a test looks at."""

TOLERANCE = 0.05
"""How far a box may be off, in widths of the box."""

PROBE = """
import pathlib
from aiortc import RTCPeerConnection
from fer.pipeline import FacePipeline

folder = pathlib.Path(__file__).parent
analyze, close = FacePipeline.analyze, RTCPeerConnection.close

def watched_analyze(self, image_bgr):
    with (folder / "analysed").open("ab") as log:
        log.write(b".")
    if (folder / "broken").exists():
        raise RuntimeError("a lamp fell over")
    return analyze(self, image_bgr)

async def watched_close(self):
    await close(self)
    (folder / "stopped").touch()

FacePipeline.analyze, RTCPeerConnection.close = watched_analyze, watched_close
"""
"""Loaded by a server before the app: it tells of every analysis, and fails when it is told to."""


def patch(sample: str, rows: slice, columns: slice, marker_bgr: tuple[int, int, int]) -> np.ndarray:
    """A grey face with a coloured marker in its upper left corner: whatever else has a colour was drawn by the app."""
    grey = cv2.cvtColor(SAMPLES[sample].load(), cv2.COLOR_BGR2GRAY)
    face = cv2.cvtColor(cv2.resize(grey[rows, columns], (SIDE, SIDE)), cv2.COLOR_GRAY2BGR)
    face[:MARKER, :MARKER] = marker_bgr
    return face


def frames(face: np.ndarray) -> Iterator[np.ndarray]:
    """The face on its way around a grey room, up to 17 pixels a frame."""
    for angle in np.linspace(0, 2 * np.pi, 60, endpoint=False):
        room = np.full((480, 640, 3), 120, np.uint8)
        x, y = round(170 + 160 * np.sin(angle)), round(90 + 80 * np.cos(angle))
        room[y : y + SIDE, x : x + SIDE] = face
        yield room


ASTRONAUT = ("astronaut", slice(10, 240), slice(110, 340), MAGENTA)
ADMIRAL = ("admiral", slice(20, 380), slice(80, 440), GREEN)


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(frames(patch(*ASTRONAUT)), tmp_path_factory.mktemp("clip") / "astronaut.y4m")


@pytest.fixture(scope="module")
def admiral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(frames(patch(*ADMIRAL)), tmp_path_factory.mktemp("clip") / "admiral.y4m")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app whose analyses can be counted and broken, by files in the folder that comes first in its PYTHONPATH."""
    probe, folder = tmp_path_factory.mktemp("probe"), tmp_path_factory.mktemp("watched")
    (probe / "sitecustomize.py").write_text(PROBE)
    with running_app(folder, {"PYTHONPATH": f"{probe}{os.pathsep}{paths.ROOT}"}, may_fail=True) as app:
        yield app


def probe_folder(app: App) -> Path:
    return Path(app.environment["PYTHONPATH"].split(os.pathsep)[0])


def marker_xy(picture: np.ndarray, colour_bgr: tuple[int, int, int] = MAGENTA) -> tuple[float, float] | None:
    """The middle of the marker in a picture; None where there is none of this colour."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - colour_bgr) < 110).all(axis=2))
    return (columns.mean(), rows.mean()) if len(rows) > MARKER**2 / 4 else None


def drawn(picture: np.ndarray) -> np.ndarray:
    """Where the picture has the colour of happy, which is orange."""
    return picture[:, :, 2].astype(int) - picture[:, :, 0] > 50


def box_ltrb(picture: np.ndarray) -> tuple[int, int, int, int] | None:
    """The box in a picture, from line to line: left, top, right, bottom; None where there is none.

    Its sides are the columns that hold most of the colour; above and below, a plate may touch it, so that its height is
    that of the widest gap between them.
    """
    mask = drawn(picture)
    heights = mask.sum(axis=0)
    (sides,) = np.nonzero(heights > max(40, heights.max() / 2))
    if not len(sides):
        return None
    left, right = int(sides.min()), int(sides.max())
    (rows,) = np.nonzero(mask[:, (left + right) // 2 - 2 : (left + right) // 2 + 3].any(axis=1))
    if len(rows) < 2:
        return None
    gap = np.diff(rows).argmax()
    return left, int(rows[gap]), right, int(rows[gap + 1])


def middle(box: tuple[int, int, int, int]) -> np.ndarray:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def live(arrive_with_camera: Arrive, app: App, clip: Path) -> Visitor:
    """A visitor whose camera runs and who sees the first box."""
    visitor = arrive_with_camera(app, clip, viewport={"width": 1280, "height": 1400})
    start_camera(visitor.open("live"))
    visitor.page.get_by_text(re.compile(r"1 face . [\d,]+ pictures read")).wait_for()
    return visitor


def udp_addresses(app: App) -> set[str]:
    """The addresses on which the server has UDP ports open."""
    descriptors = Path(f"/proc/{app.process.pid}/fd").iterdir()
    own = {os.readlink(descriptor) for descriptor in descriptors if descriptor.is_symlink()}
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("udp", "udp6")]
    entries = [line.split() for table in tables for line in table]
    return {entry[1].partition(":")[0] for entry in entries if f"socket:[{entry[9]}]" in own}


LOOPBACK_IN_PROC = {"0100007F", "00000000000000000000000001000000"}
"""127.0.0.1 and ::1, as /proc writes them on little-endian machines."""


def switch(page: "Page", name: str) -> None:
    page.locator("label", has_text=re.compile(f"^{name}$")).click()


def face_in_clip(detector: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Where a detector sees the face, from the middle of the marker: the box's middle, and the landmarks."""
    room = next(frames(patch(*ASTRONAUT)))
    (face,) = load_pipeline(detector=detector).analyze(room).faces
    x, y, w, h = face.box_xywh
    here = np.array(marker_xy(room))
    return np.array([x + w / 2, y + h / 2]) - here, None if face.landmarks_xy is None else face.landmarks_xy - here


@pytest.fixture
def yunet(app: App, yunet_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets the app, and `face_in_clip`, find YuNet's file while a test runs."""
    fetched = app.cache / yunet_file.name
    fetched.write_bytes(yunet_file.read_bytes())
    monkeypatch.setenv("FER_MODEL_DIR", str(yunet_file.parent))
    yield
    fetched.unlink()


def test_every_picture_carries_its_own_box(
    app: App, arrive_with_camera: Arrive, astronaut: Path, request: pytest.FixtureRequest
) -> None:
    """A box that belongs to the picture before would be too far off in every one of them.

    Where YuNet's file is to be had, YuNet draws them, and shifts few, where a busy camera sends little detail. Haar
    misses or shifts some faces in compressed pictures.
    """
    detector, least = ("yunet", PICTURES * 3 // 4) if find_detector() else ("haar", PICTURES // 2)
    if detector == "yunet":
        request.getfixturevalue("yunet")
    visitor = live(arrive_with_camera, app, astronaut)
    expected, _ = face_in_clip(detector)
    expected = expected * (-1, 1)  # a mirror
    pictures_until(visitor.page, lambda picture: box_ltrb(picture) is not None)
    fitting = []
    for _ in range(PICTURES):
        picture = next_picture(visitor.page)
        box, marker = box_ltrb(picture), marker_xy(picture)
        if box is None or marker is None:
            continue
        if np.abs(middle(box) - marker - expected).max() <= TOLERANCE * (box[2] - box[0]):
            fitting.append(marker)
    assert len(fitting) >= least
    assert np.ptp(fitting, axis=0).max() > 60, "the face moved between the pictures"
    visitor.page.get_by_text("Looks happy").first.wait_for()
    assert visitor.troubles == []
    if Path("/proc/net/udp").exists():
        opened = udp_addresses(app)
        assert opened, "its camera is on"
        assert opened <= LOOPBACK_IN_PROC, "nobody beyond this machine reaches what serves this machine alone"


@pytest.mark.usefixtures("yunet")
def test_switches_do_what_they_say(app: App, arrive_with_camera: Arrive, astronaut: Path) -> None:
    page = live(arrive_with_camera, app, astronaut).page
    _, landmarks_xy = face_in_clip("yunet")
    spots_xy = landmarks_xy * (-1, 1)  # a mirror

    def contrast(picture: np.ndarray) -> float:
        """How far black and white are apart on eyes, nose and mouth, on average: landmarks are white dots in rings."""
        marker = marker_xy(picture)
        spots = [] if marker is None else (marker + spots_xy).round().astype(int)
        return np.mean([np.ptp(picture[y - 5 : y + 6, x - 5 : x + 6]) for x, y in spots] or [0])

    pictures_until(page, lambda picture: box_ltrb(picture) and 100 < contrast(picture) < 180)
    switch(page, "Landmarks")
    pictures_until(page, lambda picture: box_ltrb(picture) and contrast(picture) > 200)
    switch(page, "Landmarks")
    pictures_until(page, lambda picture: box_ltrb(picture) and contrast(picture) < 180, wanted=1)

    def marker_is_on_the_right(picture: np.ndarray) -> bool | None:
        box, marker = box_ltrb(picture), marker_xy(picture)
        return None if box is None or marker is None else bool(marker[0] > middle(box)[0])

    mirrored = pictures_until(page, marker_is_on_the_right)
    switch(page, "Mirror")
    pictures_until(page, lambda picture: marker_is_on_the_right(picture) is False)

    with_words = min(drawn(picture).sum() for picture in mirrored)
    switch(page, "Numbers only")
    pictures_until(page, lambda picture: box_ltrb(picture) and drawn(picture).sum() < with_words - 800)
    page.get_by_text("Looks happy").first.wait_for()

    def detail(picture: np.ndarray) -> float:
        left, top, right, bottom = box_ltrb(picture) or (0, 0, 0, 0)
        inside = picture[top + 20 : max(0, bottom - 20), left + 20 : max(0, right - 20)]
        return cv2.Laplacian(inside, cv2.CV_64F).std() if inside.size else np.nan

    sharp = np.median([detail(picture) for picture in pictures_until(page, lambda picture: detail(picture) > 0)])
    switch(page, "Blur faces")
    pictures_until(page, lambda picture: box_ltrb(picture) and detail(picture) < sharp / 3)


@pytest.mark.usefixtures("yunet")
def test_the_mirror_turns_no_number_of_a_recording(
    app: App, here: Store, arrive_with_camera: Arrive, tmp_path: Path
) -> None:
    """Somebody at the left border stays there, and stays who they are, whatever the mirror shows meanwhile."""
    face = patch(*ASTRONAUT)

    def room(i: int) -> np.ndarray:
        picture = np.full((480, 640, 3), 120, np.uint8)
        picture[90 : 90 + SIDE, i % 3 : i % 3 + SIDE] = face
        return picture

    page = live(arrive_with_camera, app, make_clip(map(room, range(60)), tmp_path / "aside.y4m")).page
    press(page, "Record")
    page.get_by_text(re.compile("recording, [1-9]")).wait_for()
    for is_left in (True, False, True):
        switch(page, "Mirror")
        pictures_until(page, lambda picture, is_left=is_left: (box := box_ltrb(picture)) and is_left == (box[2] < 400))
    press(page, "Stop recording")
    page.get_by_role("link", name="Open among your sessions").wait_for()
    (session,) = here.sessions("local")
    samples = here.samples("local", session.id)
    assert {sample.person for sample in samples} == {1}
    assert max(sample.box_xywh[0] + sample.box_xywh[2] for sample in samples) < 400


FIRST_PICTURES = """() => {
    window.firstPictures = [];
    const canvas = document.createElement('canvas');
    const keep = (video) => {
        if (window.firstPictures.length === 12) return;
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        canvas.getContext('2d').drawImage(video, 0, 0);
        window.firstPictures.push(canvas.toDataURL('image/jpeg', 0.97));
        video.requestVideoFrameCallback(() => keep(video));
    };
    const find = () => {
        const video = document.querySelector('video');
        if (video) video.requestVideoFrameCallback(() => keep(video)); else requestAnimationFrame(find);
    };
    find();
}"""
"""Runs in the player's frame before it starts: keeps the first pictures that it shows."""


def test_blurred_faces_are_blurred_from_the_first_picture_on(
    app: App, arrive_with_camera: Arrive, astronaut: Path
) -> None:
    page = arrive_with_camera(app, astronaut, viewport={"width": 1280, "height": 1400}).open("live")
    switch(page, "Blur faces")
    page.wait_for_selector(AT_REST)
    page.get_by_role("button", name="I understand").click()
    page.locator("iframe[title*=webrtc]").wait_for()
    player(page).get_by_role("button", name=re.compile("start", re.IGNORECASE)).wait_for()
    player(page).evaluate(FIRST_PICTURES)
    start_camera(page)
    wait_for(player(page), "() => window.firstPictures.length === 12")

    def detail(picture: np.ndarray) -> float:
        """How sharp the eyes are, to the left of the marker in a mirror; or all of it, where all of it is blurred."""
        marker, sharpness = marker_xy(picture), np.abs(cv2.Laplacian(picture, cv2.CV_64F)).mean(axis=2)
        if marker is None:
            return sharpness.mean()
        x, y = np.round(marker).astype(int)
        sides = (sharpness[y + 91 : y + 131, max(0, x + across - 40) : x + across + 40] for across in (-134, 134))
        return max(side.mean() for side in sides if side.size)

    sharp = detail(cv2.flip(next(frames(patch(*ASTRONAUT))), 1))
    first = [decoded(data) for data in player(page).evaluate("() => window.firstPictures")]
    details = [detail(picture) for picture in first]
    assert max(details) < sharp / 3


MISSING = """() => {
    const main = document.querySelector('[data-testid=stMain]'), text = main.innerText;
    return ['Live', 'a second', 'Record', 'How long every step takes', 'Now', 'Last 60 seconds', 'Expressions seen',
            'Reset the counts'].filter(words => !text.includes(words))
        .concat(main.querySelectorAll('iframe').length === 1 ? [] : ['the player'])
        .concat(main.querySelectorAll('[data-testid=stVegaLiteChart] svg').length === 5 ? [] : ['a chart']);
}"""


def test_nothing_is_lost_in_many_interactions(app: App, arrive_with_camera: Arrive, astronaut: Path) -> None:
    from playwright.sync_api import TimeoutError as StillWaitingError

    visitor = live(arrive_with_camera, app, astronaut)
    page = visitor.page
    names = ("Mirror", "Numbers only", "Blur faces")
    for i in range(24):
        name = names[i % len(names)]
        toggle = page.get_by_role("switch", name=name)
        before = toggle.is_checked()
        switch(page, name)
        page.wait_for_selector(AT_REST)
        assert toggle.is_checked() != before
        try:
            wait_for(page, f"() => ({MISSING})().length === 0")
        except StillWaitingError:
            said = page.inner_text("[data-testid=stMain]")
            pytest.fail(f"The page says:\n{said}\nAfter {i} switches, the last {name}: no {page.evaluate(MISSING)}.")
    picture = next_picture(page)
    pictures_until(page, lambda later: (later != picture).any(), wanted=1)
    assert visitor.troubles == []


def test_leaving_stops_the_work_and_coming_back_starts_again(
    watched: App, arrive_with_camera: Arrive, astronaut: Path
) -> None:
    page = live(arrive_with_camera, watched, astronaut).page
    folder = probe_folder(watched)
    (folder / "stopped").unlink(missing_ok=True)
    page.locator("[data-testid=stSidebarNavLink]", has_text="Datasets").click()
    page.get_by_role("heading", level=1, name="Datasets").wait_for()
    wait_until((folder / "stopped").exists, watched.process)
    page.wait_for_selector(AT_REST)
    analysed = (folder / "analysed").stat().st_size
    page.locator("[data-testid=stSidebarNavLink]", has_text="Live").click()
    page.get_by_text("Press START").wait_for()
    later = (folder / "analysed").stat().st_size
    assert later - analysed <= 1, "nobody looked at the camera in between; a picture may have been on its way"
    start_camera(page)
    page.get_by_text(re.compile("1 face")).wait_for()
    assert (folder / "analysed").stat().st_size > analysed


def test_an_error_is_said_and_the_picture_goes_on(watched: App, arrive_with_camera: Arrive, astronaut: Path) -> None:
    page = live(arrive_with_camera, watched, astronaut).page
    broken = probe_folder(watched) / "broken"
    broken.touch()
    try:
        page.get_by_text("The last picture could not be read (RuntimeError: a lamp fell over).").wait_for()
        (first,) = pictures_until(page, lambda picture: box_ltrb(picture) is None and marker_xy(picture), wanted=1)
        here = marker_xy(first)

        def has_moved(later: np.ndarray) -> bool:
            there = marker_xy(later)
            return there is not None and bool(np.abs(np.subtract(there, here)).max() > 20)

        pictures_until(page, has_moved, wanted=1)
    finally:
        broken.unlink()
    pictures_until(page, lambda picture: box_ltrb(picture) is not None)
    page.get_by_text("a lamp fell over").wait_for(state="detached")


def test_two_visitors_see_their_own_pictures_and_numbers(
    app: App, arrive_with_camera: Arrive, astronaut: Path, admiral: Path
) -> None:
    pages = [live(arrive_with_camera, app, clip).page for clip in (astronaut, admiral)]
    for page, own, other in zip(pages, (MAGENTA, GREEN), (GREEN, MAGENTA), strict=True):

        def is_own(picture: np.ndarray, own: tuple = own, other: tuple = other) -> bool:
            assert marker_xy(picture, other) is None
            return marker_xy(picture, own) is not None

        pictures_until(page, is_own, PICTURES // 4)
    now = ".fer-now"
    pages[0].locator(now, has_text="happy").wait_for()
    assert "Looks happy" not in pages[1].locator(now).inner_text()
    for page in pages:
        wait_for(page, f"() => document.querySelectorAll('{now} .fer-reading').length === 1")


@pytest.mark.parametrize("trouble", [Trouble.DENIED, Trouble.MISSING], ids=lambda trouble: trouble.name)
def test_a_camera_that_cannot_be_had(trouble: Trouble, app: App, arrive_with_camera: Arrive, astronaut: Path) -> None:
    clip = None if trouble == Trouble.MISSING else astronaut
    page = arrive_with_camera(app, clip, allowed=trouble == Trouble.MISSING).open("live")
    press_start(page)
    page.get_by_text(trouble).wait_for()
    player(page).get_by_text(re.compile("Error:")).wait_for(state="hidden")
    assert page.get_by_text("Press START, and allow").count() == 1


def test_a_connection_that_does_not_come_about(app: App, arrive_with_camera: Arrive, astronaut: Path) -> None:
    """A browser that may reach nothing but a relay, in a place that has none, is behind a firewall."""
    visitor = arrive_with_camera(app, astronaut)
    visitor.page.add_init_script(
        "window.RTCPeerConnection = class extends RTCPeerConnection {"
        "constructor(settings) { super({...settings, iceTransportPolicy: 'relay'}); } };"
    )
    press_start(visitor.open("live"))
    visitor.page.get_by_text(Trouble.UNCONNECTED).wait_for()


@pytest.fixture
def by_another_name(tmp_path: Path) -> Iterator[App]:
    """A server that is called by a name that browsers do not take for this machine."""
    with running_app(tmp_path, {"STREAMLIT_SERVER_ALLOWED_HOSTS": ANOTHER_NAME}) as app:
        yield app


def test_a_page_without_https_offers_a_photo_instead(
    arrive_with_camera: Arrive, astronaut: Path, tmp_path: Path, by_another_name: App
) -> None:
    app = by_another_name
    page = arrive_with_camera(app, astronaut).page
    visitor = Visitor(page, app.url.replace("localhost", ANOTHER_NAME))
    visitor.open("live")
    page.get_by_role("button", name="I understand").click()
    page.get_by_text(Trouble.INSECURE).wait_for()
    assert page.locator("iframe").count() == 0
    photo = tmp_path / "me.png"
    cv2.imwrite(str(photo), patch(*ASTRONAUT))
    page.locator("input[type=file]").set_input_files(photo)
    page.get_by_text("Looks happy").wait_for()
    page.get_by_alt_text("The photo with 1 numbered face").wait_for()


CAMERA_SHOWS = """() => {
    const video = document.querySelector('[data-testid=stCameraInput] video');
    return video && video.videoWidth > 0 && video.currentTime > 0;
}"""


def test_snapshots_can_be_had_instead(app: App, arrive_with_camera: Arrive, astronaut: Path) -> None:
    page = arrive_with_camera(app, astronaut).open("live")
    page.get_by_role("button", name="I understand").click()
    page.get_by_role("button", name="Snapshots").or_(page.get_by_role("radio", name="Snapshots")).click()
    wait_for(page, CAMERA_SHOWS)
    page.get_by_role("button", name="Take photo").click()
    page.get_by_alt_text(re.compile("The photo with 1 numbered face|A photo in which no face")).wait_for()
    assert page.locator("iframe").count() == 0
