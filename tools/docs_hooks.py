"""What MkDocs asks while it builds the site: a line `<!-- help COMMAND -->` becomes what `--help` prints.

The text is the program's own, so the site cannot say anything else than the terminal.
"""

import os
import re
import subprocess
import sys
from functools import cache
from typing import Any

_WANTED = re.compile(r"^<!-- help ?([a-z ]*) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put what the command line says into a page that asks for it."""
    return _WANTED.sub(lambda asked: f"```text\n{_help(asked[1])}```", markdown)


@cache
def _help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fer", *command.split(), "--help"],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
