"""A matrix file that somebody else has written: a plan, or a line for each thing that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from samcheck import facts, matrix, paths
from samcheck.errors import BadInput
from samcheck.facts.target_machine import Machine
from tests.fuzz import require
from tests.fuzz.mutating import changed_lines

SEEDS = [
    *(path.read_bytes() for path in sorted((paths.ROOT / "matrices").glob("*.toml"))),
    b'tier = "fast"\n[[cell]]\ntorch = "2.8.0"\npython = "3.12"\ntags = ["a"]\n',
    b'strategy = "ends"\n[axes]\ntorch = ">=2.7"\npython = ["3.12", "3.11"]\n[[exclude]]\ntorch = "2.8.0"\n'
    b'reason = "because"\n[budget]\ncells = 3\n',
    b"wanted = " + b"1" * 5000,
    b"wanted = 0x" + b"f" * 5000,
    b"[axes]\ntorch = [0x" + b"f" * 5000 + b"]",
    b"strategy = 0x" + b"f" * 5000,
    b"a = " + b"[" * 100_000,
    b"a = " + b"{a = " * 50_000,
    b"a" + b".a" * 100_000 + b" = 1",
    b'a = "\0"',
    b'a = "\xff"',
    b"",
    b"wanted = inf",
]
mutate = changed_lines
_FOLDER = TemporaryDirectory(prefix="samcheck-fuzz-")


def take(content: bytes) -> None:
    """Plan what the file says, on a machine without a GPU."""
    path = Path(_FOLDER.name, "x.toml")
    path.write_bytes(content)
    try:
        matrix.plan(path, facts.load(), Machine())
    except BadInput as refused:
        lines = str(refused).split("\n")
        require(all(line.startswith(("x.toml: ", str(path))) and line.isprintable() for line in lines), lines)
