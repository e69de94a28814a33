"""Saved sessions: what comes back, whose it is, and what a kill, a full disk or another version leaves."""

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from fer import paths, store
from fer.emotions import EMOTIONS, UNSURE
from fer.errors import StoreError
from fer.recording import Look, Marker, Remarks, Sample
from fer.store import Store, schema

SCHEMES = "FER_DATABASE_URL must begin with postgresql:// or with sqlite:///, but does not."
NO_FILE = "FER_DATABASE_URL must name a file after sqlite:///, but names none."
NOBODY_S = "This session is not there; it may have been deleted."
FACTS = {"name": "Rehearsal", "kind": "live", "model": "drawn", "detector": "haar", "classes": EMOTIONS}


def sample(time_s: float, person: int = 1, emotion: str = "happy", unsure: bool | None = False) -> Sample:
    """A sample that shows one expression."""
    probabilities = tuple(0.7 if name == emotion else 0.05 for name in EMOTIONS)
    return Sample(time_s, person, probabilities, (10.5, 20.0, 30.0, 40.25), 0.875, unsure)


def look(*samples: Sample) -> Look:
    """The look that showed these samples, or the last of several."""
    return Look(samples[-1].time_s, samples)


def recorded(opened: Store, owner: str, samples: list[Sample], **changes: str) -> int:
    """Save a session and return its number."""
    writer = opened.begin(owner, **FACTS | changes)
    writer.write(look(*samples))
    writer.close()
    assert writer.error is None
    return writer.session_id


