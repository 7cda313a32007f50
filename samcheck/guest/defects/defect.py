"""The record of one upstream defect in the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple

#: Errors of a matrix product of two dtypes: of the CPU's kernel, of the check ahead of kernels, which is the
#: only one in 2.0.1, and of CUDA's kernel.
PRODUCT_OF_TWO_DTYPES = (
    r"^RuntimeError: expected m1 and m2 to have the same dtype",
    r"^RuntimeError: mat1 and mat2 must have the same dtype",
    r"^RuntimeError: expected mat1 and mat2 to have the same dtype",
)


@dataclass(frozen=True)
class Defect:
    """A defect of SAM, PyTorch or a package used with them.

    Attributes:
        id: stable name, stored in results.
        title: one sentence for a footnote.
        symptoms: regular expressions; at least one must match the exception's ``TypeName: message``.
        link: the upstream report.
    """

    id: str
    title: str
    symptoms: Tuple[str, ...]
    link: str

    def matches(self, error: BaseException) -> bool:
        text = "{}: {}".format(type(error).__name__, error)
        return any(re.search(symptom, text) for symptom in self.symptoms)
