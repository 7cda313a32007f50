"""The catalogue of upstream defects that the suite knows by name, each with its symptom and its report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Tuple


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
