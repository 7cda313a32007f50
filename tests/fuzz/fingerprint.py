"""What a probe says of its environment: it is refused, or compared with what the cell declares."""

from __future__ import annotations

import json
from dataclasses import asdict

from samcheck.cells import Cell
from samcheck.environments import fingerprint_reader
from samcheck.errors import BadInput
from samcheck.facts import requirements
from samcheck.guest.record import Fingerprint
from samcheck.run import judge
from tests.fuzz import require
from tests.fuzz.mutating import changed_json

_SEEN = Fingerprint(
    *("3.11.2", "CPython", "Linux", "glibc 2.36", "a processor", 2, 24000),
    torch="2.4.1+cu121",
    torch_cuda="12.1",
    torchvision="0.19.1",
    numpy="1.26.4",
    segment_anything="1.0",
    packages={"torch": "2.4.1"},
)
_GOOD = json.dumps(asdict(_SEEN)).encode()
_CELL = Cell("2.4.1", "cu121", "3.11")

SEEDS = [
    _GOOD,
    b"",
    b"{}",
    b"null",
    b"[" * 100_000,
    _GOOD.replace(b'"2.4.1+cu121"', b'"no version"'),
    _GOOD.replace(b'"3.11.2"', b'""'),
    _GOOD.replace(b"24000", b"1" + b"0" * 400),
    _GOOD.replace(b'"12.1"', b'"' + b"9" * 5000 + b'"'),
    _GOOD.replace(b'"1.0"', b'"../../x"'),
]
mutate = changed_json


def take(content: bytes) -> None:
    """Read it, and compare."""
    try:
        seen = fingerprint_reader.as_fingerprint(content)
    except BadInput as refused:
        require("\n" not in str(refused) and len(str(refused)) < 1000, str(refused))
        return
    differences = list(judge.compare(_CELL, requirements.NOTHING, seen))
    if not differences:
        require((seen.torch or "").startswith("2.4.1"), "another PyTorch is taken for the declared one")
