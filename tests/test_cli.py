"""The command line: what it writes where, in which form, and the status that it ends with."""

import hashlib
import itertools
import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fer import benchmark, detection, fetch, paths
from fer.batch import photos
from fer.cli import main
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.errors import FetchError
from fer.evaluation import OutOfFold, Report, cross_data_matrix, load_report, save_report, store_cross_validation
from fer.evaluation.faults import CostFigures, FaultStudy
from fer.evaluation.report import HeadFigures
from fer.evaluation.text import render_cell
from fer.media import encode_png
from fer.pipeline import DEFAULT_MODEL
from fer.recognition import ModelCard, network_digest
from fer.recording import Look, Sample
from fer.samples import SAMPLES
from fer.store import Store
from tests.fakes import CARD, SquareFinder, install_model

PHOTO_KEYS = ["file", "width", "height", "model", "detector", "detector_reason", "averaging", "error", "faces"]
FACE_KEYS = [
    "box_xywh",
    "crop_xywh",
    "detector_score",
    "emotion",
    "label",
    "confidence",
    "set",
    "quality",
    "probabilities",
]
COLUMNS = [
    *("file", "face", "x", "y", "w", "h", "detector_score", "emotion", "label", "confidence", "set", "quality"),
    *EMOTIONS,
    *("model", "detector", "error"),
]
SHIPPED = sorted(path.parent.name for path in (paths.ROOT / "models").glob("*/card.json"))
BROKEN = {
    "b-empty.jpg": b"",
    "d-text.png": b"This is no picture.",
    "f-vector.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "h-document.jpg": b"%PDF-1.7",
    "j-cut-off.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
}
"""Files that are no pictures, named so that they lie between the good ones."""


def _words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="session")
def astronaut_png() -> bytes:
    """Half the sample's size: fast, and the face is still found."""
    half = cv2.resize(SAMPLES["astronaut"].load(), (256, 256), interpolation=cv2.INTER_AREA)
    return encode_png(half)


