"""The benchmark: what it says of its readings, which budgets it holds them to, and what it does without data."""

import shutil
from pathlib import Path

import pytest

from fer import benchmark, paths
from fer.benchmark import Measurement, render
from fer.benchmark.server import start_app
from fer.errors import FerError, ModelError
from tests.fakes import install_model


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Time everything once, with a drawn model, without a browser; gives the folder for data sets."""
    monkeypatch.setattr(benchmark, "WARM_UP", 0)
    monkeypatch.setattr(benchmark, "REPEATS", 1)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
    install_model(tmp_path / "models")
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("FER_DATA_DIR", str(data))
    return data


@pytest.mark.parametrize(
    ("values", "p50", "p95", "met"),
    [
        pytest.param((), None, None, None, id="nothing measured"),
        pytest.param((2.0,), 2.0, 2.0, True, id="one reading"),
        pytest.param((3.0, 3.0), 3.0, 3.0, True, id="just kept"),
        pytest.param((1.0, 2.0, 9.0), 2.0, 8.3, True, id="the median counts"),
        pytest.param((1.0, 4.0, 4.0), 4.0, 4.0, False, id="broken"),
    ],
)
def test_a_measurement_says_whether_its_budget_is_kept(
    values: tuple[float, ...], p50: float | None, p95: float | None, met: bool | None
) -> None:
    assert Measurement("one face", "ms", 3, values, "drawn").to_record() == {
        "name": "one face",
        "unit": "ms",
        "budget": 3,
        "at_least": False,
        "p50": p50,
        "p95": p95 if p95 is None else pytest.approx(p95),
        "n": len(values),
        "met": met,
        "note": "drawn",
    }


@pytest.mark.parametrize(
    ("values", "budget", "p95", "met"),
    [
        pytest.param((), 13, None, None, id="nothing measured"),
        pytest.param((13.0,), 13, 13.0, True, id="just kept"),
        pytest.param((9.0, 14.0, 15.0), 13, 9.5, True, id="the median counts"),
        pytest.param((12.0, 12.0, 15.0), 13, 12.0, False, id="broken"),
        pytest.param((4.0,), None, 4.0, None, id="no budget"),
    ],
)
def test_where_more_is_better_the_budget_is_the_least(
    values: tuple[float, ...], budget: float | None, p95: float | None, met: bool | None
) -> None:
    measured = Measurement("frames", "frames/s", budget, values, "drawn", at_least=True)
    assert measured.p95 == (p95 if p95 is None else pytest.approx(p95))
    assert measured.met is met


@pytest.mark.parametrize(
    ("measurements", "lines"),
    [
        pytest.param([], ["what p50 p95 budget kept n how"], id="nothing"),
        pytest.param(
            [
                Measurement("one face", "ms", 3, (1.0, 2.0), "drawn"),
                Measurement("one frame", "ms", 25, (30.0,), "drawn, haar"),
                Measurement("memory", "MB", 500, (), "not measured: no browser"),
                Measurement("frames", "frames/s", 13, (14.0,), "drawn", at_least=True),
                Measurement("visitors", "visitors", None, (4.0,), "drawn", at_least=True),
            ],
            [
                "what p50 p95 budget kept n how",
                "one face 1.5 ms 1.95 ms 3 ms yes 2 drawn",
                "one frame 30 ms 30 ms 25 ms no 1 drawn, haar",
                "memory - - 500 MB - 0 not measured: no browser",
                "frames 14 frames/s 14 frames/s at least 13 frames/s yes 1 drawn",
                "visitors 4 visitors 4 visitors - - 1 drawn",
            ],
            id="kept, broken and not measured",
        ),
    ],
)
def test_the_table_for_a_terminal(measurements: list[Measurement], lines: list[str]) -> None:
    assert [" ".join(line.split()) for line in render(measurements).split("\n")] == lines


def test_the_budgets_are_those_of_the_design(quick: Path) -> None:
    told = []
    measured = benchmark.run("drawn", told.append)
    assert [(m.name, m.unit, m.budget, len(m.values)) for m in measured] == [
        ("one face, crop to probabilities", "ms", 1.4, 1),
        ("640x480 frame, one face, detect to drawn", "ms", 5, 1),
        ("fer2013.csv to arrays, the first time", "s", 5, 0),
        ("fer2013.csv to arrays, from the cache", "s", 0.5, 0),
        ("first page of a cold server", "s", 4, 0),
        ("memory of that server, at most", "MB", 500, 0),
    ]
    assert "drawn, haar" in measured[1].note
    assert {m.note.split(":")[0] for m in measured[2:]} == {"not measured"}
    assert len(told) == 3


def test_a_data_set_is_timed_where_it_is(quick: Path) -> None:
    pixels = " ".join(["7"] * 48 * 48)
    (quick / "fer2013.csv").write_text(f"emotion,pixels,Usage\n3,{pixels},Training\n")
    first, again = benchmark.run("drawn", lambda what: None)[2:4]
    assert (len(first.values), len(again.values)) == (3, 10)
    assert min(first.values + again.values) > 0


def test_a_model_that_is_not_there_is_named(quick: Path) -> None:
    with pytest.raises(ModelError, match="The model gone is not installed"):
        benchmark.run("gone", lambda what: None)


def test_an_installed_package_says_that_the_app_is_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    with pytest.raises(FerError, match=rf"^The app is not in {tmp_path}; run this from a checkout\.$"), start_app():
        pass
