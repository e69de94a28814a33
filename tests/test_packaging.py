"""The package as it is installed: what the wheel holds, and that it serves without the heavy parts, anywhere."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fer import __version__, paths
from fer.media import encode_png
from fer.samples import SAMPLES

PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

WITHOUT_EXTRAS = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from fer.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line where no extra is installed."""

Run = Callable[..., subprocess.CompletedProcess]


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=;]", line)[0].strip() for line in requirements}


def _modules_of_extras() -> set[str]:
    """What the packages of the extras are imported as."""
    imported_as = {"imbalanced-learn": "imblearn", "scikit-image": "skimage", "psycopg": "psycopg"}
    extras = {name for lines in PROJECT["optional-dependencies"].values() for name in _names(lines)}
    return {imported_as.get(name, name.replace("-", "_")) for name in extras}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built by what its environment has."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what `pip install .` would put beside other packages."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """A function that runs the installed command line without the extras, in a folder that holds nothing of ours."""
    script = WITHOUT_EXTRAS.format(missing=_modules_of_extras())
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def run(*words: str | Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", script, *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_requirements_hold_the_base_and_what_the_app_offers() -> None:
    lines = [line.strip() for line in (paths.ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    listed = {line for line in lines if line and not line.startswith("#")}
    extras = PROJECT["optional-dependencies"]
    assert listed == {*PROJECT["dependencies"], *extras["app"], *extras["train"]}
    batch = (paths.ROOT / "requirements-batch.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in batch if not line.startswith("#")] == extras["batch"]


def test_nothing_heavy_is_in_the_base() -> None:
    assert not _names(PROJECT["dependencies"]) & {"tensorflow", "tensorflow-cpu", "keras", "onnx", "ray", "streamlit"}


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_models_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "fer", "models"],
        cwd=paths.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip("this is no checkout, so nobody knows which files belong to it")
    expected = {name for name in tracked.stdout.splitlines() if (paths.ROOT / name).is_file()}
    expected = {re.sub("^models/", "fer/_models/", name) for name in expected}
    facts = f"fer_dashboard-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(facts)} == expected
    assert f"{facts}entry_points.txt" in names
    assert f"{facts}licenses/LICENSE" in names


@pytest.mark.slow
def test_it_reads_a_photo_without_the_extras(run: Run, tmp_path: Path) -> None:
    (tmp_path / "astronaut.png").write_bytes(encode_png(SAMPLES["astronaut"].load()))
    done = run("analyze", "astronaut.png", "--annotate", "drawn")
    assert (done.returncode, done.stderr) == (0, "")
    (record,) = json.loads(done.stdout)
    assert [face["emotion"] for face in record["faces"]] == ["happy"]
    assert [file.name for file in (tmp_path / "drawn").iterdir()] == ["astronaut.annotated.png"]


@pytest.mark.slow
def test_its_models_are_those_that_came_along(run: Run, installed: Path) -> None:
    done = run("models", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    shipped = {path.parent.name for path in (paths.ROOT / "models").glob("*/card.json")}
    folders = {row["name"]: row["folder"] for row in json.loads(done.stdout)}
    assert folders == {name: str(installed / "fer" / "_models" / name) for name in shipped}


@pytest.mark.slow
def test_a_data_set_is_measured_and_audited_without_the_extras(run: Run, tmp_path: Path) -> None:
    rows = [f"{i % 7},{' '.join([str(20 * i)] * 2304)},PrivateTest" for i in range(8)]
    (tmp_path / "data.csv").write_text("\n".join(["emotion,pixels,Usage", *rows, ""]))
    measured = run("evaluate", "fer2013-small", "--data", "fer2013=data.csv", "--json")
    audited = run("audit", "data.csv", "--json")
    assert (measured.returncode, measured.stderr, audited.returncode, audited.stderr) == (0, "", 0, "")
    assert (json.loads(measured.stdout)["plain"]["n"], json.loads(audited.stdout)["rows"]) == (8, 8)


@pytest.mark.slow
def test_a_command_that_needs_an_extra_names_it(run: Run, tmp_path: Path) -> None:
    rows = [f"{i % 7},{' '.join([str(i)] * 2304)},Training" for i in range(8)]
    (tmp_path / "data.csv").write_text("\n".join(["emotion,pixels,Usage", *rows, ""]))
    recipe = paths.ROOT / "fer/training/recipes/fer2013.toml"
    done = run("train", recipe, "--data", "fer2013=data.csv", "--out", "runs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "fer: The command train needs the package keras; `pip install 'fer-dashboard[train]'` brings it.\n"
    )


def test_the_lock_file_holds_what_is_required_with_hashes() -> None:
    """A version that requirements.txt does not allow, or a package that it names anew, wants `make lock`."""
    lock = (paths.ROOT / "requirements.lock").read_text()
    assert not re.search("://|--index-url|--find-links", lock), "a mirror serves as well"
    entries = re.split(r"\n(?=\S)", re.sub(r"\n *#.*", "", lock.partition("make lock\n")[2]))
    assert all("--hash=sha256:" in entry for entry in entries)
    pinned = [Requirement(entry.split(" \\")[0]) for entry in entries]
    lines = [line.partition("#")[0].strip() for line in (paths.ROOT / "requirements.txt").read_text().splitlines()]
    for wanted in map(Requirement, filter(None, lines)):
        versions = [next(iter(each.specifier)).version for each in pinned if each.name == wanted.name]
        assert versions, f"{wanted.name} is missing"
        assert all(wanted.specifier.contains(version) for version in versions), wanted.name
