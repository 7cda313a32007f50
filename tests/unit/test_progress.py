from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.run import progress
from samcheck.sanitize import harmless
from tests.unit import made
from tests.unit.hostile import TEXTS

RESULT = replace(
    made.RESULT,
    outcome=CellOutcome.FAILED,
    reason="1 of 2 checks: [bold]x[/bold]",
    phases={"prepare": 1.4, "run": 20.6},
    checks=[
        CheckResult("a", "a", CheckOutcome.PASSED),
        CheckResult("b", "a", CheckOutcome.FAILED, reason="r"),
    ],
)


def shown(terminal: bool, width: int) -> str:
    stream = io.StringIO()
    target = Console(file=stream, force_terminal=terminal, width=width, color_system=None)
    with progress.display(target, 2) as display:
        cell = display.cell("torch2.4.1-cu121-py3.11")
        cell.phase("prepare")
        cell.phase("run")
        cell.checks(1, 2, "test_a.py::test_[red]a very long name of a check[tiny-fp32]")
        cell.finished(RESULT)
    return stream.getvalue()


def test_the_last_line_of_a_cell_counts_and_says_why() -> None:
    assert progress.summary(RESULT) == (
        "torch2.4.1-cu121-py3.11: failed (1 failed, 1 passed) [prepare 1 s, run 21 s]: "
        "1 of 2 checks: [bold]x[/bold]"
    )
    bare = replace(RESULT, outcome=CellOutcome.BUILD_FAILED, reason="no Python", checks=[], phases={})
    assert progress.summary(bare) == "torch2.4.1-cu121-py3.11: build-failed: no Python"


def test_plain_lines_outside_of_a_terminal() -> None:
    lines = shown(terminal=False, width=40).splitlines()
    assert lines[0] == "[1/2] torch2.4.1-cu121-py3.11: prepare"
    assert lines[-1] == f"[1/2] {progress.summary(RESULT)}"  # long lines are not broken
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_live_on_a_terminal(width: int) -> None:
    text = shown(terminal=True, width=width)
    assert "1/2 torch2.4.1-cu121-py3.11" in text
    assert "left" in text
    assert "[bold]x[/bold]" in text.replace("\n", "")  # foreign text is not markup


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_that_is_shown_is_obeyed(text: str, terminal: bool) -> None:
    """Names of checks, reasons, and whatever is printed; each line stays one."""
    stream = io.StringIO()
    target = progress.Terminal(file=stream, force_terminal=terminal, width=120, color_system=None)
    with progress.display(target, 2) as display:
        cell = display.cell("torch2.4.1-cu121-py3.11")
        cell.checks(1, 2, f"test_a.py::test_{text}")
        cell.finished(replace(RESULT, reason=text))
        target.print(text, markup=False, highlight=False, soft_wrap=True)
    sent = re.sub(r"\x1b\[\?25[lh]|\x1b\[[0-9;]*[AKm]|\r(?=\x1b|\n|$)", "", stream.getvalue())
    assert {sign for sign in sent if not sign.isprintable()} <= {"\n", "\t"}
    said = progress.summary(replace(RESULT, reason=text))
    assert said.isprintable()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_harmless_text_has_only_printable_signs(text: str) -> None:
    shown = harmless(text)
    assert {sign for sign in shown if not sign.isprintable()} <= {"\n", "\t"}
    assert harmless(shown) == shown
    if text.isprintable():
        assert shown == text
