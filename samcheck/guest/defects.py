"""The catalogue of upstream defects that the suite knows by name.

A check that meets one of these, recognised by its own text, is ``known``, not ``failed``; when the
defect no longer shows itself the check is ``fixed``; any other failure of the same step is
``failed``.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, Optional, Tuple


@dataclass(frozen=True)
class Defect:
    """One defect of SAM, PyTorch or a neighbour.

    Attributes:
        id: stable name, used in results.
        title: one sentence for a footnote.
        symptoms: regular expressions; one must match ``TypeName: message`` of the exception.
        link: where it is reported.
    """

    id: str
    title: str
    symptoms: Tuple[str, ...]
    link: str

    def matches(self, error: BaseException) -> bool:
        text = "{}: {}".format(type(error).__name__, error)
        return any(re.search(symptom, text) for symptom in self.symptoms)


_ALL = (
    Defect(
        "prompt-encoder-float32",
        "a model cast as a whole cannot predict: SAM's prompt encoder builds float32 coordinates "
        "and multiplies them with a buffer that the cast converted",
        (
            r"RuntimeError: expected m1 and m2 to have the same dtype",
            r"RuntimeError: mat1 and mat2 must have the same dtype",
            r"RuntimeError: expected scalar type \w+ but found \w+",
        ),
        "https://github.com/pytorch/benchmark/pull/1764",
    ),
    Defect(
        "cpu-half-kernels",
        "this PyTorch has no float16 kernel on the CPU for a layer of the image encoder",
        (r"RuntimeError: \"\w+\" not implemented for 'Half'",),
        "https://github.com/yatengLG/ISAT_with_segment_anything/issues/126",
    ),
)

DEFECTS: Dict[str, Defect] = {defect.id: defect for defect in _ALL}


class DefectWatch:
    """The `defect` fixture: notes which catalogued defects a check met.

    Attributes:
        outcome: ``known`` or ``fixed`` once a step was watched, else None.
        defect: id of the defect that decided the outcome.
        reason: one line for the footnote.
    """

    def __init__(self) -> None:
        self.outcome: Optional[str] = None
        self.defect: Optional[str] = None
        self.reason = ""

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
            message = " ".join(str(error).split())
            self._note("known", met, "{} ({})".format(met.title, message))
        else:
            self._note("fixed", candidates[0], "no longer happens: " + candidates[0].title)

    def _note(self, outcome: str, defect: Defect, reason: str) -> None:
        # A check that meets one defect and finds another gone is still one with a defect.
        if self.outcome == "known":
            return
        self.outcome, self.defect, self.reason = outcome, defect.id, reason
