"""docs/reference/checks.md: what each check holds SAM to, from the docstrings of the suite."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from samcheck.guest.plugin.check_groups import group_of
from samcheck.guest.record import GROUP_NAMES
from tests.docs.blocks import CHECKOUT

SUITE = CHECKOUT / "tests" / "suite"
_LINK = re.compile(r"https?://[^\s),]+")

INTRODUCTION = """\
# The checks

This page is for seeing what exactly a check holds SAM to, and why it exists. The checks are the functions in
[tests/suite](../../tests/suite); they run in every cell, for each variant and precision that applies. One
marked "full" runs in the tier `full` only. The report is the issue, or the guide, that it was written after.

Written by `python -m tests.docs --update` from the docstrings of the suite; do not edit.
"""


def render() -> str:
    modules = defaultdict(list)
    for path in sorted(SUITE.glob("test_*.py")):
        modules[group_of(str(path))].append(path)
    parts = [INTRODUCTION]
    for group in GROUP_NAMES:
        parts.append(f"## {group}\n")
        parts += ["\n".join(_module(path)) for path in modules[group]]
    return "\n".join(parts)


def _module(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield f"{ast.get_docstring(tree)}\n"
    yield f"| check in [{path.name}](../../{path.relative_to(CHECKOUT)}) | holds that | report |"
    yield "| --- | --- | --- |"
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
            yield _row(function)
    yield ""


def _row(function: ast.FunctionDef) -> str:
    text = " ".join((ast.get_docstring(function) or "").split())
    links = dict.fromkeys(link.rstrip(".:") for link in _LINK.findall(text))
    reports = " ".join(f"[{_label(link)}]({link})" for link in links)
    marks = {ast.unparse(decorator) for decorator in function.decorator_list}
    full = " (full)" if "pytest.mark.full" in marks else ""
    return f"| {function.name.removeprefix('test_')}{full} | {_said(text)} | {reports} |"


def _said(text: str) -> str:
    """What stands before the first link; the words around it are for who reads the source."""
    said = _LINK.split(text)[0].rstrip(" :")
    said = said if said.endswith(".") else f"{said}."
    return said.replace("|", "\\|")


def _label(link: str) -> str:
    """The name and the number of an issue; the host of what is none."""
    found = re.match(r"https://github\.com/[^/]+/([^/]+)/(?:issues|pull)/(\d+)", link)
    if found:
        return f"{found[1]}#{found[2]}"
    return link.split("/")[2] if "GHSA" not in link else link.rpartition("/")[2]
