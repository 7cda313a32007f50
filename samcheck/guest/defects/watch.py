"""Watching for catalogued upstream defects while a check runs.

A check that meets one, recognised by its own text, is ``known``, not ``failed``; when the defect no
longer shows itself the check is ``fixed``; any other failure of the same step is ``failed``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional

from ..outcomes import CheckOutcome
from .catalogue import DEFECTS
from .defect import Defect


class DefectWatch:
    """The `defect` fixture: notes which catalogued defects a check met.

    Attributes:
        outcome: ``known`` or ``fixed`` once a step was watched, else None.
        defect: id of the defect that decided the outcome.
        reason: what the defect is, one line for the footnote.
        evidence: how it showed itself, one line.
    """

    def __init__(self) -> None:
        self.outcome: Optional[CheckOutcome] = None
        self.defect: Optional[str] = None
        self.reason = ""
        self.evidence = ""

    @contextmanager
    def __call__(self, *ids: str) -> Iterator[None]:
        """Run a step that is expected to fail with one of the defects `ids`.

        The first id is the one reported as gone when the step succeeds. An exception that none of
        them describes goes through and fails the check.
        """
        candidates = [DEFECTS[id] for id in ids]
        try:
            yield
        except Exception as error:
            met = next((defect for defect in candidates if defect.matches(error)), None)
            if met is None:
                raise
            self._note(CheckOutcome.KNOWN, met, met.title, " ".join(str(error).split()))
        else:
            gone = candidates[0]
            self._note(CheckOutcome.FIXED, gone, "no longer happens: " + gone.title)

    def _note(self, outcome: CheckOutcome, defect: Defect, reason: str, evidence: str = "") -> None:
        # A check that meets one defect and finds another gone is still one with a defect.
        if self.outcome is CheckOutcome.KNOWN:
            return
        self.outcome, self.defect, self.reason, self.evidence = outcome, defect.id, reason, evidence
