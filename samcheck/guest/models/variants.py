"""The variants of SAM, from every family and from the user.

To add your own, provide an entry point in the group ``samcheck.variants`` that names a `Variant`, declare it
in a matrix file, or call `register` in a module that pytest loads (``pytest -p my_module``, a `conftest.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import metadata
from typing import Any, Dict, Set

from . import checkpoints, declared_variants, families
from .variant import Variant, own_code_oracle

__all__ = ["VARIANTS", "Variant", "discover", "fine_tuned", "own_code_oracle", "register"]

ENTRY_POINTS = "samcheck.variants"


VARIANTS: Dict[str, Variant] = {}
#: Variants known to every process in this environment, not only to one whose conftest registered them.
KNOWN_EVERYWHERE: Set[str] = set()
#: Those that the matrix file of the run declares.
DECLARED: Set[str] = set()


def register(variant: Variant) -> None:
    """Make a variant known to the suite.

    Raises:
        ValueError: the name is taken, or contains characters not allowed in check ids or file names.
    """
    if not re.match(r"[a-z][a-z0-9_.]*$", variant.name):
        raise ValueError(
            "invalid variant name {!r}: use a-z, 0-9, _ and ., and begin with a letter".format(variant.name)
        )
    if VARIANTS.get(variant.name, variant) is not variant:
        raise ValueError("the variant {!r} already exists: choose another name".format(variant.name))
    VARIANTS[variant.name] = variant


def fine_tuned(name: str, base: str, checkpoint: str) -> Variant:
    """Create a variant with the classes of `base` and the weights in your own file.

    The file is inspected before it is unpickled, and must contain only tensors
    (`samcheck.guest.models.checkpoints`).
    """

    def weights(model: Any) -> Any:
        from .weights import Weights, digest

        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        model.load_state_dict(checkpoints.read(checkpoint, shapes).parameters)
        return Weights("fine-tuned", digest(model))

    return replace(VARIANTS[base], name=name, checkpoint=None, weights=weights)


def discover() -> None:
    """Register every variant that the matrix file declares, or an installed package as an entry point.

    If both have one of the same name, the file's counts.

    Raises:
        ValueError: an entry point or a declared package does not lead to a `Variant`, or a name is taken.
    """
    known = set(VARIANTS)
    for entry in declared_variants.entries():
        if entry["name"] not in DECLARED:
            _declare(entry)
    KNOWN_EVERYWHERE.update(set(VARIANTS) - known)
    every: Any = metadata.entry_points()
    points = every.select(group=ENTRY_POINTS) if hasattr(every, "select") else every.get(ENTRY_POINTS, ())
    for point in points:
        if point.name in DECLARED:
            continue
        variant = point.load()
        if not isinstance(variant, Variant):
            raise ValueError(
                "the entry point {} = {!r} of the group {} gives a {}, not a Variant".format(
                    point.name, point.value, ENTRY_POINTS, type(variant).__name__
                )
            )
        register(variant)
        KNOWN_EVERYWHERE.add(variant.name)


def _declare(entry: declared_variants.Entry) -> None:
    """Register a variant that the matrix file of the run declares."""
    name = entry["name"]
    if entry["base"]:
        register(fine_tuned(name, entry["base"], entry["path"]))
    else:
        known = set(VARIANTS)
        found = declared_variants.load(entry)
        if isinstance(found, Variant) and found.name not in VARIANTS:
            register(found)
        if name not in VARIANTS:
            others = ", ".join(sorted(set(VARIANTS) - known)) or "none"
            raise ValueError(
                "the package of [variant.{}] in the matrix file registers no variant of that name: {} has "
                "registered {}".format(name, entry["target"], others)
            )
    if entry["tier"]:
        VARIANTS[name] = replace(VARIANTS[name], tier=entry["tier"])
    DECLARED.add(name)


for _variant in families.ALL:
    register(_variant)
    KNOWN_EVERYWHERE.add(_variant.name)
