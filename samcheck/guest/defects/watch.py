"""The `defect` fixture, which watches for catalogued upstream defects while a check runs.

A check that hits one, recognised by its error text, is ``known``, not ``failed``; if the defect no
longer occurs, the check is ``fixed``; any other failure of the same step is ``failed``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional

from ..outcomes import CheckOutcome
from .catalogue import DEFECTS
from .defect import Defect


class DefectWatch:
    """The `defect` fixture: records which catalogued defects a check hit.

    Attributes:
        outcome: ``known`` or ``fixed`` once a step was watched, else None.
        defect: id of the defect that decided the outcome.
        reason: what the defect is, one line for the footnote.
        evidence: the error it caused, one line.
    """

    def __init__(self) -> None:
        self.outcome: Optional[CheckOutcome] = None
        self.defect: Optional[str] = None
        self.reason = ""
        self.evidence = ""

    @contextmanager
    def __call__(self, *ids: str) -> Iterator[None]:
        """Run a step that is expected to fail with one of the defects `ids`.

        If the step succeeds, the first id is reported as fixed. An exception that matches none of
        them propagates and fails the check.
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
        # A check that hits one defect and finds another fixed still counts as `known`.
        if self.outcome is CheckOutcome.KNOWN:
            return
        self.outcome, self.defect, self.reason, self.evidence = outcome, defect.id, reason, evidence
