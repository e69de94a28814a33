"""What every test shares: folders of its own, the real data where it is there, and a real browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fer import paths

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


def _move_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point everything that `fer.paths` looks at, except the checkout, into this folder."""
    monkeypatch.setenv("HOME", str(folder))
    for name in ("FER_MODEL_DIR", "FER_DATA_DIR", "FER_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(folder / name.lower()))


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures that live longer than one test out of the user's folders."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _move_in(tmp_path_factory.mktemp("home"), monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test empty folders, so that none sees what another one left."""
    _move_in(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder that holds data/, models/ and photos/ for the tests on real data."""
    folder = Path(os.environ.get("FER_TEST_DATA") or paths.ROOT.parent / "shared")
    if not (folder / "data" / "fer2013.parquet").is_file():
        pytest.skip(f"real data not found: {folder} holds no data/fer2013.parquet; set FER_TEST_DATA to one that does")
    return folder


@pytest.fixture(scope="session")
def yunet_file(shared_dir: Path) -> Path:
    """The YuNet detector's file."""
    file = shared_dir / "models" / paths.DETECTOR_FILE
    if not file.is_file():
        pytest.skip(f"no YuNet file: {file} is missing")
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A headless Chromium with a fake camera. One a module: Playwright's event loop must not outlive its tests."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        reason = "no browser found: install Chromium, or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=BROWSER_FLAGS)
        yield browser
        browser.close()
