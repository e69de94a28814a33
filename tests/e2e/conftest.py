"""The app on a server of its own, and visitors in a real browser."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from fer import paths

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LIMIT_S = 60
"""Longer than anything takes on two busy cores; nothing waits for it to pass."""

AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"


@dataclass(frozen=True)
class App:
    """A running server.

    Attributes:
        url: where it answers.
        process: the server's.
        environment: the variables that it runs with; its cache folder and its temporary folder are nobody else's.
        log: the file that it writes its messages to.
    """

    url: str
    process: subprocess.Popen
    environment: dict[str, str]
    log: Path

    @property
    def temporary(self) -> Path:
        return Path(self.environment["TMPDIR"])

    @property
    def cache(self) -> Path:
        return Path(self.environment["FER_CACHE_DIR"])


@contextmanager
def running_app(folder: Path) -> Iterator[App]:
    """Start the app as the README says, on a free port; stop it at the end, and see that it logged no error."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"TMPDIR": folder / "temporary", "FER_CACHE_DIR": folder / "cache"}
    for place in places.values():
        place.mkdir()
    environment = os.environ | {name: str(place) for name, place in places.items()}
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command + options,
            cwd=paths.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(port, process)
        yield App(f"http://localhost:{port}", process, environment, log)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
    messages = log.read_text()
    assert "Traceback" not in messages, messages


def _wait_for(port: int, process: subprocess.Popen) -> None:
    """Return once the server answers; fail if it ends instead."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail("the app did not start")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("app")) as app:
        yield app


@dataclass(frozen=True)
class Visitor:
    """One visitor: a browser window of their own, and what they would rather not see.

    Attributes:
        page: the window.
        home: the address of the app.
        troubles: errors in the console, requests that failed, and addresses outside of the app that were asked for.
    """

    page: "Page"
    home: str
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        on, host = self.page.on, urlsplit(self.home).netloc

        def look_at(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme not in ("data", "blob") and parts.netloc != host:
                self.troubles.append(f"asks for {url}")

        on("console", lambda message: message.type == "error" and self.troubles.append(message.text))
        on("pageerror", lambda error: self.troubles.append(str(error)))
        on("request", lambda request: look_at(request.url))
        on("websocket", lambda websocket: look_at(websocket.url))
        on("response", lambda answer: answer.status >= 400 and self.troubles.append(f"{answer.status} {answer.url}"))

    def open(self, path: str = "") -> "Page":
        """Open a page of the app and wait until it is there."""
        self.page.goto(f"{self.home}/{path}")
        self.page.wait_for_selector(f"{AT_REST} h1")
        return self.page

    def upload(self, *files: tuple[str, bytes]) -> None:
        """Give the Image page photos."""
        self.page.locator("input[type=file]").first.set_input_files(
            [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
        )


Arrive = Callable[..., Visitor]


@pytest.fixture
def arrive(browser: "Browser") -> Iterator[Arrive]:
    """A function that brings a new visitor to an app; the keywords are those of a browser's context."""
    contexts = []

    def arrive(app: App, **settings: object) -> Visitor:
        contexts.append(browser.new_context(**settings))
        contexts[-1].set_default_timeout(LIMIT_S * 1000)
        return Visitor(contexts[-1].new_page(), app.url)

    yield arrive
    for context in contexts:
        context.close()
