"""When a stream counts as alive, what is asked of the browser, and where browsers give a page the camera."""

from types import SimpleNamespace

import pytest

from fer.ui import camera
from fer.ui.camera import PATIENCE_S, Trouble, Watch

LATE_S = PATIENCE_S + 2


@pytest.mark.parametrize(
    ("events", "at_s", "trouble"),
    [
        ([], LATE_S, None),
        ([(0, "signalling")], 1, None),
        ([(0, "signalling")], LATE_S, Trouble.UNCONNECTED),
        ([(0, "signalling"), (1, "playing")], LATE_S, Trouble.UNCONNECTED),
        ([(0, "signalling"), (1, "idle")], LATE_S, None),
        ([(0, "signalling"), (5, "idle")], 5, Trouble.UNCONNECTED),
        ([(0, "signalling"), (5, "idle"), (6, "idle")], LATE_S, Trouble.UNCONNECTED),
        ([(0, "signalling"), (5, "idle"), (6, "signalling")], 7, None),
        ([(0, "playing"), (1, "frame")], 2, None),
        ([(0, "playing"), (1, "frame")], LATE_S, Trouble.STALLED),
        ([(0, "playing"), (1, "frame"), (LATE_S, "playing")], LATE_S, Trouble.STALLED),
        ([(0, "playing"), (1, "frame"), (5, "idle")], LATE_S, None),
        ([(0, "playing"), (1, "frame"), (2, "idle"), (3, "signalling")], LATE_S + 3, Trouble.UNCONNECTED),
    ],
    ids=[
        *("nothing yet", "connecting", "connecting for long", "it says that it plays", "stopped by hand", "given up"),
        *("given up earlier", "tried again", "pictures", "no more pictures", "a run of the page is no picture"),
        *("stopped", "started anew"),
    ],
)
def test_liveness_is_judged_by_pictures(events: list[tuple[float, str]], at_s: float, trouble: Trouble | None) -> None:
    watch = Watch(lambda image_bgr, time_s: image_bgr)
    for now_s, event in events:
        if event == "frame":
            watch.saw_frame(now_s)
        else:
            watch.saw_state(playing=event == "playing", signalling=event == "signalling", now_s=now_s)
    assert watch.trouble(at_s) is trouble


@pytest.mark.parametrize(
    ("url", "can"),
    [
        (None, True),
        ("http://localhost:8501/live", True),
        ("http://127.0.0.1:8501/live", True),
        ("http://[::1]:8501/live", True),
        ("http://fer.localhost/live", True),
        ("https://example.com/live", True),
        ("http://example.com/live", False),
        ("http://192.168.1.20:8501/live", False),
        ("http://localhost.example.com/live", False),
    ],
    ids=[
        *("unknown", "localhost", "IPv4", "IPv6", "a name below localhost", "https", "http", "in the house"),
        "a name that begins like localhost",
    ],
)
def test_where_browsers_give_a_page_the_camera(url: str | None, can: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera.st, "context", SimpleNamespace(url=url))
    assert camera.can_stream() == can


def test_nobody_is_asked_for_the_microphone() -> None:
    assert camera.CONSTRAINTS["audio"] is False


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_says_what_to_do(trouble: Trouble) -> None:
    words = ("Open it", "Connect one", "Allow it", "TURN server", "Press STOP", "press START again")
    assert any(word in trouble for word in words)


@pytest.mark.parametrize(
    ("access", "error", "trouble"),
    [
        pytest.param(None, None, None, id="nothing is known yet"),
        pytest.param("prompt", "", None, id="all is well"),
        pytest.param("missing", "NotFoundError", Trouble.MISSING, id="no camera"),
        pytest.param("granted", "NotFoundError", Trouble.MISSING, id="taken away"),
        pytest.param("prompt", "NotAllowedError", Trouble.DENIED, id="refused when asked"),
        pytest.param("granted", "NotReadableError", Trouble.BUSY, id="another program has it"),
        pytest.param("granted", "OverconstrainedError", Trouble.FAILED, id="something else"),
    ],
)
def test_what_a_browser_says_becomes_a_sentence(access: str | None, error: str | None, trouble: Trouble | None) -> None:
    assert camera.find_camera_trouble(access, error) is trouble
