"""A fault, and the decorator that makes one of a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict

Apply = Callable[[], None]
SEGMENT_ANYTHING = "segment-anything"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        id: a readable name.
        title: what is broken, in one sentence.
        kind: the part of SAM, or of what it stands on, that breaks.
        origin: where the like has happened: a link, or who makes this mistake.
        evidence: a name in `evidence.EVIDENCE`, whose value the fault must change, should no check see it.
        after: the module that is patched as soon as it is imported.
        apply: patches it in this process.
        family: the package whose variants and checks it is tried with.
    """

    id: str
    title: str
    kind: str
    origin: str
    evidence: str
    after: str
    apply: Apply
    family: str = SEGMENT_ANYTHING


REGISTERED: Dict[str, Fault] = {}


def fault(
    origin: str, evidence: str, after: str = "segment_anything", family: str = SEGMENT_ANYTHING
) -> Callable[[Apply], Apply]:
    """Registers the decorated function: its name is the fault's id, its docstring the title."""

    def register(apply: Apply) -> Apply:
        id = apply.__name__.replace("_", "-")
        if id in REGISTERED:
            raise ValueError("two faults are called {}".format(id))
        title = " ".join((apply.__doc__ or "").split())
        kind = apply.__module__.rpartition(".")[2]
        REGISTERED[id] = Fault(id, title, kind, origin, evidence, after, apply, family)
        return apply

    return register
