"""The server's log as lines of JSON."""

import json
import subprocess
import sys

import pytest

from fer.errors import FerError
from fer.ui import logs

PROGRAM = """
import logging
import streamlit.logger
from fer.ui import logs

early = streamlit.logger.get_logger("streamlit.early")
logs.set_up()
try:
    raise ValueError("ann.jpg cannot be read")
except ValueError:
    early.exception("A page failed")
streamlit.logger.get_logger("streamlit.late").warning("Said %s", "once")
streamlit.logger.update_formatter()
logging.getLogger("fer.live").warning("Slow")
"""


@pytest.mark.slow
def test_every_line_is_an_object_that_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those that Streamlit makes later, whose formatter is set anew when its settings are read."""
    monkeypatch.setenv(logs.VARIABLE, "json")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["level"], line["message"]) for line in lines] == [
        ("streamlit.early", "error", "A page failed"),
        ("streamlit.late", "warning", "Said once"),
        ("fer.live", "warning", "Slow"),
    ]
    assert (lines[0]["error"], lines[0]["at"]) == ("ValueError", ["<string>:9 <module>"])
    assert "ann.jpg" not in done.stderr


@pytest.mark.parametrize(
    ("given", "form"),
    [
        pytest.param("", "text", id="unset"),
        pytest.param(" JSON ", "json", id="json"),
        pytest.param("xml", FerError("FER_LOG must be text or json, but is xml."), id="no form"),
    ],
)
def test_the_form_is_chosen(given: str, form: str | FerError, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.VARIABLE, given)
    if isinstance(form, FerError):
        with pytest.raises(FerError, match=str(form)):
            logs.chosen_form()
    else:
        assert logs.chosen_form() == form
