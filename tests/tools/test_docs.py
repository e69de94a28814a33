"""What the README and the site tell people to type is what the program takes."""

import re
import shlex
from pathlib import Path

import pytest

from fer.cli import build_parser
from fer.paths import ROOT
from tools.docs_hooks import on_page_markdown

GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
COMMAND = re.compile(r"^ *python -m fer (.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", [ROOT / "README.md", *GUIDES], ids=lambda page: page.name)
def test_every_command_shown_is_one(page: Path) -> None:
    for words in COMMAND.findall(page.read_text(encoding="utf-8")):
        build_parser().parse_args(shlex.split(words, comments=True))


def test_commands_are_shown_somewhere() -> None:
    assert sum(len(COMMAND.findall(page.read_text(encoding="utf-8"))) for page in GUIDES) > 5


@pytest.mark.slow
def test_a_page_gets_what_the_terminal_says() -> None:
    shown = on_page_markdown("before\n\n<!-- help setup -->\n\nafter")
    assert "usage: python -m fer setup" in shown
    assert shown.startswith("before\n\n```text\n")
    assert shown.endswith("```\n\nafter")


def test_the_command_line_page_has_every_command() -> None:
    page = (ROOT / "docs" / "guide" / "commands.md").read_text(encoding="utf-8")
    (commands,) = (action.choices for action in build_parser()._actions if action.dest == "command")
    assert [name for name in commands if f"<!-- help {name} -->" not in page] == []
