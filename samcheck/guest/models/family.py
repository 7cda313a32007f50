"""Families: the packages that provide models of SAM, and what their models can be asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Tuple

from ..outcomes import Word


class Capability(Word):
    """What a check may need of a variant, so that one check serves every family that can answer it."""

    #: Model and predictor have the attributes and methods of segment_anything's `Sam` and `SamPredictor`.
    SAM1 = "sam1"
    #: A predictor with `set_image`, `reset_image`, `model`, `device`, and `predict` as `SamPredictor` has it.
    IMAGE = "image"
    #: `Variant.generator`: an automatic mask generator.
    AUTOMATIC = "automatic"
    #: `Variant.video`: a predictor of whole videos.
    VIDEO = "video"
    #: `Variant.concepts`: a detector of everything that words and example boxes name.
    CONCEPT = "concept"
    #: Its predictor of videos can forget one object, and one prompt.
    FORGETS = "forgets"
    #: Asked for one mask, it gives another where that one is unstable (`_dynamic_multimask_via_stability`).
    CHOOSES = "chooses"
    #: The weights are trained: masks mean something.
    MEANING = "meaning"


@dataclass(frozen=True)
class SamFamily:
    """One package that provides models of SAM.

    Attributes:
        name: of the package on the index, as in a cell's requirement.
        modules: what must be importable for its models.
    """

    name: str
    modules: Tuple[str, ...]

    def missing(self) -> Tuple[str, ...]:
        """Return which of its modules are not installed; none is imported."""
        return tuple(module for module in self.modules if not _is_installed(module))


def _is_installed(module: str) -> bool:
    """Look for a module, without importing the packages that it is in."""
    package, *inner = module.split(".")
    spec = find_spec(package)
    if spec is None or not inner:
        return spec is not None
    places = spec.submodule_search_locations or ()
    paths = [os.path.join(place, *inner) for place in places]
    return any(os.path.isdir(path) or os.path.isfile(path + ".py") for path in paths)


SEGMENT_ANYTHING = SamFamily("segment-anything", ("segment_anything",))
