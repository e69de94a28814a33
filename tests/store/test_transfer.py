"""Backups: what one database gives, another one takes."""

import gzip
import json
import stat
from pathlib import Path

import pytest

from fer.emotions import EMOTIONS
from fer.errors import StoreError
from fer.recording import Look, Marker, Remarks
from fer.store import Store, transfer
from tests.store.test_store import recorded, sample

MARK = {"is": "fer saved sessions", "version": 3}


def contents(store: Store) -> list[tuple]:
    """All that a store holds, without the numbers that the database gives."""
    return [
        (owner, store.retention(owner), session.name, session.started, session.counts, samples, nobody, remarks)
        for owner in store.owners()
        for session in store.sessions(owner)
        for samples, nobody in [(store.samples(owner, session.id), store.nobody(owner, session.id))]
        for remarks in [store.remarks(owner, session.id)]
    ]


def test_what_was_backed_up_is_restored_anywhere(opened: Store, tmp_path: Path) -> None:
    """From SQLite or PostgreSQL into SQLite and back into itself; a second time adds nothing."""
    file, elsewhere = tmp_path / "backup", Store(f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    number = recorded(opened, "ann", [sample(0.0), sample(0.5, 2, "sad", unsure=True)])
    opened.write_remarks("ann", number, Remarks("Rain.", {2: "Bo"}, (Marker(0.25, "a door"),)))
    opened.save(
        "bob https://login", [Look(0.0, ()), Look(0.9, ())], name="Nobody", kind="video", model="m", detector="haar",
        classes=EMOTIONS,
    )  # fmt: skip
    opened.set_retention("ann", 30)
    recorded(elsewhere, "ann", [sample(0.0)], name="Hers before")
    assert opened.back_up(file) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [elsewhere.restore(file), elsewhere.restore(file), opened.restore(file)] == [(2, 0), (0, 2), (0, 2)]
    held = [row for row in contents(elsewhere) if row[2] != "Hers before"]
    assert held == contents(opened)
    elsewhere.delete_all("ann")
    assert elsewhere.restore(file) == (1, 1)
    elsewhere.close()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(None, "cannot be read: No such file", id="no file"),
        pytest.param([], "is no backup", id="empty"),
        pytest.param(["{}"], "is no backup", id="something else"),
        pytest.param([json.dumps(MARK), "{"], "is no backup", id="cut off"),
        pytest.param([json.dumps(MARK), '{"session": {"owner": "ann"}}'], "is no backup", id="a session of nothing"),
        pytest.param([json.dumps(MARK | {"version": transfer.VERSION + 1})], "newer version", id="a newer version"),
    ],
)
def test_what_is_no_backup_changes_nothing(lines: list[str] | None, said: str, tmp_path: Path) -> None:
    file, store = tmp_path / "backup", Store()
    if lines is not None:
        file.write_bytes(gzip.compress("\n".join([*lines[:1], '{"setting": {"owner": "ann"}}', *lines[1:]]).encode()))
    with pytest.raises(StoreError, match=said):
        store.restore(file)
    assert store.owners() == []
    assert store.retention("ann") is None
    store.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = Store()
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        store.back_up(tmp_path / "nowhere" / "backup")
    store.close()
