"""Outcomes are written as their words on every Python that a guest runs on."""

from __future__ import annotations

import json
import subprocess

import pytest

from samcheck import paths
from samcheck.environments import machine

WRITTEN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from samcheck.guest.outcomes import CheckOutcome
word = CheckOutcome.TIMED_OUT
print(json.dumps([str(word), "{}".format(word), "%s" % word, f"{word:>10}", word]), {"timed-out": 1}[word])
"""


@pytest.mark.parametrize("python", ["3.8", "3.11", "3.13"])
def test_a_word_is_written_as_itself(python: str) -> None:
    """`format` of a `str` enum changed in Python 3.12."""
    interpreter = machine.interpreter(python)
    if interpreter is None:
        pytest.skip(f"there is no Python {python} on this machine")
    command = [interpreter, "-c", WRITTEN, str(paths.ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, _, looked_up = done.stdout.rpartition(" ")
    assert json.loads(said) == ["timed-out", "timed-out", "timed-out", " timed-out", "timed-out"]
    assert int(looked_up) == 1
