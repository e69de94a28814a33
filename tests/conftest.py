"""What every test shares: folders of its own, the real data where it is there, and a real browser."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

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
    folders = ("FER_MODEL_DIR", "FER_DATA_DIR", "FER_CACHE_DIR", "FER_SESSIONS_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    for name in folders:
        monkeypatch.setenv(name, str(folder / name.lower()))
    monkeypatch.delenv("FER_DATABASE_URL", raising=False)


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


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[sa.URL]:
    """A PostgreSQL server for these tests alone, reached through a socket in its own folder."""
    initdb = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if initdb is None:
        reason = "no PostgreSQL found: install it (Debian: apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # PostgreSQL does not run as root, and nobody else may enter pytest's own folders; sockets need a short path too.
    folder, user = Path(tempfile.mkdtemp(prefix="fer-postgres-")), "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user, user)

    def call(program: str, *arguments: str) -> None:
        command = [str(Path(initdb).with_name(program)), "--pgdata", str(folder / "data"), *arguments]
        done = subprocess.run(command, user=user, group=user, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    try:
        call("initdb", "--username", "fer", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
        options = f"-k {folder} -c listen_addresses="
        call("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", options)
        try:
            yield sa.URL.create("postgresql", "fer", database="postgres", query={"host": str(folder)})
        finally:
            call("pg_ctl", "stop", "--wait", "--mode", "immediate")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(_postgres_server: sa.URL) -> Iterator[str]:
    """An empty PostgreSQL database."""
    engine = sa.create_engine(_postgres_server, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield _postgres_server.set(database=name).render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(scope="session")
def browser_file() -> str:
    """Where the browser is that the tests drive."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        reason = "no browser found: install Chromium, or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return executable


@pytest.fixture(scope="module")
def browser(browser_file: str) -> Iterator["Browser"]:
    """A headless Chromium with a fake camera. One a module: Playwright's event loop must not outlive its tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_file, headless=True, args=BROWSER_FLAGS)
        yield browser
        browser.close()
