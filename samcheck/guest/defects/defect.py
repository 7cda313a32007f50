"""What the catalogue holds of one upstream defect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple


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
