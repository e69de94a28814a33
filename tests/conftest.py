"""What every test shares: folders of its own, the real data where it is there, and how the tests are spread."""

import gc
import itertools
import logging
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest
import sqlalchemy as sa

from fer import paths

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter
    from xdist.scheduler import LoadScopeScheduling

hypothesis.settings.register_profile("any machine", hypothesis.settings(), deadline=None)  # a busy one is no mistake
hypothesis.settings.load_profile("any machine")

SHARED = Path(os.environ.get("FER_TEST_DATA") or paths.ROOT.parent / "shared")
"""Holds data/, models/ and photos/ for the tests on real data."""

NO_DATA = f"real data not found: {SHARED} holds no data/fer2013.parquet; set FER_TEST_DATA to a folder that does"

DETECTOR_PLACES = [*paths.detector_dirs(), SHARED / "models"]
"""Where YuNet's file is looked for: this is read before the tests move away from the user's own folders."""

NO_DETECTOR = f"no YuNet file in {', '.join(map(str, DETECTOR_PLACES))}; `python -m fer setup` fetches it"

CAMERAS = tuple(f"tests/e2e/test_{page}.py" for page in ("live", "acting", "sessions", "deployed"))
"""Live pictures keep a core busy: these run one after the other, beside what has no camera."""

WAITING = ("tests/batch/test_engines.py", "tests/batch/test_cluster.py")
"""These mostly wait for Ray to start, and to notice what died: beside the cameras, which need more than one core."""

LONGEST_FIRST = (
    *CAMERAS,
    *WAITING,
    "tests/e2e/",
    "tests/training/",
    "tests/evaluation/",
    "tests/app/",
    "tests/test_media_fuzz.py",
)
"""Where several processes share the tests, they begin with these, so that none ends long after the others."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests on real data and with PostgreSQL; order those of a process that is one of several, alike in all.

    A test in a browser that fails gets one second try, which the summary counts as rerun: a camera, a browser and a
    server on two busy cores lose a picture now and then, and a fault of the app fails twice.
    """
    for item in items:
        if "shared_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    if hasattr(config, "workerinput"):
        ranks = {start: rank for rank, start in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: min((ranks[s] for s in ranks if item.nodeid.startswith(s)), default=len(ranks)))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let Streamlit's fifty loggers pass on what they are told, or pytest enters and leaves each six times a test."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("streamlit.") and isinstance(logger, logging.Logger):
            logger.propagate = True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: what has a browser, a server or Ray waits for a third of its time."""
    from fer.batch.local import count_cores

    return count_cores() + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadScopeScheduling":
    """Give whole files to the processes, since fixtures are made once a file, and the cameras to one of them."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "cameras" if file in CAMERAS else file

    config.option.loadscopereorder = False
    return ByFile(config, log)


def _has_data() -> bool:
    return (SHARED / "data" / "fer2013.parquet").is_file()


def find_detector() -> Path | None:
    """YuNet's file; None where this machine has none."""
    return next((d / paths.DETECTOR_FILE for d in DETECTOR_PLACES if (d / paths.DETECTOR_FILE).is_file()), None)


def pytest_report_header() -> list[str]:
    return [f"real data: {SHARED if _has_data() else 'none'}", f"YuNet: {find_detector() or 'none'}"]


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Say what this machine could not test, and what only a second try could, where nobody overlooks it."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    counts = {reason: sum(reason in text for text in reasons) for reason in (NO_DATA, NO_DETECTOR)}
    if any(counts.values()):
        terminalreporter.section("NOT TESTED ON THIS MACHINE", sep="!", red=True, bold=True)
        for reason, count in counts.items():
            if count:
                terminalreporter.line(f"{count} left out: {reason}", red=True)
    again = terminalreporter.stats.get("rerun", [])
    if again:
        terminalreporter.section("NEEDED A SECOND TRY", sep="!", red=True, bold=True)
        for report in again:
            terminalreporter.line(f"{report.nodeid} ({report.when}) first ended so:", red=True)
            lines = report.longreprtext.splitlines()
            through = [line for line in lines if re.match(r"(fer|tests)/\S+:\d+: ", line)]
            terminalreporter.line("\n".join([*through, *lines[-12:]]))


_numbers = itertools.count()


def _move_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point everything that `fer.paths` looks at, except the checkout, into this folder."""
    monkeypatch.setenv("HOME", str(folder))
    folders = ("FER_MODEL_DIR", "FER_DATA_DIR", "FER_CACHE_DIR", "FER_SESSIONS_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    for name in folders:
        monkeypatch.setenv(name, str(folder / name.lower()))
    monkeypatch.delenv("FER_DATABASE_URL", raising=False)


@pytest.fixture(scope="module", autouse=True)
def _search_what_is_new_alone() -> None:
    """Leave all that is there before a file's tests out of every later search for garbage.

    Python searches all of it about once in a run of a page, which takes longer than the page itself among what a whole
    test session has imported and trained, TensorFlow's above all.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures that live longer than one test out of the user's folders."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _move_in(tmp_path_factory.mktemp("home"), monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _own_folders(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give every test empty folders, so that none sees what another one left.

    None is made before somebody writes into it, which few tests do.
    """
    if "tmp_path" in request.fixturenames:
        folder = request.getfixturevalue("tmp_path")
    else:
        folder = tmp_path_factory.getbasetemp() / f"unused{next(_numbers)}"
    _move_in(folder / "home", monkeypatch)


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder that holds data/, models/ and photos/ for the tests on real data."""
    if not _has_data():
        pytest.skip(NO_DATA)
    return SHARED


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """The YuNet detector's file."""
    file = find_detector()
    if file is None:
        pytest.skip(NO_DETECTOR)
    return file


def do_without(reason: str) -> NoReturn:
    """Skip a test for which this machine lacks something; continuous integration lacks nothing, so there it fails."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A PostgreSQL server for these tests alone, reached through a socket in its own folder."""
    initdb = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if initdb is None:
        do_without("no PostgreSQL found: install it (Debian: apt-get install postgresql)")
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
        # No test lets the server itself crash, so nothing has to reach the disk.
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
        call("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", options)
        try:
            yield sa.URL.create("postgresql", "fer", database="postgres", query={"host": str(folder)})
        finally:
            call("pg_ctl", "stop", "--wait", "--mode", "immediate")
    finally:
        shutil.rmtree(folder)


@contextmanager
def empty_database(server: sa.URL) -> Iterator[str]:
    """Make a database in a PostgreSQL server, and drop it in the end; gives its address."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield server.set(database=name).render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[str]:
    """What is an empty PostgreSQL database to who opens it: a schema, which is made in an eighth of the time."""
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    url = postgres_server.update_query_dict({"options": f"-c search_path={name}"})
    yield url.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET lock_timeout = '20s'")  # who still holds a table would be waited for, for ever
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
