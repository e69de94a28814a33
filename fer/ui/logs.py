"""The server's log: as Streamlit writes it, or one JSON object a line by `FER_LOG=json`; who visits is in neither.

Knows nothing about pages.
"""

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime

import streamlit.logger

from fer.errors import FerError

VARIABLE = "FER_LOG"
"""The variable that chooses the form: `json`, or nothing for text."""


_NO_PAGE = "streamlit.runtime.scriptrunner_utils.script_run_context"


class JsonLines(logging.Formatter):
    """A record -> one line of JSON: `time`, `level`, `logger`, `message`, and what went wrong, without its own words.

    The words of an exception may hold what a visitor brought (a file's name, a link), so its type and the places in
    the code stand for it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Put a record into words."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            line["error"] = kind.__name__
            line["at"] = [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_tb(trace)]
        return json.dumps(line, ensure_ascii=False)


def chosen_form() -> str:
    """The form that was chosen: "text" or "json".

    Raises:
        FerError: there is no such form.
    """
    form = os.environ.get(VARIABLE, "").strip().lower() or "text"
    if form not in ("text", "json"):
        raise FerError(f"{VARIABLE} must be text or json, but is {form}.")
    return form


def set_up() -> None:
    """Let everything that is logged from now on have the chosen form; JSON goes to stderr."""
    # What pages share is also opened beside them, where Streamlit warns that nobody would see its spinner.
    streamlit.logger.get_logger(_NO_PAGE).setLevel(logging.ERROR)
    if chosen_form() == "text":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.root.handlers[:] = [handler]
    streamlit.logger.setup_formatter = _leave_to_root
    loggers = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    for logger in loggers:
        if logger.handlers:
            _leave_to_root(logger)


def _leave_to_root(logger: logging.Logger) -> None:
    """Take a logger's own handlers away, which would write text."""
    logger.handlers.clear()
    logger.propagate = True