@pytest.fixture(scope="session")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory, astronaut_png: bytes) -> Path:
    """12 small photos, every third with a face, and 5 broken files among them."""
    folder = tmp_path_factory.mktemp("mixed")
    blank = encode_png(np.full((60, 80, 3), 128, np.uint8))
    for i in range(12):
        (folder / f"{'aceg'[i % 4]}-{i:02}.png").write_bytes(blank if i % 3 else astronaut_png)
    for name, data in BROKEN.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def photo(tmp_path: Path, astronaut_png: bytes) -> Path:
    path = tmp_path / "astronaut.png"
    path.write_bytes(astronaut_png)
    return path


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            pytest.param([], "required: COMMAND", id="nothing"),
            pytest.param(["dance"], "invalid choice: 'dance'", id="another command"),
            pytest.param(["analyze"], "required: PATH", id="no photo"),
            pytest.param(["analyze", "a.png", "--format", "xml"], "invalid choice: 'xml'", id="another format"),
            pytest.param(["analyze", "a.png", "--detector", "eyes"], "invalid choice: 'eyes'", id="another detector"),
            pytest.param(
                ["analyze", "a.png", "--min-score", "2"],
                "--min-score: must lie between 0 and 1, but is 2",
                id="a score above 1",
            ),
            pytest.param(
                ["analyze", "a.png", "--min-score", "nan"],
                "--min-score: must lie between 0 and 1, but is nan",
                id="a score that is no number",
            ),
            pytest.param(
                ["analyze", "a.png", "--margin", "wide"],
                "--margin: must lie between 0 and 1, but is wide",
                id="a word for a margin",
            ),
            pytest.param(
                ["analyze", "a.png", "--format", "parquet"],
                "Parquet is no text; name a file with --out.",
                id="parquet to the terminal",
            ),
            pytest.param(["evaluate"], "required: NAME", id="no model"),
            *(
                pytest.param(
                    ["evaluate", "small", "--data", form],
                    f"--data: must look like fer2013=FILE, but is {form}",
                    id=f"data given as {form}",
                )
                for form in ("fer2013.csv", "=fer2013.csv", "fer2013=")
            ),
        ],
    )
    def test_wrong_usage(self, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
        try:
            status = main(arguments)
        except SystemExit as ending:
            status = ending.code
        captured = capsys.readouterr()
        assert (status, captured.out) == (64, "")
        assert told in _words(captured.err)

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["analyze", "--help"]], ids=" ".join)
    def test_help_is_no_error(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ending:
            main(arguments)
        captured = capsys.readouterr()
        assert (ending.value.code, captured.err) == (0, "")
        assert "fer" in captured.out

    def test_stopping_is_said(
        self, photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*arguments: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(detection.Haar, "_look", interrupt)
        assert main(["analyze", str(photo)]) == 1
        assert capsys.readouterr() == ("", "fer: Stopped.\n")


class TestAnalyze:
    def test_the_astronaut_is_one_happy_face(self, capsys: pytest.CaptureFixture[str], photo: Path) -> None:
        assert main(["analyze", str(photo)]) == 0
        captured = capsys.readouterr()
        (record,) = json.loads(captured.out)
        assert captured.err == ""
        assert list(record) == PHOTO_KEYS
        assert record["file"] == str(photo)
        assert (record["width"], record["height"], record["error"]) == (256, 256, None)
        assert (record["model"], record["detector"], record["averaging"]) == (DEFAULT_MODEL, "haar", "flip")
        assert "`python -m fer setup` fetches it" in record["detector_reason"]
        (face,) = record["faces"]
        assert list(face) == FACE_KEYS
        assert face["emotion"] == "happy"
        assert tuple(face["probabilities"]) == EMOTIONS
        assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert face["probabilities"]["happy"] == face["confidence"] == max(face["probabilities"].values())
        assert 0.6 <= face["detector_score"] <= 1
        assert [len(face["box_xywh"]), len(face["crop_xywh"])] == [4, 4]

    @pytest.mark.parametrize(
        ("option", "value", "key", "seen"),
        [
            ("--averaging", "none", "averaging", "none"),
            ("--detector", "haar", "detector_reason", "The Haar cascade runs because it was chosen."),
            ("--min-score", "1", "faces", []),
        ],
        ids=["averaging", "detector", "least score"],
    )
    def test_options_are_heeded(
        self, option: str, value: str, key: str, seen: object, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["analyze", str(photo), option, value]) == 0
        assert json.loads(capsys.readouterr().out)[0][key] == seen

    def test_a_face_with_a_fault_is_said_to_be_less_sure_and_by_how_much(
        self, astronaut_png: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        photo = tmp_path / "blurred.png"
        sharp_bgr = cv2.imdecode(np.frombuffer(astronaut_png, np.uint8), cv2.IMREAD_COLOR)
        photo.write_bytes(encode_png(cv2.GaussianBlur(sharp_bgr, (0, 0), 1.5)))
        assert main(["analyze", str(photo)]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)[0]["faces"][0]["quality"] == ["blurred"]
        assert re.fullmatch(
            rf"fer: {re.escape(str(photo))}, face 1: Less sure: blurred\. Faces like this were read rightly \d\d times "
            r"in 100, others \d\d\.\n",
            captured.err,
        )

    def test_of_many_such_faces_some_are_named(
        self, photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fer.pipeline.find_faults", lambda *crop: ("blurred",))
        monkeypatch.setattr("fer.cli.MAX_NAMED", 2)
        assert main(["analyze", *[str(photo)] * 5]) == 0
        told = capsys.readouterr().err.splitlines()
        assert [line.startswith(f"fer: {photo}, face 1: Less sure: blurred.") for line in told] == [True, True, False]
        assert told[-1] == "fer: 3 more faces have such faults; the readings name them as quality."

    def test_a_margin_widens_the_crop(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        sides = []
        for margin in ("0", "0.5"):
            main(["analyze", str(photo), "--margin", margin])
            sides.append(json.loads(capsys.readouterr().out)[0]["faces"][0]["crop_xywh"][2])
        assert sides[1] == pytest.approx(1.5 * sides[0], abs=0.02)

    def test_a_folder_with_broken_files(self, mixed_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["analyze", str(mixed_folder)]) == 2
        captured = capsys.readouterr()
        records = json.loads(captured.out)
        assert [record["file"] for record in records] == sorted(str(path) for path in mixed_folder.iterdir())
        assert len(records) == 17
        failed = [record for record in records if record["error"] is not None]
        assert [Path(record["file"]).name for record in failed] == sorted(BROKEN)
        assert all((record["width"], record["height"], record["faces"]) == (None, None, []) for record in failed)
        assert all(list(record) == PHOTO_KEYS for record in records)
        assert sum(len(record["faces"]) for record in records) == 4
        assert {face["emotion"] for record in records for face in record["faces"]} == {"happy"}
        complaints = captured.err.splitlines()
        assert complaints == [f"fer: {record['error']}" for record in failed]
        assert all(record["file"] in record["error"] for record in failed)

    def test_results_come_in_the_order_of_the_arguments(
        self, mixed_folder: Path, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = [photo, mixed_folder / "b-empty.jpg", mixed_folder / "a-00.png", Path("gone.png"), photo]
        assert main(["analyze", *map(str, given)]) == 2
        assert [record["file"] for record in json.loads(capsys.readouterr().out)] == list(map(str, given))

    @pytest.mark.parametrize("names", [["gone.png"], ["b-empty.jpg", "d-text.png"]], ids=["missing", "broken"])
    def test_all_failed(self, names: list[str], mixed_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["analyze", *(str(mixed_folder / name) for name in names)]) == 1
        captured = capsys.readouterr()
        assert [Path(record["file"]).name for record in json.loads(captured.out)] == names
        assert len(captured.err.splitlines()) == len(names)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["{empty}"], "The folder {empty} holds no picture files."),
            (
                ["{photo}", "--model", "large"],
                f"The model large is not installed; installed are: {', '.join(SHIPPED)}.",
            ),
            (["{photo}", "--detector", "yunet"], "`python -m fer setup` fetches it."),
        ],
        ids=["empty folder", "unknown model", "detector that is not here"],
    )
    def test_nothing_could_be_done(
        self, arguments: list[str], told: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        places = {"photo": photo, "empty": tmp_path / "empty"}
        places["empty"].mkdir()
        assert main(["analyze", *(argument.format(**places) for argument in arguments)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("fer: ")
        assert captured.err.endswith(told.format(**places) + "\n")
        assert captured.err.count("\n") == 1

    @pytest.mark.parametrize(
        ("format_name", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)], ids=["csv", "parquet"]
    )
    def test_tables(
        self, format_name: str, read, mixed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "new" / f"readings.{format_name}"
        assert main(["analyze", str(mixed_folder), "--format", format_name, "--out", str(out)]) == 2
        assert capsys.readouterr().out == ""
        table = read(out)
        assert list(table.columns) == COLUMNS
        assert table["file"].tolist() == sorted(str(path) for path in mixed_folder.iterdir())
        assert table["error"].notna().sum() == 5
        assert table["face"].fillna(0).sum() == table["emotion"].notna().sum() == 4
        assert table.loc[table["face"].isna(), [*"xywh", "confidence", *EMOTIONS]].isna().all(axis=None)

    def test_csv_goes_to_the_terminal_as_it_goes_to_a_file(
        self, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "readings.csv"
        main(["analyze", str(photo), "--format", "csv"])
        main(["analyze", str(photo), "--format", "csv", "--out", str(out)])
        assert capsys.readouterr().out == out.read_text() != ""

    @pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
    def test_progress_is_for_terminals(
        self, is_terminal: bool, photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
        assert main(["analyze", str(photo)]) == 0
        captured = capsys.readouterr()
        assert ("photo/s" in captured.err) is is_terminal
        assert json.loads(captured.out)[0]["error"] is None


class TestLinks:
    def test_a_picture_behind_a_link_is_read(
        self,
        astronaut_png: bytes,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        link = "https://example.org/faces/astronaut.png?size=256"
        monkeypatch.setattr(photos, "fetch_image_bytes", {link: astronaut_png}.__getitem__)
        assert main(["analyze", link, "--annotate", str(tmp_path / "drawn")]) == 0
        (record,) = json.loads(capsys.readouterr().out)
        assert record["file"] == link
        assert [face["emotion"] for face in record["faces"]] == ["happy"]
        assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["astronaut.annotated.png"]

    @pytest.mark.parametrize("link", ["http://127.0.0.1:8080/a.png", "HTTP://[::1]/a.png"], ids=["loopback", "IPv6"])
    def test_a_link_into_this_machine_is_refused_and_the_rest_is_read(
        self, link: str, photo: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["analyze", link, str(photo)]) == 2
        captured = capsys.readouterr()
        refused, read = json.loads(captured.out)
        assert refused["file"] == link
        assert "cannot be found on the public internet" in refused["error"]
        assert captured.err == f"fer: {refused['error']}\n"
        assert len(read["faces"]) == 1


class TestOut:
    def test_it_is_written_whole_over_an_old_one(self, photo: Path, tmp_path: Path) -> None:
        out = tmp_path / "readings.json"
        out.write_text("old")
        assert main(["analyze", str(photo), "--out", str(out)]) == 0
        assert len(json.loads(out.read_text())) == 1

    def test_everyone_may_read_it_as_any_other_file(self, photo: Path, tmp_path: Path) -> None:
        out, other = tmp_path / "readings.json", tmp_path / "other"
        other.touch()
        main(["analyze", str(photo), "--out", str(out)])
        assert stat.filemode(out.stat().st_mode) == stat.filemode(other.stat().st_mode)

    @pytest.mark.parametrize("old", [None, "old"], ids=["new file", "over an old one"])
    def test_a_full_disk_leaves_what_was_there(
        self, old: str | None, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        out = folder / "readings.json"
        if old is not None:
            out.write_text(old)
        with full_disk():
            status = main(["analyze", str(photo), "--out", str(out)])
        assert status == 1
        assert capsys.readouterr() == ("", f"fer: {out} cannot be written: File too large.\n")
        assert {path.name: path.read_text() for path in folder.iterdir()} == ({} if old is None else {out.name: old})

    @pytest.mark.parametrize(
        ("out", "reason"),
        [("folder", "Is a directory"), ("astronaut.png/readings.json", "Not a directory")],
        ids=["a folder", "below a file"],
    )
    def test_a_place_that_cannot_be_written_is_named(
        self, out: str, reason: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "folder").mkdir()
        assert main(["analyze", str(photo), "--out", str(tmp_path / out)]) == 1
        assert capsys.readouterr().err == f"fer: {tmp_path / out} cannot be written: {reason}.\n"
        assert list((tmp_path / "folder").iterdir()) == []

    def test_a_link_stays_a_link(self, photo: Path, tmp_path: Path) -> None:
        link, target = tmp_path / "link.json", tmp_path / "target.json"
        link.symlink_to(target)
        main(["analyze", str(photo), "--out", str(link)])
        assert link.is_symlink()
        assert json.loads(target.read_text())[0]["error"] is None

    def test_a_pipe_is_written_to_and_not_replaced(self, photo: Path, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert main(["analyze", str(photo), "--out", str(pipe)]) == 0
            assert pipe.is_fifo()
            assert json.loads(os.read(reader, 100_000))[0]["error"] is None
        finally:
            os.close(reader)


class TestStopping:
    """What was read before is written, whoever stops it."""

    @pytest.fixture(autouse=True)
    def _as_at_a_terminal(self) -> Iterator[None]:
        """What runs in the background of a shell ignores SIGINT."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.fixture
    def stop_at_third(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[signal.Signals], None]:
        """A function that lets a signal come while the third picture is read."""

        def arm(number: signal.Signals) -> None:
            look, looks = detection.Haar._look, itertools.count(1)

            def stop(*arguments: object) -> object:
                if next(looks) == 3:
                    signal.raise_signal(number)
                return look(*arguments)

            monkeypatch.setattr(detection.Haar, "_look", stop)

        return arm

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
    @pytest.mark.parametrize("to_file", [False, True], ids=["to stdout", "to a file"])
    def test_what_was_read_is_written(
        self,
        number: signal.Signals,
        to_file: bool,
        stop_at_third: Callable[[signal.Signals], None],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        files = [tmp_path / f"{name}.png" for name in "abcd"]
        for file in files:
            file.write_bytes(encode_png(np.full((60, 80, 3), 128, np.uint8)))
        out = tmp_path / "readings.json"
        handler = signal.getsignal(signal.SIGTERM)
        stop_at_third(number)
        words = [*map(str, files), "--annotate", str(tmp_path / "drawn"), *(["--out", str(out)] if to_file else [])]
        assert main(["analyze", *words]) == 2
        captured = capsys.readouterr()
        records = json.loads(out.read_text() if to_file else captured.out)
        assert [Path(record["file"]).name for record in records] == ["a.png", "b.png"]
        assert captured.err == "fer: Stopped; the first 2 of 4 photos are read and written.\n"
        assert len(list((tmp_path / "drawn").iterdir())) == 2
        assert signal.getsignal(signal.SIGTERM) is handler


class TestAnnotate:
    def test_every_readable_photo_gets_its_picture(
        self, mixed_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "drawn"
        assert main(["analyze", str(mixed_folder), "--annotate", str(folder)]) == 2
        records = {Path(record["file"]).stem: record for record in json.loads(capsys.readouterr().out)}
        readable = {stem: record for stem, record in records.items() if record["error"] is None}
        assert {path.name for path in folder.iterdir()} == {f"{stem}.annotated.png" for stem in readable}
        for stem, record in readable.items():
            drawn = cv2.imread(str(folder / f"{stem}.annotated.png"))
            assert drawn.shape == (record["height"], record["width"], 3)
            assert (drawn == cv2.imread(record["file"])).all() == (not record["faces"])

    def test_equal_names_do_not_overwrite_each_other(self, photo: Path, tmp_path: Path) -> None:
        other = tmp_path / "other" / photo.name
        other.parent.mkdir()
        other.write_bytes(encode_png(np.zeros((20, 30, 3), np.uint8)))
        assert main(["analyze", str(photo), str(other), "--annotate", str(tmp_path / "drawn")]) == 0
        shapes = {path.name: cv2.imread(str(path)).shape for path in (tmp_path / "drawn").iterdir()}
        assert shapes == {"astronaut.annotated.png": (256, 256, 3), "astronaut-2.annotated.png": (20, 30, 3)}

    def test_one_picture_that_cannot_be_written_does_not_stop_the_others(
        self, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = tmp_path / "other.png"
        other.write_bytes(photo.read_bytes())
        folder = tmp_path / "drawn"
        (folder / "astronaut.annotated.png").mkdir(parents=True)
        assert main(["analyze", str(photo), str(other), "--annotate", str(folder)]) == 2
        captured = capsys.readouterr()
        records = json.loads(captured.out)
        assert [(record["error"], len(record["faces"])) for record in records] == [(None, 1)] * 2
        assert captured.err == f"fer: {folder / 'astronaut.annotated.png'} cannot be written: Is a directory.\n"
        assert (folder / "other.annotated.png").is_file()

    def test_a_name_as_long_as_a_name_can_be_gets_its_picture(self, photo: Path, tmp_path: Path) -> None:
        long = photo.rename(tmp_path / f"{'a' * 245}.png")
        assert main(["analyze", str(long), "--annotate", str(tmp_path / "drawn")]) == 0
        assert len(list((tmp_path / "drawn").iterdir())) == 1

    def test_a_folder_that_cannot_be_made(self, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["analyze", str(photo), "--annotate", str(photo)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"fer: {photo}")
        assert captured.err.count("\n") == 1


class TestProcess:
    """What only a real process shows."""

    @pytest.fixture
    def run(self) -> Callable[..., subprocess.CompletedProcess]:
        """A function that runs the command line, with Python's usual buffers."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

        def run(*arguments: str | Path, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess:
            command = [sys.executable, "-m", "fer", *map(str, arguments)]
            return subprocess.run(
                command, cwd=paths.ROOT, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
            )

        return run

    def test_data_and_nothing_else_goes_to_stdout(self, run, photo: Path) -> None:
        done = run("analyze", photo)
        assert (done.returncode, done.stderr) == (0, "")
        assert [face["emotion"] for face in json.loads(done.stdout)[0]["faces"]] == ["happy"]

    @pytest.mark.slow
    @pytest.mark.parametrize("command", ["analyze", "models"])
    def test_a_reader_that_has_gone_is_no_error(self, command: str, run, photo: Path) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = run(command, *([photo] if command == "analyze" else []), stdout=writer)
        finally:
            os.close(writer)
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.slow
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    @pytest.mark.parametrize("command", ["analyze", "models"])
    def test_a_full_disk_is_a_sentence(self, command: str, run, photo: Path) -> None:
        with open("/dev/full", "wb") as full:
            done = run(command, *([photo] if command == "analyze" else []), stdout=full)
        assert (done.returncode, done.stderr) == (1, "fer: The disk is full; make room and run this again.\n")


class TestModels:
    def test_none_installed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paths, "ROOT", tmp_path)
        assert main(["models"]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("fer: No model is installed; looked in ")
        assert str(tmp_path / "models") in captured.err

    def test_the_shipped_one_has_its_figures(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models"]) == 0
        captured = capsys.readouterr()
        found = load_report(paths.ROOT / "models" / "fer2013-small").find("ferplus", "PrivateTest")
        for words in (
            "fer2013-small",
            "7 classes, 662,815 parameters",
            f"{found.figures['none'].accuracy:.1%}".replace("%", " % right on FER+ PrivateTest"),
            f"{found.stamp.n:,} faces",
        ):
            assert words in captured.out
        assert captured.err == ""

    def test_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "--json"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        row = rows["fer2013-small"]
        folder = paths.ROOT / "models" / "fer2013-small"
        assert (row["name"], row["folder"], row["error"]) == ("fer2013-small", str(folder), None)
        assert (row["classes"], row["detectors"]) == (list(EMOTIONS), ["yunet", "haar"])
        report = load_report(folder)
        assert row["evaluations"] == report.to_dict()["evaluations"]
        assert row["macro_recalls"] == [render_cell(cell) for cell in cross_data_matrix({"fer2013-small": report})]
        assert row["cross_validation"] is None

    @pytest.mark.parametrize(
        ("file", "text", "sentence"),
        [
            ("card.json", "{", "card.json is damaged; install the model again."),
            ("card.json", "{}", "card.json lacks the entry 'input'."),
            (
                "card.json",
                json.dumps(CARD | {"name": "damaged", "classes": EMOTIONS_WITH_CONTEMPT}),
                "asks for [(1, 8), ",
            ),
            ("model.onnx", "cut off", "model.onnx is damaged or no ONNX network; install the model again."),
            ("report.json", "[]", "report.json is damaged: it must hold one JSON object."),
            (
                "report.json",
                json.dumps({"network": "0" * 64}),
                "report.json is of another network than the model.onnx beside it; measure the model anew with "
                "`python -m fer evaluate damaged --write-report`.",
            ),
        ],
        ids=[
            *("card cut off", "card without facts", "card of other classes", "network cut off"),
            *("report of another kind", "report of another network"),
        ],
    )
    def test_a_damaged_one_is_a_sentence_among_the_others(
        self,
        file: str,
        text: str,
        sentence: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path))
        monkeypatch.setattr(paths, "shipped_models_dir", lambda: tmp_path / "none")
        install_model(tmp_path, "fine")
        (install_model(tmp_path, "damaged") / file).write_text(text)
        assert main(["models"]) == 2
        listed = capsys.readouterr().out
        lines = listed.splitlines()
        heads = {line.split()[0]: number for number, line in enumerate(lines) if line[0] != " "}
        assert list(heads) == ["damaged", "fine"]
        assert sentence in lines[heads["damaged"] + 1]
        assert "Not measured yet" in lines[-1]
        assert main(["models", "--json"]) == 2
        rows = json.loads(capsys.readouterr().out)
        assert [row["name"] for row in rows if row["error"] is not None] == ["damaged"]


class TestSetup:
    def test_it_says_where_the_file_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "fetch_detector", lambda: tmp_path / paths.DETECTOR_FILE)
        assert main(["setup"]) == 0
        assert capsys.readouterr() == (f"{tmp_path / paths.DETECTOR_FILE}\n", "")

    def test_it_says_why_it_failed(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> Path:
            raise FetchError("YuNet's file cannot be fetched from here.")

        monkeypatch.setattr(fetch, "fetch_detector", fail)
        assert main(["setup"]) == 1
        assert capsys.readouterr() == ("", "fer: YuNet's file cannot be fetched from here.\n")


def _row(emotion: str, bright: str, usage: str, level: int) -> str:
    image = np.full((48, 48), 60, np.uint8)
    image[:, slice(0, 24) if bright == "left" else slice(24, 48)] = level
    return f"{EMOTIONS.index(emotion)},{' '.join(map(str, image.ravel()))},{usage}"


@pytest.fixture
def drawn_data(tmp_path: Path) -> Path:
    """A file in FER2013's layout; the drawn model reads faces bright on the left as happy, others as angry."""
    rows = [
        _row("happy", "left", "Training", 200),
        _row("angry", "right", "Training", 200),
        _row("happy", "left", "PublicTest", 201),
        _row("sad", "right", "PublicTest", 202),
        _row("happy", "left", "PrivateTest", 203),
        _row("happy", "left", "PrivateTest", 204),
        _row("angry", "right", "PrivateTest", 200),
        _row("sad", "right", "PrivateTest", 205),
    ]
    path = tmp_path / "drawn.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *rows, ""]))
    return path


@pytest.fixture
def drawn_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
    return install_model(tmp_path / "models")


class TestEvaluate:
    FIGURES = (
        *("accuracy", "accuracy_95", "macro_f1", "macro_recall", "macro_recall_95", "ece", "ece_raw", "nll", "n"),
        *("accuracy_without_copies", "per_class", "confusion", "sets"),
    )
    STAMP = (
        *("model", "data", "digest", "split", "n", "rows_left_out", "trained_on", "seen_in_training"),
        *("copies_in_training", "selected_by", "seeds", "training_device", "temperature", "date", "code_version"),
    )

    def test_json(self, drawn_model: Path, drawn_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["evaluate", "drawn", "--data", f"fer2013={drawn_data}", "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        record = json.loads(captured.out)
        assert list(record) == ["stamp", "plain", "flip"]
        assert set(record["stamp"]) >= set(self.STAMP)
        assert record["stamp"]["split"] == "PrivateTest"
        assert (record["stamp"]["n"], record["stamp"]["copies_in_training"]) == (4, 1)
        assert set(record["plain"]) == set(record["flip"]) == set(self.FIGURES)
        assert (record["plain"]["accuracy"], record["plain"]["n"]) == (0.75, 4)
        assert record["plain"]["accuracy_without_copies"] == pytest.approx(2 / 3, abs=1e-6)

    def test_many_data_sets_are_a_list(
        self, drawn_model: Path, drawn_data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = [f"--data={name}={drawn_data}" for name in ("fer2013", "other")]
        assert main(["evaluate", "drawn", *data, "--split", "all", "--json"]) == 0
        records = json.loads(capsys.readouterr().out)
        assert [(r["stamp"]["data"], r["stamp"]["split"], r["stamp"]["n"]) for r in records] == [
            ("fer2013", "all", 8),
            ("other", "all", 8),
        ]

    def test_text_carries_the_protocol(
        self, drawn_model: Path, drawn_data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["evaluate", "drawn", "--data", f"fer2013={drawn_data}", "--split", "Training"]) == 0
        text = capsys.readouterr().out
        assert "drawn on fer2013, split Training: 2 faces" in text
        assert "Seen in training" in text
        assert "No figures of drawn on fer2013, split Training, are stored to compare with." in text

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["drawn"], "fer2013.csv was not found in "),
            (["drawn", "--data", "fer2013=gone.csv"], "There is no file gone.csv; "),
            (["gone"], "The model gone is not installed; "),
            (["drawn", "--data", "fer2013={data}", "--split", "Test"], "Test"),
            (
                ["drawn", "--data", "other={data}", "--write-report"],
                "A report needs fer2013, which drawn was trained on; name it with --data fer2013=PATH.",
            ),
        ],
        ids=["data not found", "missing file", "unknown model", "unknown split", "report without the training data"],
    )
    def test_what_cannot_be_done_is_a_sentence(
        self, arguments: list[str], told: str, drawn_model: Path, drawn_data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["evaluate", *(argument.format(data=drawn_data) for argument in arguments)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("fer: ")
        assert told in captured.err
        assert captured.err.count("\n") == 1

    def test_a_report_is_written_and_then_agreed_with(
        self,
        drawn_model: Path,
        drawn_data: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("fer.evaluation.measuring.load_detector", lambda choice: SquareFinder())
        data = ["--data", f"fer2013={drawn_data}"]
        assert main(["evaluate", "drawn", *data, "--write-report"]) == 0
        assert capsys.readouterr() == (f"{drawn_model / 'report.json'}\n", "")
        report = load_report(drawn_model)
        assert [(e.stamp.split, e.stamp.n) for e in report.evaluations] == [("PublicTest", 2), ("PrivateTest", 4)]
        assert report.calibration.fitted_on["split"] == "PublicTest"
        assert list(report.framing) == ["haar"]
        # The surround is as bright as the whole face, so the finder sees face and surround as one square.
        assert ModelCard.read(drawn_model).framing["haar"].scale == pytest.approx(0.5)
        assert main(["evaluate", "drawn", *data]) == 0
        assert "All figures agree with the figures stored on" in capsys.readouterr().out

    def test_a_report_is_written_in_place_of_one_of_another_network(
        self, drawn_model: Path, drawn_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What fold networks said is of no network that is served, and stays."""
        monkeypatch.setattr("fer.evaluation.measuring.load_detector", lambda choice: SquareFinder())
        logits = np.eye(7)[[0, 3, 0, 3]]
        said = OutOfFold(
            "fer2013", "d", EMOTIONS, [1, 2, 3, 4], [0, 3, 0, 3], list("abcd"), [0, 0, 1, 1], logits, logits
        )
        store_cross_validation(drawn_model, said)
        kept = json.loads((drawn_model / "report.json").read_text())
        (drawn_model / "report.json").write_text(json.dumps(kept | {"network": "0" * 64}))
        data = ["--data", f"fer2013={drawn_data}"]
        assert main(["evaluate", "drawn", *data]) == 1
        assert "is of another network than the model.onnx beside it; " in capsys.readouterr().err
        assert main(["evaluate", "drawn", *data, "--write-report"]) == 0
        report = load_report(drawn_model)
        assert report.network == hashlib.sha256((drawn_model / "model.onnx").read_bytes()).hexdigest()
        assert report.to_dict()["cross_validation"] == kept["cross_validation"]
        assert report.calibration.fitted_on["split"] == "all, 2 folds by person"

    def test_a_report_on_other_data_leaves_the_framing_alone(
        self, tmp_path: Path, drawn_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
        folder = install_model(tmp_path / "models", training=CARD["training"] | {"data": "mine"})
        before = (folder / "card.json").read_bytes()
        assert main(["evaluate", "drawn", "--data", f"mine={drawn_data}", "--write-report"]) == 0
        report = load_report(folder)
        assert [(e.stamp.data, e.stamp.split) for e in report.evaluations] == [
            ("mine", "PublicTest"),
            ("mine", "PrivateTest"),
        ]
        assert report.framing == {}
        assert json.loads((folder / "card.json").read_text()) == json.loads(before)

    def test_what_faults_and_heads_cost_stays_in_a_new_report(
        self, tmp_path: Path, drawn_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither is measured with it, and both are of the same network."""
        monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
        folder = install_model(tmp_path / "models", training=CARD["training"] | {"data": "mine"})
        interval = (0.4, 0.6)
        cost = CostFigures("dark", "drawn", 9, 0.5, interval, 0.75, -0.25, (-0.4, -0.1))
        study = FaultStudy("mine", "PublicTest", "d", 9, 0.75, interval, (cost,), 0, "1", "2026-11-29")
        head = HeadFigures("votes", "mine", "PrivateTest", "d", 9, 0.5, interval, 0.5, interval, "1", "2026-11-29")
        save_report(folder, Report(network=network_digest(folder), heads=(head,), faults=study))
        assert main(["evaluate", "drawn", "--data", f"mine={drawn_data}", "--write-report"]) == 0
        report = load_report(folder)
        assert (report.heads, report.faults, len(report.evaluations)) == ((head,), study, 2)

    def test_a_report_on_pictures_without_faces_is_refused(
        self, drawn_model: Path, drawn_data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = {path.name: path.read_bytes() for path in drawn_model.iterdir()}
        assert main(["evaluate", "drawn", "--data", f"fer2013={drawn_data}", "--write-report"]) == 1
        captured = capsys.readouterr()
        assert captured.err == (
            "fer: No face was found, so no framing can be derived. Check the pictures of FER2013.\n"
        )
        assert {path.name: path.read_bytes() for path in drawn_model.iterdir()} == before


class TestBenchmark:
    @pytest.fixture(autouse=True)
    def measured(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, float, float, int]]:
        """Nothing is timed; gives what was asked for: models, visitors, minutes of Live page and video, photos."""
        asked: list[tuple[str, int, float, float, int]] = []

        def run(
            model: str, progress, visitors: int, live_minutes: float, video_minutes: float, batch_photos: int
        ) -> list[benchmark.Measurement]:
            asked.append((model, visitors, live_minutes, video_minutes, batch_photos))
            progress("One face ...")
            return [benchmark.Measurement("one face", "ms", 3, (2.0,), "drawn")]

        monkeypatch.setattr(benchmark, "run", run)
        return asked

    def test_json(self, capsys: pytest.CaptureFixture[str], measured: list) -> None:
        assert main(["benchmark", "--json", "--model", "drawn"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out) == [
            {
                "name": "one face",
                "unit": "ms",
                "budget": 3,
                "at_least": False,
                "p50": 2,
                "p95": 2,
                "n": 1,
                "met": True,
                "note": "drawn",
            }
        ]
        assert (captured.err, measured) == ("", [("drawn", 0, 0, 0, 0)])

    @pytest.mark.parametrize(
        ("words", "minutes"),
        [([], 0), (["--live"], 10), (["--live", "--minutes", "0.5"], 0.5), (["--minutes", "3"], 0)],
        ids=["no", "yes", "shorter", "minutes of nothing"],
    )
    def test_the_live_page_is_watched_when_asked_for(self, words: list[str], minutes: float, measured: list) -> None:
        assert main(["benchmark", *words]) == 0
        assert [asked[2] for asked in measured] == [minutes]

    def test_videos_are_read_when_asked_for(self, measured: list) -> None:
        assert main(["benchmark", "--video", "--minutes", "2"]) == 0
        assert measured[0][1:] == (0, 0, 2, 0)

    @pytest.mark.parametrize(
        ("words", "photos"),
        [
            pytest.param(["--batch"], 10_000, id="yes"),
            pytest.param(["--batch", "--photos", "5"], 5, id="fewer"),
            pytest.param(["--photos", "5"], 0, id="photos of nothing"),
        ],
    )
    def test_batches_are_read_when_asked_for(self, words: list[str], photos: int, measured: list) -> None:
        assert main(["benchmark", *words]) == 0
        assert measured[0][1:] == (0, 0, 0, photos)

    @pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "ten"])
    def test_refuses_impossible_minutes(self, minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(["benchmark", "--live", "--minutes", minutes])
        assert stopped.value.code == 64
        assert f"must be more than 0, but is {minutes}" in capsys.readouterr().err

    def test_text_and_progress_on_a_terminal(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert main(["benchmark"]) == 0
        captured = capsys.readouterr()
        assert _words(captured.out) == "what p50 p95 budget kept n how one face 2 ms 2 ms 3 ms yes 1 drawn"
        assert captured.err == "fer: One face ...\n"


class TestSessions:
    def test_they_are_kept_brought_back_and_given_out(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        store = Store()
        facts = {"name": "Rehearsal", "kind": "live", "model": "drawn", "detector": "haar", "classes": ("happy", "sad")}
        number = store.save("ann", [Look(0.5, (Sample(0.5, 1, (0.75, 0.25), (1, 2, 3, 4), 0.9),))], **facts)
        assert main(["sessions", "backup", str(tmp_path / "kept")]) == 0
        store.delete("ann", number)
        assert main(["sessions", "restore", str(tmp_path / "kept")]) == 0
        assert ": 1; there already: 0." in capsys.readouterr().err
        assert main(["sessions", "export", str(tmp_path / "out"), "--format", "json"]) == 0
        store.close()
        listed = pd.read_csv(tmp_path / "out" / "sessions.csv").to_dict("records")
        assert [(row["owner"], row["name"], row["readings"]) for row in listed] == [("ann", "Rehearsal", 1)]
        readings = json.loads((tmp_path / "out" / listed[0]["file"]).read_text())
        assert (readings["owner"], readings["samples"][0]["emotion"]) == ("ann", "happy")

    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            pytest.param([], 64, "DEED", id="nothing asked"),
            pytest.param(["restore", "nowhere"], 1, "nowhere cannot be read", id="no backup"),
            pytest.param(["export", "/dev/null/x"], 1, "cannot be written", id="a place that is none"),
        ],
    )
    def test_what_cannot_be_done(
        self, words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        try:
            got = main(["sessions", *words])
        except SystemExit as end:
            got = end.code
        assert (got, said in capsys.readouterr().err) == (status, True)
