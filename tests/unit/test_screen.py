"""Answers that fit a screen: whatever is left out is counted, and --all has it."""

from __future__ import annotations

from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.analysis import screen


def test_what_is_left_out_is_counted() -> None:
    few, many = [f"line {number}" for number in range(25)], [f"line {number}" for number in range(40)]
    assert list(screen.fitted(few)) == few
    shown = list(screen.fitted(many))
    assert len(shown) == 25
    assert shown[-1] == "... and 16 more lines (--all)"
    assert shown[:24] == many[:24]
    assert len(list(screen.fitted(many, taken=20))) == 5
    assert list(screen.fitted(many, taken=100)) == ["line 0", "... and 39 more lines (--all)"]


def test_a_long_line_is_cut_and_says_so() -> None:
    assert screen.cut("x" * 100) == "x" * 100
    assert screen.cut("x" * 101) == "x" * 97 + "..."
    assert screen.cut("x" * 96 + "\\[" + "y" * 10) == "x" * 96 + "..."


def test_a_headline_is_never_cut() -> None:
    text = " ".join(["word"] * 60)
    lines = screen.wrapped(text, "  ")
    assert all(len(line) <= 100 for line in lines)
    assert " ".join(line.strip() for line in lines) == text


def answer(*arguments: str) -> list[str]:
    done = CliRunner().invoke(cli, arguments)
    assert not isinstance(done.exception, Exception), done.exception
    return done.output.splitlines()


def test_advise_fits_a_screen_and_keeps_what_to_run() -> None:
    machine = ("--gpu", "H100", "--at-driver", "580.95")  # or this one would be looked at
    question = ("advise", "--torch", "2.15.0", "--from", "2.4.1", *machine)
    lines = answer(*question)
    assert len(lines) <= 25
    assert all(len(line) <= 100 or "nox -s" in line for line in lines)
    assert any(line.startswith("RUN TO BE SURE") for line in lines)
    assert len("".join(answer(*question, "--all"))) > len("".join(lines))


def test_compare_fits_a_screen() -> None:
    pair = ("torch2.2.2-cu121-py3.10", "torch2.2.2-cu121-py3.10-numpy2.2.6")
    lines = answer("compare", *pair)
    assert len(lines) <= 25
    assert all(len(line) <= 100 for line in lines)
    (broken,) = [line for line in lines if line.startswith("- broken: ")]
    assert "(518 checks)" in broken
    assert "broken: 518 checks by one cause" in lines[2]
    assert len(answer("compare", *pair, "--all")) > len(lines)
