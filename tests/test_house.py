"""The rules of the house: which room may know which, what stays on this machine, what never enters the repository."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from fer.emotions import EMOTIONS_WITH_CONTEMPT, emotion
from fer.paths import ROOT

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"emotions", "errors", "files", "heif", "paths", "webrtc"}),
    frozenset({"fetch", "media", "onnx_session", "results"}),
    frozenset({"calibration", "contact_sheet", "crops", "recording"})
    | frozenset({"datasets", "drawing", "quality", "samples", "yunet"}),
    frozenset({"detection", "export", "recognition", "tracking"}),
    frozenset({"evaluation", "pipeline"}),
    frozenset({"charts", "store", "stream"}),
    frozenset({"acting", "live", "video"}),
    frozenset({"batch"}),
    frozenset({"api", "benchmark"}),
    frozenset({"ui"}),
    frozenset({"training"}),
    frozenset({"cli"}),
)
"""The rooms of `fer`, from the ground up: a room knows those on floors below its own. A package is one room."""

ENTRANCES = frozenset({"fer/__init__.py", "fer/__main__.py"})
"""They lead into the house and stand on no floor."""

OPTIONAL = frozenset({"jax", "mtcnn", "playwright", "torch"})
"""Packages that are used where somebody installed them."""

BROUGHT_BY = {"aioice": "aiortc", "google": "streamlit", "starlette": "streamlit", "threadpoolctl": "scikit-learn"}
"""Packages that are used through the one that brings them, in the version that it wants."""

MAX_PAGE_LINES = 60
MAX_FILE_BYTES = 20 * 1024 * 1024
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".avif", ".bmp", ".tif", ".tiff"})
DATA = frozenset({".csv", ".parquet", ".npz", ".npy", ".mp4", ".avi", ".mov", ".webm", ".mkv"})

FORBIDDEN_WORDS = (
    *(".".join((name, "org")) for name in ("pypi", "pythonhosted", "npmjs", "anaconda")),
    "/" + "work/",
)
"""Registry hosts, and a folder of one machine; put together here so that this file does not hold them."""

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "fer").rglob("*.py"))
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """Every module that a source imports anywhere, with dots; `from fer import drawing` gives fer.drawing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "fer":
            yield from (f"fer.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module


@cache
def imported_by(file: str) -> tuple[str, ...]:
    """What a file of the checkout imports; each file is parsed once."""
    return tuple(imported((ROOT / file).read_text()))


def room(module: str) -> str:
    """The room that a module stands in: drawing for fer.drawing, ui for fer.ui.style."""
    return module.removeprefix("fer.").split(".")[0]


def file_room(file: str) -> str:
    return room(file.removesuffix(".py").replace("/", "."))


def floor(name: str) -> int:
    """How high a room stands; a room that is missing from `FLOORS` fails the test."""
    floors = [height for height, rooms in enumerate(FLOORS) if name in rooms]
    assert len(floors) == 1, f"fer.{name} must stand on one floor: add it to FLOORS"
    return floors[0]


def requirements(file: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def config() -> dict:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def contrast(colour: str, other: str) -> float:
    """The contrast of two hex colours (WCAG 2.2), between 1 and 21."""
    channels = np.array([list(bytes.fromhex(c[1:])) for c in (colour, other)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is nothing that git tracks")
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("", []),
        ("import numpy as np, os.path", ["numpy", "os.path"]),
        ("from fer import drawing, paths", ["fer.drawing", "fer.paths"]),
        ("from fer.ui.style import icon", ["fer.ui.style"]),
        ("def f():\n    import keras", ["keras"]),
        ("if True:\n    from keras import layers", ["keras"]),
    ],
    ids=["empty", "plain", "from the package", "from a module", "inside a function", "inside a branch"],
)
def test_imports_are_seen(source: str, modules: list[str]) -> None:
    assert list(imported(source)) == modules


@pytest.mark.parametrize("file", [file for file in MODULES if file not in ENTRANCES])
def test_arrows_point_one_way(file: str) -> None:
    own = file_room(file)
    known = {room(module) for module in imported_by(file) if module.startswith("fer.")}
    upwards = {name for name in known - {own, "__version__"} if floor(name) >= floor(own)}
    assert not upwards, f"fer.{own} must not know {sorted(upwards)}"


@pytest.mark.parametrize(
    ("packages", "owners"),
    [
        pytest.param({"streamlit"}, {"ui"}, id="streamlit"),
        pytest.param({"starlette"}, {"api", "ui"}, id="the web server"),
        pytest.param({"ray"}, {"batch"}, id="Ray"),
        pytest.param({"tensorflow", "keras", "tf2onnx", "torch", "jax"}, {"training"}, id="training frameworks"),
    ],
)
def test_heavy_packages_have_few_owners(packages: set[str], owners: set[str]) -> None:
    users = {
        file
        for file in MODULES
        if file_room(file) not in owners and packages & {m.split(".")[0] for m in imported_by(file)}
    }
    assert not users


def test_only_pages_know_the_user_interface() -> None:
    users = {
        file
        for file in MODULES
        if file_room(file) != "ui" and any(room(m) == "ui" for m in imported_by(file) if "fer" in m)
    }
    assert not users


def test_scores_become_probabilities_in_one_place() -> None:
    """Everyone else asks `Calibration`; a teacher's softened answers are no calibrated ones."""
    users = {file for file in MODULES if "softmax" in (ROOT / file).read_text()}
    assert users == {"fer/calibration.py", "fer/training/heads.py", "fer/training/train.py"}


@pytest.mark.parametrize("file", [file for file in MODULES if file.startswith("fer/ui/") and file.count("/") > 2])
def test_what_belongs_to_one_page_is_known_to_it_alone(file: str) -> None:
    """What two pages share stands in fer/ui itself."""
    folders = {path.name for path in (ROOT / "fer" / "ui").iterdir() if (path / "__init__.py").exists()}
    names = [module.split(".") for module in imported_by(file) if module.startswith("fer.ui.")]
    assert {parts[2] for parts in names} & folders <= {file.split("/")[2]}


@pytest.mark.parametrize("file", PAGES)
def test_pages_stay_short(file: str) -> None:
    assert len((ROOT / file).read_text().splitlines()) < MAX_PAGE_LINES


def test_every_import_is_required() -> None:
    distributions = packages_distributions()
    required = {requirement.name.lower().replace("_", "-") for requirement in requirements("requirements.txt")}
    required |= {requirement.name for requirement in requirements("requirements-batch.txt")}
    missing = set()
    for file in (*MODULES, *PAGES, "streamlit_app.py"):
        for module in {name.split(".")[0] for name in imported_by(file)}:
            package = BROUGHT_BY.get(module, module)
            if module in sys.stdlib_module_names or module in OPTIONAL | {"fer"}:
                continue
            names = {name.lower().replace("_", "-") for name in distributions.get(package, [package])}
            if not names & required:
                missing.add(f"{module} in {file}")
    assert not missing


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-batch.txt", "requirements-dev.txt"])
def test_every_requirement_is_bounded(file: str) -> None:
    for requirement in requirements(file):
        assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}, requirement.name


@pytest.mark.parametrize(
    ("version", "allowed"), [("4.11", False), ("4.12", True), ("4.14.0.94", True), ("5.0.0.93", False)]
)
def test_opencv_stays_where_the_cascades_are(version: str, allowed: bool) -> None:
    (opencv,) = (r for r in requirements("requirements.txt") if r.name.startswith("opencv"))
    assert opencv.name == "opencv-python-headless"
    assert opencv.specifier.contains(version) == allowed


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("server", "address", "localhost"),
        ("server", "port", 8501),
        ("server", "showEmailPrompt", False),
        ("server", "maxUploadSize", 100),
        ("server", "fileWatcherType", "none"),
        ("browser", "gatherUsageStats", False),
        ("client", "toolbarMode", "viewer"),
        ("client", "showErrorDetails", "none"),
        ("client", "showErrorLinks", False),
    ],
    ids=lambda value: str(value),
)
def test_what_happens_here_stays_here(section: str, key: str, value: object) -> None:
    assert config()[section][key] == value


