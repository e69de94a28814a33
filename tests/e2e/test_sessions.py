"""The Sessions page in a real browser: two users who are logged in, and one who sits at the machine."""

import csv
import io
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from fer.benchmark.browser import wait_for
from fer.recording import Marker
from fer.store import Store
from tests.e2e.conftest import (
    AT_REST,
    App,
    Arrive,
    Visitor,
    choose,
    list_sessions,
    press,
    record_session,
    running_app,
    start_camera,
)
from tests.store.test_store import recorded, sample

pytestmark = pytest.mark.browser

COOKIE = "_streamlit_user"
VOUCHER = "https://login.example"
SECRET = "what signs the cookies of users who are logged in"
SECRETS = f"""
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "fer"
client_secret = "nobody asks for it here"
server_metadata_url = "http://localhost:9/.well-known/openid-configuration"
"""


TICKS = """[...document.querySelectorAll('[data-testid=stPlotlyChart] .xtick text, .x2tick text')]
    .map(tick => Number(tick.textContent))"""
"""The numbers along a timeline."""


@pytest.fixture(scope="module")
def with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that is reached from everywhere and offers a login, with secrets in its own home."""
    home = tmp_path_factory.mktemp("home")
    (home / ".streamlit").mkdir()
    (home / ".streamlit" / "secrets.toml").write_text(SECRETS)
    variables = {
        "HOME": str(home),
        "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
        "FER_SESSIONS_DIR": str(home / "sessions"),
    }
    with running_app(tmp_path_factory.mktemp("app"), variables) as app:
        yield app


def log_in(visitor: Visitor, subject: str) -> None:
    """Give a visitor the cookie that a login ends with."""
    user = {"origin": visitor.home, "is_logged_in": True, "iss": VOUCHER, "sub": subject}
    value = create_signed_value(SECRET, COOKIE, json.dumps(user)).decode()
    visitor.page.context.add_cookies([{"name": COOKIE, "value": value, "url": visitor.home}])


def test_each_user_sees_their_own(
    with_login: App,
    still_face: Path,
    arrive_with_camera: Arrive,
    arrive: Arrive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One records, looks at what they have, and deletes all of it: the other's, of an earlier day, stays."""
    mark = secrets.token_hex(4)  # a second try begins with nothing either
    ann, bob, passer_by = arrive_with_camera(with_login, still_face), arrive(with_login), arrive(with_login)
    log_in(ann, f"ann {mark}")
    log_in(bob, f"bob {mark}")
    monkeypatch.setenv("FER_SESSIONS_DIR", with_login.environment["FER_SESSIONS_DIR"])
    with closing(Store()) as store:
        other = recorded(store, f"{VOUCHER} bob {mark}", [sample(t / 4) for t in range(8)], name="Of bob")

    start_camera(ann.open("live"))
    record_session(ann.page, "Of ann")
    for visitor, name in ((ann, "Of ann"), (bob, "Of bob")):
        page = visitor.open("sessions")
        assert list_sessions(page) == [name]
        page.get_by_text(re.compile("(1 person|[0-9]+ people), [0-9,]+ readings? by")).wait_for()
        page.get_by_text("They are in this app's database, under your login").wait_for()
        assert with_login.environment["FER_SESSIONS_DIR"] not in page.inner_text("body")
    # The number of somebody else's session in the address opens one's own.
    page = ann.open(f"sessions?session={other}")
    assert list_sessions(page) == ["Of ann"]
    press(page, "Delete all sessions")
    press(page, "Delete all of them")
    page.get_by_text("No session yet.").wait_for()
    assert list_sessions(bob.open("sessions")) == ["Of bob"]
    page = passer_by.open("sessions")
    page.get_by_text("Sessions are saved only for somebody").wait_for()
    page.get_by_role("button", name="Log in").wait_for()
    for visitor in (ann, bob, passer_by):
        assert visitor.troubles == []


def test_a_forged_cookie_opens_nothing(with_login: App, arrive: Arrive) -> None:
    visitor = arrive(with_login)
    user = json.dumps({"origin": visitor.home, "is_logged_in": True, "iss": VOUCHER, "sub": "bob"})
    value = create_signed_value("another secret", COOKIE, user).decode()
    visitor.page.context.add_cookies([{"name": COOKIE, "value": value, "url": visitor.home}])
    visitor.open("sessions").get_by_text("Sessions are saved only for somebody").wait_for()


def test_a_session_from_the_list_to_its_end(app: App, here: Store, arrive: Arrive) -> None:
    crowd = [sample(t / 4, person, "sad" if person == 2 else "happy") for t in range(240) for person in (1, 2)]
    session_id = recorded(here, "local", crowd)
    moment = recorded(here, "local", [sample(0.0, 1, "fear")], name="A moment")
    for number, time_s in ((session_id, 30.0), (moment, 0.0)):
        here.add_marker("local", number, Marker(time_s, "a door"))
    visitor = arrive(app)
    page = visitor.open(f"sessions?session={session_id}")
    page.get_by_role("heading", level=2, name="Rehearsal").wait_for()
    assert urlsplit(page.url).query == ""
    assert list_sessions(page) == ["A moment", "Rehearsal"]

    choose(page, "Compare with", "A moment")
    page.get_by_role("heading", name="Over each other").wait_for()
    field = page.get_by_role("textbox", name="Name of this session")
    field.fill("Act one")
    field.press("Enter")
    page.get_by_role("heading", level=2, name="Act one", exact=True).wait_for()
    page.wait_for_selector(AT_REST)  # what is under the heading still bears the old name
    files = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            press(page, kind)
        assert download.value.suggested_filename == f"Act one.{kind.lower()}"
        files[kind] = Path(download.value.path()).read_text()
    rows = list(csv.DictReader(io.StringIO(files["CSV"])))
    told = json.loads(files["JSON"])
    assert len(rows) == len(told["samples"]) == len(crowd)
    assert [rows[1]["person"], rows[1]["emotion"]] == ["2", "sad"]
    assert (told["name"], told["model"]) == ("Act one", "drawn")
    assert told["markers"] == [{"time_s": 30.0, "note": "a door"}]
    assert [row["time_s"] for row in rows if row["marker"]] == ["30.0"]

    press(page, "Delete")
    page.get_by_text("Delete Act one and all its numbers? This cannot be undone.").wait_for()
    assert len(here.sessions("local")) == 2, "it was asked first"
    press(page, "Delete this session")
    page.get_by_role("heading", level=2, name="A moment").wait_for()
    assert [session.name for session in here.sessions("local")] == ["A moment"]
    assert visitor.troubles == []


def test_the_timeline_can_be_zoomed(app: App, here: Store, arrive: Arrive) -> None:
    recorded(here, "local", [sample(t / 4) for t in range(240)])
    visitor = arrive(app, viewport={"width": 1280, "height": 1600})
    page = visitor.open("sessions")
    wait_for(page, f"() => Math.max(...{TICKS}) === 60")
    plot = page.locator("[data-testid=stPlotlyChart] .nsewdrag").last
    plot.hover()  # as soon as it stays where it is
    box = plot.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    page.mouse.up()
    wait_for(page, f"() => Math.max(...{TICKS}) <= 30 && Math.min(...{TICKS}) >= 15")
    assert visitor.troubles == []
