"""`python -m fer audit`: what it prints, where, and with which status."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer.cli import DONE, MAX_NAMED, NOTHING_DONE, WRONG_USAGE, main
from fer.datasets.ferplus import VOTE_NAMES, VOTES_FILE

ROWS = ("0,1 2 3 4,Training", "3,1 2 3 4,PrivateTest", "3,9 1 9 1,Training", "0,0 0 0 0,Training")


@pytest.mark.parametrize("json_flag", [[], ["--json"]], ids=["text", "json"])
def test_audit_goes_to_stdout(json_flag: list[str], write_csv, capsys: pytest.CaptureFixture) -> None:
    assert main(["audit", str(write_csv(*ROWS)), *json_flag]) == DONE
    out, err = capsys.readouterr()
    assert err == ""
    if not json_flag:
        assert "Exact copies        1 PrivateTest in Training" in out
        return
    record = json.loads(out)
    assert (record["rows"], record["distinct"], record["blank_rows"]) == (4, 3, 1)
    assert (record["copies"], record["conflicting_groups"]) == ({"PrivateTest in Training": 1}, 1)
    assert record["no_face_rows"] is None


@pytest.mark.parametrize(
    ("bad", "said"), [(1, 1), (MAX_NAMED, MAX_NAMED), (MAX_NAMED + 5, MAX_NAMED + 1)], ids=["one", "some", "many"]
)
def test_bad_rows_are_named_on_stderr(bad: int, said: int, write_csv, capsys: pytest.CaptureFixture) -> None:
    assert main(["audit", str(write_csv(*ROWS, *["9,1 2 3 4,Training"] * bad)), "--json"]) == DONE
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert lines[0] == "fer: Row 5 is left out: emotion must be a code from 0 to 7, but row 5 holds '9'."
    assert (len(lines), json.loads(out)["bad_rows"]) == (said, bad)


def test_votes_beside_the_file_are_used(write_csv, capsys: pytest.CaptureFixture) -> None:
    path = write_csv(*ROWS, name="fer2013.csv")
    lines = [f"{row.rsplit(',')[-1]},{','.join(['0'] * 9)},{10 if i == 3 else 0}" for i, row in enumerate(ROWS)]
    write_csv(*lines, header="Usage," + ",".join(VOTE_NAMES), name=VOTES_FILE)
    assert main(["audit", str(path), "--json"]) == DONE
    record = json.loads(capsys.readouterr().out)
    assert record["no_face_rows"] == {"Training": 1, "PublicTest": 0, "PrivateTest": 0}


def test_folder_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("happy/a.png", "sad/b.png", "sad/c.png"):
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "faces" / name), np.arange(576, dtype=np.uint8).reshape(24, 24))
    assert main(["audit", str(tmp_path / "faces"), "--json"]) == DONE
    record = json.loads(capsys.readouterr().out)
    assert (record["name"], record["distinct"], record["conflicting_rows"]) == ("faces", 1, 3)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], WRONG_USAGE, "the following arguments are required: FILE"),
        (["nowhere.csv"], NOTHING_DONE, "nowhere.csv is neither a file nor a known data set"),
    ],
    ids=["no file", "missing file"],
)
def test_nothing_to_audit(words: list[str], status: int, message: str, capsys: pytest.CaptureFixture) -> None:
    try:
        found = main(["audit", *words])
    except SystemExit as exit_:
        found = exit_.code
    out, err = capsys.readouterr()
    assert (found, out) == (status, "")
    assert message in err