class TestOneSession:
    def test_there_is_none_at_first(self, opened: Store) -> None:
        assert opened.sessions("ann") == []
        assert opened.delete_all("ann") == 0
        assert opened.retention("ann") is None

    @pytest.mark.parametrize(
        ("samples", "duration_s", "people", "counts", "main"),
        [
            ([sample(0.0)], 0.0, 1, {"happy": 1}, "happy"),
            ([sample(0.0), sample(0.1), sample(0.2, emotion="sad")], 0.2, 1, {"happy": 2, "sad": 1}, "happy"),
            ([sample(0.0), *(sample(t, unsure=True) for t in (0.1, 0.2))], 0.2, 1, {"happy": 1, "unsure": 2}, "unsure"),
            ([sample(0.0, 1), sample(0.0, 2, "fear"), sample(0.5, 2, "fear")], 0.5, 2, {"happy": 1, "fear": 2}, "fear"),
        ],
        ids=["one moment", "one person", "doubt", "two people"],
    )
    def test_what_was_written_comes_back(
        self,
        opened: Store,
        samples: list[Sample],
        duration_s: float,
        people: int,
        counts: dict[str, int],
        main: str,
    ) -> None:
        before = datetime.now(UTC)
        session_id = recorded(opened, "ann", samples)
        (session,) = opened.sessions("ann")
        assert session.id == session_id
        assert opened.samples("ann", session_id) == samples
        assert (session.name, session.kind, session.model, session.detector) == ("Rehearsal", "live", "drawn", "haar")
        assert (session.classes, session.duration_s, session.people) == (EMOTIONS, duration_s, people)
        assert dict(session.counts) == dict.fromkeys((*EMOTIONS, UNSURE), 0) | counts
        assert (session.main, session.readings) == (main, len(samples))
        assert before <= session.started <= datetime.now(UTC)
        assert session.started.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("n", [1, 12_000], ids=["one look", "more than is written at once"])
    def test_looks_that_are_all_there_are_saved_at_once(self, opened: Store, n: int) -> None:
        looks = (look(sample(second / 10)) for second in range(n))
        session_id = opened.save("ann", itertools.chain(looks, [Look(n / 10, ())]), **FACTS | {"kind": "video"})
        (session,) = opened.sessions("ann")
        assert (session.id, session.kind, session.readings, session.duration_s) == (session_id, "video", n, n / 10)
        assert opened.nobody("ann", session_id) == ((n / 10, n / 10),)

    def test_what_cannot_be_saved_at_once_leaves_nothing(self, opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Store, "_append", Mock(side_effect=StoreError("The disk is full.")))
        with pytest.raises(StoreError, match=r"The disk is full\."):
            opened.save("ann", [look(sample(0.0))], **FACTS)
        assert opened.sessions("ann") == []

    def test_it_grows_with_every_commit(self, opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A list never shows a session whose samples are not all there."""
        committed = threading.Semaphore(0)
        append = Store._append
        monkeypatch.setattr(Store, "_append", lambda *a: (append(*a), committed.release())[0])
        monkeypatch.setattr(store.writer, "COMMIT_EVERY_S", 0.02)
        writer = opened.begin("ann", **FACTS)
        for second in range(3):
            writer.write(look(sample(float(second))))
            assert committed.acquire(timeout=60)
            (session,) = opened.sessions("ann")
            assert session.readings == len(opened.samples("ann", session.id)) == second + 1
            assert session.duration_s == second
        writer.close()

    def test_without_a_face_nothing_is_kept(self, opened: Store) -> None:
        writer = opened.begin("ann", **FACTS)
        assert [session.main for session in opened.sessions("ann")] == [None]
        writer.close()
        assert writer.error is None
        assert opened.sessions("ann") == []

    def test_what_comes_after_the_end_is_not_saved(self, opened: Store) -> None:
        writer = opened.begin("ann", **FACTS)
        writer.write(look(sample(0.0)))
        writer.close()
        writer.write(look(sample(1.0)))
        writer.close()
        assert opened.samples("ann", writer.session_id) == [sample(0.0)]

    def test_numbers_of_arrays_are_taken(self, opened: Store) -> None:
        import numpy as np

        given = Sample(
            np.float64(0.5), np.int64(2), tuple(np.full(7, 0.125, np.float32)), tuple(np.ones(4, np.float32)), 0.5
        )
        session_id = recorded(opened, "ann", [given])
        assert opened.samples("ann", session_id) == [Sample(0.5, 2, (0.125,) * 7, (1.0,) * 4, 0.5)]

    @pytest.mark.parametrize(
        ("looks", "nobody", "duration_s"),
        [
            pytest.param([look(sample(0.0))], (), 0.0, id="somebody all the time"),
            pytest.param([look(sample(0.0)), Look(0.5, ()), Look(1.0, ())], ((0.5, 1.0),), 1.0, id="gone at the end"),
            pytest.param(
                [Look(0.0, ()), Look(0.5, ()), look(sample(1.0)), Look(1.5, ())],
                ((0.0, 0.5), (1.5, 1.5)),
                1.5,
                id="before and after",
            ),
            pytest.param(
                [look(sample(0.0)), Look(0.5, ()), Look(9.0, ())], ((0.5, 0.5), (9.0, 9.0)), 9.0, id="nobody looked"
            ),
        ],
    )
    @pytest.mark.parametrize("commits", [False, True], ids=["in one piece", "committed at every look"])
    def test_nobody_and_not_looked_differ(
        self,
        opened: Store,
        looks: list[Look],
        nobody: tuple[tuple[float, float], ...],
        duration_s: float,
        commits: bool,
    ) -> None:
        writer = opened.begin("ann", **FACTS)
        for each in looks:
            writer.write(each)
            if commits:
                writer._work._commit()
        writer.close()
        assert opened.nobody("ann", writer.session_id) == nobody
        assert [session.duration_s for session in opened.sessions("ann")] == [duration_s]
        with pytest.raises(StoreError, match="not there"):
            opened.nobody("ben", writer.session_id)

    def test_a_writer_that_is_forgotten_writes_what_it_has(self, opened: Store) -> None:
        writer = opened.begin("ann", **FACTS)
        session_id, thread = writer.session_id, writer._thread
        writer.write(look(sample(0.0)))
        del writer
        thread.join(60)
        assert opened.samples("ann", session_id) == [sample(0.0)]


class TestNames:
    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("  Act \n two ", "Act two"),
            ("x" * store.MAX_NAME, "x" * store.MAX_NAME),
            ("'; DROP", "'; DROP"),
        ],
        ids=["blanks", "longest", "SQL"],
    )
    def test_a_session_is_renamed(self, opened: Store, name: str, kept: str) -> None:
        session_id = recorded(opened, "ann", [sample(0.0)])
        opened.rename("ann", session_id, name)
        assert [session.name for session in opened.sessions("ann")] == [kept]

    @pytest.mark.parametrize(
        "name", ["", " \n", "x" * (store.MAX_NAME + 1), "a\0b"], ids=["empty", "blank", "too long", "unprintable"]
    )
    def test_a_name_must_be_one(self, opened: Store, name: str) -> None:
        session_id = recorded(opened, "ann", [sample(0.0)])
        sentence = f"A session's name must have 1 to {store.MAX_NAME} letters that can be printed."
        with pytest.raises(StoreError) as renamed:
            opened.rename("ann", session_id, name)
        with pytest.raises(StoreError) as begun:
            opened.begin("ann", **FACTS | {"name": name})
        assert str(renamed.value) == str(begun.value) == sentence
        assert [session.name for session in opened.sessions("ann")] == ["Rehearsal"]

    def test_no_two_of_an_owner_have_one_name(self, opened: Store) -> None:
        ids = [recorded(opened, owner, [sample(0.0)]) for owner in ("ann", "ann", "bob")]
        long = [recorded(opened, "ann", [sample(0.0)], name="x" * store.MAX_NAME) for _ in range(2)]
        names = {one.id: one.name for owner in ("ann", "bob") for one in opened.sessions(owner)}
        assert [names[number] for number in ids] == ["Rehearsal", "Rehearsal (2)", "Rehearsal"]
        assert names[long[1]] == "x" * (store.MAX_NAME - 4) + " (2)"
        with pytest.raises(StoreError, match="Another one of your sessions has this name already"):
            opened.rename("ann", ids[1], "Rehearsal")
        opened.rename("ann", ids[0], "Rehearsal")

    def test_a_kind_must_be_known(self, opened: Store) -> None:
        with pytest.raises(ValueError, match="kind must be one of live, video, but is radio"):
            opened.begin("ann", **FACTS | {"kind": "radio"})


ON_ONE: dict[str, Callable[[Store, str, int], object]] = {
    "samples": lambda opened, owner, number: opened.samples(owner, number),
    "nobody": lambda opened, owner, number: opened.nobody(owner, number),
    "remarks": lambda opened, owner, number: opened.remarks(owner, number),
    "write remarks": lambda opened, owner, number: opened.write_remarks(owner, number, Remarks("mine")),
    "add a marker": lambda opened, owner, number: opened.add_marker(owner, number, Marker(0.0)),
    "merge": lambda opened, owner, number: opened.merge(owner, number, number, "Mine"),
    "rename": lambda opened, owner, number: opened.rename(owner, number, "Mine"),
    "delete": lambda opened, owner, number: opened.delete(owner, number),
}


class TestOwners:
    def test_each_sees_their_own(self, opened: Store) -> None:
        ann = [recorded(opened, "ann", [sample(0.0)], name=name) for name in ("one", "two")]
        bob = recorded(opened, "bob", [sample(0.0)])
        assert [session.id for session in opened.sessions("ann")] == ann[::-1]
        assert [session.id for session in opened.sessions("bob")] == [bob]
        assert opened.sessions("ANN") == []

    @pytest.mark.parametrize("act", ON_ONE.values(), ids=list(ON_ONE))
    @pytest.mark.parametrize("whose", ["nobody's", "another's"])
    def test_what_is_another_s_is_not_there(
        self, opened: Store, act: Callable[[Store, str, int], object], whose: str
    ) -> None:
        session_id = recorded(opened, "ann", [sample(0.0)])
        kept = opened.sessions("ann")
        with pytest.raises(StoreError) as refused:
            act(opened, "bob", session_id if whose == "another's" else session_id + 1)
        assert str(refused.value) == NOBODY_S
        assert opened.sessions("ann") == kept
        assert opened.samples("ann", session_id) == [sample(0.0)]

    def test_all_of_one_owner_are_deleted(self, opened: Store) -> None:
        for owner in ("ann", "ann", "bob"):
            recorded(opened, owner, [sample(0.0)])
        assert opened.delete_all("ann") == 2
        assert opened.sessions("ann") == []
        (session,) = opened.sessions("bob")
        assert opened.samples("bob", session.id) == [sample(0.0)]


def rows(url: str, table: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    engine.dispose()
    return count


class TestRemarks:
    def test_there_are_none_at_first(self, opened: Store) -> None:
        assert opened.remarks("ann", recorded(opened, "ann", [sample(0.0)])) == Remarks()

    def test_what_was_written_comes_back_and_is_written_over(self, opened: Store) -> None:
        number = recorded(opened, "ann", [sample(0.0)])
        opened.add_marker("ann", number, Marker(2.0, " a  door "))
        opened.add_marker("ann", number, Marker(1.0))
        assert opened.remarks("ann", number).markers == (Marker(1.0), Marker(2.0, "a door"))
        remarks = Remarks("Rain.\nThen sun.", {1: "Ann", 2: " "}, (Marker(3.0, "end"), Marker(0.5)))
        opened.write_remarks("ann", number, remarks)
        assert opened.remarks("ann", number) == Remarks(remarks.notes, {1: "Ann"}, (Marker(0.5), Marker(3.0, "end")))
        opened.write_remarks("ann", number, Remarks())
        assert opened.remarks("ann", number) == Remarks()

    @pytest.mark.parametrize(
        ("remarks", "error"),
        [
            pytest.param(Remarks("x" * (store.MAX_NOTES + 1)), "Notes have at most 4,000 letters", id="notes"),
            pytest.param(Remarks(names={1: "x" * 81}), "A person's name must have 1 to 80 letters", id="a name"),
            pytest.param(Remarks(markers=(Marker(0.0, "x" * 201),)), "note has at most 200 letters", id="a marker"),
            pytest.param(Remarks(markers=(Marker(0.0),) * 501), "at most 500 markers", id="too many"),
        ],
    )
    def test_what_cannot_be_written_changes_nothing(self, opened: Store, remarks: Remarks, error: str) -> None:
        number = recorded(opened, "ann", [sample(0.0)])
        with pytest.raises(StoreError, match=error):
            opened.write_remarks("ann", number, remarks)
        assert opened.remarks("ann", number) == Remarks()

    def test_two_become_one_and_stay(self, opened: Store) -> None:
        first = recorded(opened, "ann", [sample(0.0), sample(1.0, 2)])
        second = recorded(opened, "ann", [sample(0.0), sample(0.5, 2, "sad")], name="Act two")
        opened.write_remarks("ann", first, Remarks("One.", {2: "Bo"}, (Marker(0.5, "a door"),)))
        opened.write_remarks("ann", second, Remarks("Two.", {1: "Bo", 2: "Cy"}, (Marker(0.25),)))
        both = opened.merge("ann", first, second, "Both")
        found = {one.id: one for one in opened.sessions("ann")}
        assert set(found) == {first, second, both}
        assert (found[both].name, found[both].duration_s, found[both].people) == ("Both", 3.5, 3)
        assert found[both].readings == len(opened.samples("ann", both)) == 4
        assert [(one.time_s, one.person) for one in opened.samples("ann", both)] == [(0, 1), (1, 2), (3, 2), (3.5, 4)]
        written = opened.remarks("ann", both)
        assert (written.notes, dict(written.names)) == ("One.\n\nTwo.", {2: "Bo", 4: "Cy"})
        assert written.markers == (Marker(0.5, "a door"), Marker(3.0, "Act two begins"), Marker(3.25))

    def test_what_different_models_read_is_not_merged(self, opened: Store) -> None:
        ids = [recorded(opened, "ann", [sample(0.0)], model=model) for model in ("drawn", "other")]
        with pytest.raises(StoreError, match="one model and one detector"):
            opened.merge("ann", *ids, "Both")
        assert len(opened.sessions("ann")) == 2


class TestDeleting:
    def test_the_samples_go_too(self, opened: Store, url: str) -> None:
        session_id = recorded(opened, "ann", [sample(0.0), sample(1.0)])
        recorded(opened, "ann", [sample(0.0)])
        assert rows(url, "samples") == 3
        opened.delete("ann", session_id)
        assert rows(url, "samples") == 1
        with pytest.raises(StoreError, match=NOBODY_S):
            opened.samples("ann", session_id)

    def test_a_recording_that_is_deleted_while_it_runs_says_so(self, opened: Store, url: str) -> None:
        writer = opened.begin("ann", **FACTS)
        opened.delete("ann", writer.session_id)
        newer = recorded(opened, "bob", [sample(0.0)])
        assert newer != writer.session_id, "numbers are not used again"
        writer.write(look(sample(0.0)))
        writer.close()
        assert writer.error == "This session was deleted while it was recorded, so nothing more of it is saved."
        assert rows(url, "samples") == 1

    @pytest.mark.parametrize(
        ("days", "age_days", "left"),
        [(None, 4000, 1), (30, 29.9, 1), (30, 30.1, 0), (1, 1.1, 0)],
        ids=["never", "younger", "older", "a day"],
    )
    def test_after_some_days(self, opened: Store, url: str, days: int | None, age_days: float, left: int) -> None:
        recorded(opened, "ann", [sample(0.0)])
        recorded(opened, "bob", [sample(0.0)])
        opened.set_retention("ann", days)
        assert opened.retention("ann") == days
        with opened._writing() as connection:
            connection.execute(schema.SESSIONS.update().values(saved=datetime.now(UTC) - timedelta(days=age_days)))
        assert len(opened.sessions("ann")) == left
        assert len(opened.sessions("bob")) == 1, "he chose nothing"
        assert rows(url, "samples") == left + 1

    def test_what_is_old_goes_when_the_store_is_opened(self, opened: Store, url: str) -> None:
        recorded(opened, "ann", [sample(0.0)])
        opened.set_retention("ann", 7)
        with opened._writing() as connection:
            connection.execute(schema.SESSIONS.update().values(saved=datetime.now(UTC) - timedelta(days=8)))
        assert rows(url, "sessions") == 1
        Store(url).close()
        assert rows(url, "sessions") == 0

    def test_the_choice_may_be_changed(self, opened: Store) -> None:
        for days in (7, 30, None, 1):
            opened.set_retention("ann", days)
            assert opened.retention("ann") == days

    @pytest.mark.parametrize("days", [0, -1, store.MAX_RETENTION_DAYS + 1], ids=["none", "negative", "too many"])
    def test_days_have_a_range(self, opened: Store, days: int) -> None:
        with pytest.raises(StoreError, match="can be deleted after 1 to 3,650 days"):
            opened.set_retention("ann", days)
        assert opened.retention("ann") is None


def test_nothing_of_what_was_deleted_stays_in_a_file(tmp_path: Path) -> None:
    """Not in the write-ahead log either, while the server goes on."""
    opened = Store(f"sqlite:///{tmp_path / 's.sqlite'}")
    try:
        kept = recorded(opened, "ann", [sample(0.0)], name="Zanzibar")
        gone = recorded(opened, "ann", [sample(0.0)], name="Timbuktu")
        opened.rename("ann", kept, "Samarkand")
        opened.delete("ann", gone)
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    finally:
        opened.close()
    assert b"Samarkand" in left
    assert b"Zanzibar" not in left
    assert b"Timbuktu" not in left


@pytest.mark.parametrize("there", [False, True], ids=["made", "made by an older version"])
def test_nobody_else_may_read_the_files(there: bool, tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    if there:
        Store(f"sqlite:///{file}").close()
        file.chmod(0o644)
    opened = Store(f"sqlite:///{file}")
    try:
        recorded(opened, "ann", [sample(0.0)])
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        opened.close()
    assert modes == {"s.sqlite": 0o600, "s.sqlite-wal": 0o600, "s.sqlite-shm": 0o600}


class TestSeveralAtOnce:
    def test_threads_write_side_by_side(self, opened: Store) -> None:
        writers = [opened.begin("ann", **FACTS) for _ in range(8)]
        for moment in range(200):
            for writer in writers:
                writer.write(look(sample(moment / 15)))
        for writer in writers:
            writer.close()
        assert [writer.error for writer in writers] == [None] * 8
        assert [session.readings for session in opened.sessions("ann")] == [200] * 8
        assert [len(opened.samples("ann", writer.session_id)) for writer in writers] == [200] * 8

    def test_a_new_database_that_another_is_about_to_write_in_is_waited_for(self, tmp_path: Path) -> None:
        file = tmp_path / "s.sqlite"
        with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = threading.Timer(0.2, other.rollback)
            waiting.start()
            opened = Store(f"sqlite:///{file}")
            waiting.join()
        assert opened.sessions("ann") == []
        opened.close()

    @pytest.mark.slow
    def test_servers_may_open_a_new_database_at_once(self, url: str) -> None:
        code = (
            "import sys; from fer.store import Store; s = Store(sys.argv[1]); w = s.begin('ann', name='n', kind='live',"
            "model='m', detector='d', classes=('a', 'b')); from fer.recording import Look, Sample;"
            "w.write(Look(0.0, (Sample(0.0, 1, (0.25, 0.75), (1.0, 2.0, 3.0, 4.0), 0.5),))); w.close();"
            "assert w.error is None"
        )
        servers = [
            subprocess.Popen([sys.executable, "-c", code, url], cwd=paths.ROOT, stderr=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        assert [server.communicate()[1] for server in servers] == [""] * 4
        opened = Store(url)
        assert [session.main for session in opened.sessions("ann")] == ["b"] * 4
        opened.close()


class TestVersions:
    def test_a_new_database_has_the_newest(self, opened: Store) -> None:
        with opened._reading() as connection:
            assert connection.exec_driver_sql("SELECT version FROM schema_version").all() == [(4,)]

    def test_sessions_of_the_first_version_are_kept(self, opened: Store, url: str) -> None:
        session_id = recorded(opened, "ann", [sample(0.0)])
        for name in ("b", "c"):
            recorded(opened, "ann", [sample(0.0)], name=name)
        with opened._writing() as connection:
            for table in ("nobody", "markers"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
            for column in ("notes", "persons"):
                connection.exec_driver_sql(f"ALTER TABLE sessions DROP COLUMN {column}")
            connection.exec_driver_sql("ALTER TABLE samples DROP COLUMN is_unsure")
            counts = json.dumps(dict.fromkeys(EMOTIONS, 0) | {"happy": 1})
            connection.execute(sa.text("UPDATE sessions SET name = 'Rehearsal', counts = :counts"), {"counts": counts})
            connection.exec_driver_sql("UPDATE schema_version SET version = 1")
        newer = Store(url)
        assert [one.name for one in newer.sessions("ann")] == ["Rehearsal (3)", "Rehearsal (2)", "Rehearsal"]
        assert newer.remarks("ann", session_id) == Remarks()
        assert newer.samples("ann", session_id) == [sample(0.0, unsure=None)], "doubt was not noted then"
        assert UNSURE not in newer.sessions("ann")[0].counts
        assert newer.nobody("ann", session_id) == ()
        later = recorded(newer, "ann", [sample(0.0, unsure=True)], name="Later")
        merged = newer.merge("ann", session_id, later, "Both")
        counts = {one.id: one.counts for one in newer.sessions("ann")}[merged]
        assert counts == dict.fromkeys(EMOTIONS, 0) | {"happy": 2}, "counted alike in both"
        newer.close()

    def test_an_older_one_is_moved_on_step_by_step(
        self, opened: Store, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session_id = recorded(opened, "ann", [sample(0.0)])
        steps = (
            *schema.MIGRATIONS,
            lambda connection: connection.exec_driver_sql("ALTER TABLE sessions ADD COLUMN remark TEXT"),
            lambda connection: connection.exec_driver_sql("UPDATE sessions SET remark = 'moved', name = 'v5'"),
        )
        monkeypatch.setattr(schema, "MIGRATIONS", steps)
        for _ in range(2):  # the second time there is nothing to do; the first step would fail
            newer = Store(url)
            with newer._reading() as connection:
                assert connection.exec_driver_sql("SELECT version FROM schema_version").all() == [(6,)]
                assert connection.exec_driver_sql("SELECT remark FROM sessions").all() == [("moved",)]
            assert [session.name for session in newer.sessions("ann")] == ["v5"]
            assert newer.samples("ann", session_id) == [sample(0.0)]
            newer.close()

    def test_a_step_that_fails_leaves_everything_as_it_was(
        self, opened: Store, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded(opened, "ann", [sample(0.0)])
        steps = (
            *schema.MIGRATIONS,
            lambda connection: connection.exec_driver_sql("ALTER TABLE sessions ADD COLUMN remark TEXT"),
            lambda connection: connection.exec_driver_sql("no SQL at all"),
        )
        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", steps)
            with pytest.raises(StoreError, match="cannot be used"):
                Store(url)
        again = Store(url)
        assert [session.name for session in again.sessions("ann")] == ["Rehearsal"]
        assert "remark" not in {column["name"] for column in sa.inspect(again._engine).get_columns("sessions")}
        again.close()

    def test_a_newer_one_is_refused(self, opened: Store, url: str) -> None:
        with opened._writing() as connection:
            connection.exec_driver_sql("UPDATE schema_version SET version = 7")
        with pytest.raises(StoreError, match=r"newer version of this program \(their tables have version 7") as told:
            Store(url)
        assert str(told.value).endswith("name another place by FER_SESSIONS_DIR or FER_DATABASE_URL.")


class TestTrouble:
    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("nonsense", SCHEMES),
            (
                "mysql://u:geheim@h/d",
                "FER_DATABASE_URL must begin with postgresql:// or with sqlite:///, but does not.",
            ),
            ("sqlite://", NO_FILE),
            ("sqlite:///:memory:", NO_FILE),
            ("sqlite:////nowhere/at/all.sqlite", "/nowhere/at/all.sqlite cannot be opened or written"),
            (
                "postgresql://u:geheim@localhost:9/d",
                "the database d on localhost cannot be used as the store of saved sessions",
            ),
        ],
        ids=["no URL", "another database", "no file", "in memory", "no folder", "nobody listens"],
    )
    def test_a_place_that_cannot_be_used(self, url: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FER_DATABASE_URL", f" {url} ")
        with pytest.raises(StoreError) as refused:
            Store()
        assert str(refused.value).startswith(sentence)
        assert "geheim" not in str(refused.value)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("data", [b"no database", b"SQLite format 3\0" + b"\xff" * 4096], ids=["text", "damaged"])
    def test_a_damaged_file_is_left_alone(self, data: bytes, tmp_path: Path) -> None:
        file = tmp_path / "sessions.sqlite"
        file.write_bytes(data)
        with pytest.raises(StoreError, match="is damaged or is no database; move it away, and a new one is made"):
            Store(f"sqlite:///{file}")
        assert file.read_bytes() == data

    def test_the_default_is_a_file_that_only_its_user_may_read(self) -> None:
        opened = Store()
        assert Path(opened.place).parent == paths.sessions_dir()
        assert os.name == "nt" or paths.sessions_dir().stat().st_mode & 0o077 == 0
        opened.close()

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("FER_SESSIONS_DIR", str(tmp_path / "file" / "sessions"))
        with pytest.raises(StoreError, match="for saved sessions cannot be made"):
            Store()

    def test_a_full_disk_is_said_and_made_good(self, tmp_path: Path) -> None:
        opened = Store(f"sqlite:///{tmp_path / 'sessions.sqlite'}")
        pages = 2**30

        @sa.event.listens_for(opened._engine, "checkout")
        def limit(connection, record, proxy) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}").close()

        writer = opened.begin("ann", **FACTS)
        many = [sample(moment / 15) for moment in range(3000)]
        pages = 1
        writer.write(look(*many))
        writer._work._commit()
        assert writer.error.startswith("The recording is not being saved, and is tried again: There is no space left")
        assert opened.samples("ann", writer.session_id) == []
        pages = 2**30
        writer.close()
        assert writer.error is None
        assert opened.samples("ann", writer.session_id) == many
        opened.close()

    def test_what_waits_too_long_is_lost_and_counted(
        self, opened: Store, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fer.store.writer.MAX_PENDING", 10)
        writer = opened.begin("ann", **FACTS)
        with monkeypatch.context() as patch:
            patch.setattr(schema.SAMPLES, "insert", lambda: sa.text("no SQL at all"))
            writer.write(look(*(sample(float(moment)) for moment in range(12))))
            writer._work._commit()
            writer.write(look(sample(12.0)))
            assert "is not being saved" in writer.error
        writer.close()
        assert writer.error == "3 readings of this recording were lost while it could not be saved."
        assert [kept.time_s for kept in opened.samples("ann", writer.session_id)] == list(range(10))

    def test_a_server_that_comes_back_is_used_again(self, postgres_url: str) -> None:
        opened = Store(postgres_url)
        writer = opened.begin("ann", **FACTS)
        with opened._reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        other = sa.create_engine(postgres_url)
        with other.connect() as connection:
            killed = connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert killed.scalars().all() == [True]
        other.dispose()
        writer.write(look(sample(0.0)))
        writer.close()
        assert writer.error is None
        assert opened.samples("ann", writer.session_id) == [sample(0.0)]
        opened.close()

    def test_sqlite_waits_for_others(self, tmp_path: Path) -> None:
        file = tmp_path / "sessions.sqlite"
        opened = Store(f"sqlite:///{file}")
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            assert opened.sessions("ann") == [], "readers do not wait"
            writing = threading.Thread(target=recorded, args=(opened, "ann", [sample(0.0)]))
            writing.start()
            other.execute("COMMIT")
            writing.join(60)
        other.close()
        assert len(opened.sessions("ann")) == 1
        opened.close()


RECORDER = """
import sys, time
from fer.recording import Look, Marker, Remarks, Sample
from fer.store import Store
facts = dict(name="One minute", kind="live", model="drawn", detector="haar", classes=("a", "b"))
writers = [Store(url).begin("ann", **facts) for url in sys.argv[1:]]
began = time.monotonic()
for frame in range(60 * 15):
    time.sleep(max(0, began + frame / 15 - time.monotonic()))
    for writer in writers:
        assert writer.error is None, writer.error
        writer.write(Look(frame / 15, (Sample(frame / 15, 1, (0.25, 0.75), (1.0, 2.0, 3.0, 4.0), 0.5),)))
    if frame % 15 == 0:
        print(frame // 15, flush=True)
"""


@pytest.mark.slow
def test_what_was_recorded_up_to_a_kill_is_there(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In both databases at once and in real time, since the commits of a real recording are what is tested."""
    urls = [f"sqlite:///{tmp_path / 'sessions.sqlite'}", request.getfixturevalue("postgres_url")]
    recorder = subprocess.Popen(
        [sys.executable, "-c", RECORDER, *urls], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True
    )
    seconds = iter(recorder.stdout.readline, "")
    assert any(line.strip() == "6" for line in seconds), "it recorded 6 seconds"
    recorder.send_signal(signal.SIGKILL)
    recorder.communicate()
    for url in urls:
        opened = Store(url)
        (session,) = opened.sessions("ann")
        times = [kept.time_s for kept in opened.samples("ann", session.id)]
        assert session.duration_s == times[-1] >= 3
        assert times == [frame / 15 for frame in range(len(times))], "without a gap"
        assert session.readings == len(times)
        opened.close()
