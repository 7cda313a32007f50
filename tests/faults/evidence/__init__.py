"""What a fault must visibly change: values that are computed once without and once with it.

    python -m tests.faults.evidence answers answers.json

A fault that changes nothing was not seeded, and says nothing about the suite.
"""

from __future__ import annotations

from . import answers, backends, fork_answers, process, sam2_answers
from .common import EVIDENCE

__all__ = ["EVIDENCE", "answers", "backends", "fork_answers", "process", "sam2_answers"]
