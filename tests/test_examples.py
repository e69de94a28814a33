"""The examples in the docstrings: what a person would call from a notebook works as it is shown."""

import doctest
import importlib

import pytest

from fer.paths import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "fer").rglob("*.py")
    if "    >>> " in path.read_text()
)


SLOW = frozenset({"fer.pipeline", "fer.video.looking"})
"""Their examples read real photos."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in MODULES]
)
def test_examples_hold(name: str) -> None:
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted
    assert not done.failed


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("fer.pipeline", "load_pipeline"),
        ("fer.pipeline", "FacePipeline.analyze"),
        ("fer.pipeline", "FacePipeline.read"),
        ("fer.results", "to_table"),
        ("fer.drawing", "annotate"),
        ("fer.emotions", "emotion"),
        ("fer.export", "samples_to_bytes"),
        ("fer.recording", "samples_table"),
        ("fer.charts.counts", "count_columns"),
        ("fer.media", "decode_image"),
        ("fer.datasets.registry", "load_dataset"),
        ("fer.evaluation.evaluate", "evaluate_model"),
        ("fer.evaluation.matrix", "cross_data_matrix"),
        ("fer.video.looking", "watch_video"),
    ],
    ids=lambda value: str(value),
)
def test_what_a_notebook_calls_shows_an_example(module: str, name: str) -> None:
    finder = doctest.DocTestFinder()
    shown = {test.name: test.examples for test in finder.find(importlib.import_module(module))}
    assert shown[f"{module}.{name}"]
