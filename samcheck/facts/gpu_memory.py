"""``8GiB``, ``H100`` or ``A100 80GB`` → how much GPU memory a program can use (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samcheck import units
from samcheck.errors import BadInput
from samcheck.facts import Facts, GpuModel, Memory
from samcheck.suggestions import did_you_mean

MIB, GIB = 2**20, 2**30
#: Fraction of the labelled size to subtract for a card without a known measurement: a sixteenth for error
#: correction, and what the driver reserves. All measured cards reserve at most that.
HELD_BACK = 0.1

_SIZE = re.compile(r"[\d.]+ *[a-z]+", re.IGNORECASE)
_LABEL = re.compile(r"(?<![\w.])(\d+) ?gi?b(?![a-z])", re.IGNORECASE)
#: Words in the name of a GPU whose memory differs from the card's.
_OTHER = re.compile(r"\b(mig|laptop|notebook|mobile|max-?q)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """A GPU card.

    Attributes:
        size: bytes that a program can use, including CUDA's own.
        name: of the GPU, with its labelled size; empty if only a size was given.
        size_source: where its size comes from.
        capability: of the GPU; empty if only a size was given.
    """

    size: int
    name: str = ""
    size_source: str = ""
    capability: str = ""


def card(text: str, facts: Facts) -> Card:
    """Return the card for a size, or for a GPU's name with or without a size.

    Raises:
        BadInput: the GPU is not in the facts, the name is ambiguous between several sizes, or the size is
            invalid.
    """
    gpu = facts.gpu_called(text)
    if gpu is None and _SIZE.fullmatch(text.strip()):
        return Card(units.size(text))
    if gpu is None:
        raise BadInput(f"--gpu: {_unknown(text, facts)}")
    row = _row(text, gpu, facts.sizes_of(gpu))
    label = next((label for label in _labels(text) if label in row.labels), row.labels[0])
    if row.mib:
        size_source = f"{row.mib} MiB, the smallest size that {row.by} was seen to report for it"
        return Card(row.mib * MIB, f"{gpu.name} {label}GB", size_source, gpu.capability)
    size_source = f"{label} GB minus {HELD_BACK:.0%}, because its reported size is not known"
    return Card(int(label * GIB * (1 - HELD_BACK)), f"{gpu.name} {label}GB", size_source, gpu.capability)


def _unknown(text: str, facts: Facts) -> str:
    hint = did_you_mean(text.upper(), [row.name for row in facts.gpus], most=2)
    hint += " Otherwise " if hint else ""
    return (
        f"{text!r} is neither a size nor a known GPU: {hint}give its memory, e.g. 8GiB, or a name from "
        "`samcheck facts memory`"
    )


def _labels(text: str) -> list[int]:
    return [int(label) for label in _LABEL.findall(text)]


def _row(text: str, gpu: GpuModel, sizes: tuple[Memory, ...]) -> Memory:
    """Return the size that a name specifies, or the only one.

    Raises:
        BadInput: the name is ambiguous, its size does not exist, or the GPU has no memory of its own.
    """
    if _OTHER.search(text):
        raise BadInput(
            f"--gpu: {text!r} has less memory than the card of that name: give its size, e.g. 10GiB"
        )
    if not sizes:
        raise BadInput(
            f"--gpu: {gpu.name} shares its memory with the CPU: give how much of it SAM may use, e.g. 16GiB"
        )
    words, labels = set(re.findall(r"[a-z]+", text.lower())), set(_labels(text))
    fitting = [row for row in sizes if words & set(row.words) or labels & set(row.labels)]
    fitting = fitting or [row for row in sizes if not labels and not row.words]
    if len(fitting) == 1:
        return fitting[0]
    names = " or ".join(f'"{gpu.name} {row.labels[0]}GB"' for row in sizes)
    if not fitting:
        raise BadInput(f"--gpu: there is no known {gpu.name} with {min(labels)} GB: give {names}, or a size")
    raise BadInput(f"--gpu: {gpu.name} is sold with several memory sizes: give {names}")
