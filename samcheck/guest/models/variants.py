"""The variants of SAM, from every family and from the user.

To add your own, provide an entry point in the group ``samcheck.variants`` that names a `Variant`, or call
`register` in a module that pytest loads (``pytest -p my_module``, or a `conftest.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import metadata
from typing import Any, Dict, Set

from . import checkpoints, families
from .variant import Variant, own_code_oracle

__all__ = ["VARIANTS", "Variant", "discover", "fine_tuned", "own_code_oracle", "register"]

ENTRY_POINTS = "samcheck.variants"


VARIANTS: Dict[str, Variant] = {}
#: Variants known to every process in this environment, not only to one whose conftest registered them.
KNOWN_EVERYWHERE: Set[str] = set()


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
    """Register every variant that an installed package provides as an entry point.

    Raises:
        ValueError: an entry point does not lead to a `Variant`, or its name is taken.
    """
    every: Any = metadata.entry_points()
    points = every.select(group=ENTRY_POINTS) if hasattr(every, "select") else every.get(ENTRY_POINTS, ())
    for point in points:
        variant = point.load()
        if not isinstance(variant, Variant):
            raise ValueError(
                "the entry point {} = {!r} of the group {} gives a {}, not a Variant".format(
                    point.name, point.value, ENTRY_POINTS, type(variant).__name__
                )
            )
        register(variant)
        KNOWN_EVERYWHERE.add(variant.name)


for _variant in families.ALL:
    register(_variant)
    KNOWN_EVERYWHERE.add(_variant.name)
