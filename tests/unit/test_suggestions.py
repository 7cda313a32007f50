"""Hints at what somebody may have meant."""

from __future__ import annotations

import time

from samcheck.suggestions import did_you_mean, similar


def test_a_slip_of_the_pen_is_understood() -> None:
    assert did_you_mean("pyton", ["torch", "python"]) == "did you mean python?"


def test_the_beginning_of_a_name_comes_before_what_is_spelled_like_it() -> None:
    assert did_you_mean("2.1", ["2.10.0", "2.1.2", "2.11"], lead="; ") == "; did you mean 2.1.2?"


def test_what_is_like_nothing_gets_no_hint() -> None:
    assert did_you_mean("24", ["T4", "P4"], lead="; ") == ""


def test_a_name_can_be_asked_for_however_unlike() -> None:
    assert similar("24", ["abc"], cutoff=0) == ["abc"]


def test_a_megabyte_of_name_takes_no_time() -> None:
    start = time.monotonic()
    did_you_mean("x" * 2**20, ["y" * 30] * 1000)
    assert time.monotonic() - start < 2
