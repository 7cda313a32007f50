"""``8GiB``, ``H100`` or ``A100 80GB`` → how much of a card's memory a program can have (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samcheck import units
from samcheck.errors import BadInput
from samcheck.facts import Facts, GpuModel, Memory
from samcheck.suggestions import did_you_mean

MIB, GIB = 2**20, 2**30
#: Of its label, what a card may hold back of which nobody is known to have looked: a sixteenth for error
#: correction, and what the driver keeps. The known ones hold back at most that.
HELD_BACK = 0.1

_SIZE = re.compile(r"[\d.]+ *[a-z]+", re.IGNORECASE)
_LABEL = re.compile(r"(?<![\w.])(\d+) ?gi?b(?![a-z])", re.IGNORECASE)
#: What a name says of a GPU that has another memory than the card.
_OTHER = re.compile(r"\b(mig|laptop|notebook|mobile|max-?q)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """A card.

    Attributes:
        size: bytes that a program can have, CUDA's own among them.
        name: of the GPU, with its label; empty where only a size was given.
        told: where its size is from.
        capability: of the GPU; empty where only a size was given.
    """

    size: int
    name: str = ""
    told: str = ""
    capability: str = ""


def card(text: str, facts: Facts) -> Card:
    """The card that people mean by a size, or by a GPU's name with or without one.

    Raises:
        BadInput: the facts do not know the GPU, or it is sold with several sizes and the name does not tell
            which; or a size that cannot be read.
    """
    gpu = facts.gpu_called(text)
    if gpu is None and _SIZE.fullmatch(text.strip()):
        return Card(units.size(text))
    if gpu is None:
        raise BadInput(f"--gpu: {_unknown(text, facts)}")
    row = _row(text, gpu, facts.sizes_of(gpu))
    label = next((label for label in _labels(text) if label in row.labels), row.labels[0])
    if row.mib:
        told = f"{row.mib} MiB, the least that {row.by} was seen to report for it"
        return Card(row.mib * MIB, f"{gpu.name} {label}GB", told, gpu.capability)
    told = f"{label} GB less {HELD_BACK:.0%}, because what is reported for it is not known"
    return Card(int(label * GIB * (1 - HELD_BACK)), f"{gpu.name} {label}GB", told, gpu.capability)


def _unknown(text: str, facts: Facts) -> str:
    hint = did_you_mean(text.upper(), [row.name for row in facts.gpus], most=2)
    hint += " Else " if hint else ""
    return (
        f"{text!r} is neither a size nor a GPU that the facts know: {hint}give its memory, e.g. 8GiB, or one "
        "of the names in `samcheck facts memory`"
    )


def _labels(text: str) -> list[int]:
    return [int(label) for label in _LABEL.findall(text)]


def _row(text: str, gpu: GpuModel, sizes: tuple[Memory, ...]) -> Memory:
    """The size that a name tells, or the only one.

    Raises:
        BadInput: it tells none of several, or one that is not there; or it has no memory of its own.
    """
    if _OTHER.search(text):
        raise BadInput(f"--gpu: {text!r} has less memory than the card of that name: give it, e.g. 10GiB")
    if not sizes:
        raise BadInput(
            f"--gpu: {gpu.name} shares its memory with the CPU: give what of it SAM may have, e.g. 16GiB"
        )
    words, labels = set(re.findall(r"[a-z]+", text.lower())), set(_labels(text))
    fitting = [row for row in sizes if words & set(row.words) or labels & set(row.labels)]
    fitting = fitting or [row for row in sizes if not labels and not row.words]
    if len(fitting) == 1:
        return fitting[0]
    names = " or ".join(f'"{gpu.name} {row.labels[0]}GB"' for row in sizes)
    if not fitting:
        raise BadInput(f"--gpu: the facts know no {gpu.name} with {min(labels)} GB: give {names}, or a size")
    raise BadInput(f"--gpu: {gpu.name} is sold with several sizes of memory: give {names}")
