"""The README's figures come from the reports, and its picture and files are there."""

import re

import pytest

from fer import paths, readme


def test_the_figures_are_those_of_the_reports():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.replaced(text) == text, "run `make figures`"


def test_what_stands_around_the_figures_is_kept():
    old = f"before {readme.START}\nold\n{readme.END} after"
    assert readme.replaced(old) == f"before {readme.START}\n{readme.figures()}{readme.END} after"


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="markers"):
        readme.replaced("no figures here")


def test_every_file_of_the_tree_is_there():
    text = readme.README.read_text(encoding="utf-8")
    tree = text.partition("## What is where")[2].partition("```\n")[2].partition("```")[0]
    parents: list[str] = []
    for line in tree.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        parents = parents[: len(indent) // 2]
        path = "/".join([*parents, name.rstrip("/")])
        assert list(paths.ROOT.glob(path.replace("<name>", "*"))), (
            f"{path} stands in the README's tree but is not there"
        )
        parents.append(name.rstrip("/"))
