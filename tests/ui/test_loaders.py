"""What is loaded before anybody asks for it."""

import gc
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest

from fer.pipeline import Settings
from fer.ui import loaders

for _name in (*loaders._FIRST_NEEDED, *loaders._NEEDED_NEXT, "fer.ui.server"):
    import_module(_name)  # before anything is put in another's place, which they would hold for good


def prepare() -> None:
    loaders.prepare()
    for thread in threading.enumerate():
        if thread.name == "prepare":
            thread.join()


def test_the_model_that_the_first_visitor_needs_is_opened_before_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Settings] = []
    monkeypatch.setattr(loaders, "open_pipeline", opened.append)
    prepare()
    assert opened == [Settings()]


def test_a_model_that_cannot_be_opened_is_left_to_the_page_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders.paths, "shipped_models_dir", lambda: tmp_path)
    prepare()  # a thread that raises fails a test


@pytest.mark.slow
def test_what_is_loaded_for_good_is_left_out_of_searches_for_garbage() -> None:
    """Nobody's picture is read meanwhile."""
    gc.unfreeze()
    everything = len(gc.get_objects())
    prepare()
    assert len(gc.get_objects()) < everything / 10


@pytest.mark.slow
def test_no_component_is_declared_before_a_page_runs() -> None:
    """Streamlit would not serve it: Live had no player."""
    program = (
        "import importlib, sys; from fer.ui import loaders, server\n"
        "for name in (*loaders._FIRST_NEEDED, *loaders._NEEDED_NEXT): importlib.import_module(name)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.check_output([sys.executable, "-W", "ignore", "-c", program], text=True).split()
    assert "streamlit_webrtc" not in loaded
    files = [file for name in loaded if name.startswith("fer.") and (file := sys.modules[name].__file__)]
    assert [file for file in files if "components.v2.component(" in Path(file).read_text(encoding="utf-8")] == []
