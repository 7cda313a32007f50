"""Readers of what others may have written, given whatever a fuzzer thinks of.

A target is one module of this folder, and adding one is writing that module:

    SEEDS       bytes that it starts from: good ones, and bad ones that once went wrong
    take        reads some bytes; raises nothing but what means that they cannot be right, which it catches
    mutate      changes some bytes a little, with a `random.Random`; left out, bytes are changed anywhere

tests/unit/test_fuzz.py gives each target its seeds and some hundred mutations of them, in every run of the
tests; `nox -s fuzz` gives it to atheris, which looks at what code each input reaches, for a minute or more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random

#: Modules of this folder that are none.
NO_TARGETS = ("__init__", "__main__", "driving", "mutating")


@dataclass(frozen=True)
class Target:
    """A reader to be tried: see above."""

    name: str
    seeds: Sequence[bytes]
    take: Callable[[bytes], None]
    mutate: Callable[[bytes, Random], bytes] | None


def require(holds: bool, said: object) -> None:
    """For targets: what has to hold for whatever they read."""
    if not holds:
        raise AssertionError(said)


def names() -> list[str]:
    """All targets."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name for name in stems if name not in NO_TARGETS)


def load(name: str) -> Target:
    """The target of a name."""
    module = import_module(f"tests.fuzz.{name}")
    return Target(name, module.SEEDS, module.take, getattr(module, "mutate", None))