def test_the_theme_fetches_nothing() -> None:
    settings = config()
    assert "://" not in str(settings)
    assert "fontFaces" not in settings["theme"]


def test_charts_take_the_colours_of_the_expressions() -> None:
    assert config()["theme"]["chartCategoricalColors"] == [emotion(name).colour for name in EMOTIONS_WITH_CONTEMPT]


@pytest.mark.parametrize("scheme", ["light", "dark"])
class TestScheme:
    def test_scales_have_the_ten_colours_that_streamlit_wants(self, scheme: str) -> None:
        theme = config()["theme"][scheme]
        assert [len(theme[key]) for key in ("chartSequentialColors", "chartDivergingColors")] == [10, 10]

    def test_text_can_be_read(self, scheme: str) -> None:
        theme = config()["theme"][scheme]
        grounds = [
            place[key] for place in (theme, theme["sidebar"]) for key in ("backgroundColor", "secondaryBackgroundColor")
        ]
        assert min(contrast(theme["textColor"], ground) for ground in grounds) >= 7
        assert min(contrast(theme["linkColor"], ground) for ground in grounds) >= 4.5
        assert contrast(theme["primaryColor"], "#FFFFFF") >= 4.5, "buttons bear white letters"

    def test_the_accent_is_no_expression(self, scheme: str) -> None:
        used = {getattr(emotion(name), key) for name in EMOTIONS_WITH_CONTEMPT for key in ("colour", "edge")}
        assert config()["theme"][scheme]["primaryColor"] not in used


def test_no_tracked_file_is_large(tracked: list[Path]) -> None:
    assert not [path.name for path in tracked if path.stat().st_size > MAX_FILE_BYTES]


def test_no_picture_of_a_person_and_no_data_is_tracked(tracked: list[Path]) -> None:
    docs = ROOT / "docs"
    assert not [
        path.name
        for path in tracked
        if path.suffix.lower() in DATA or (path.suffix.lower() in PICTURES and docs not in path.parents)
    ]


def test_no_tracked_file_names_a_registry_or_a_machine(tracked: list[Path]) -> None:
    texts = {path: path.read_bytes() for path in tracked}
    named = {
        f"{word} in {path.relative_to(ROOT)}"
        for path, text in texts.items()
        if b"\0" not in text
        for word in FORBIDDEN_WORDS
        if word.encode() in text
    }
    assert not named


def test_no_secrets_are_tracked(tracked: list[Path]) -> None:
    assert not [path.name for path in tracked if path.name in {"secrets.toml", ".env"}]
