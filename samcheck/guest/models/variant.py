"""What the suite needs of a variant: how to build it, its weights, its predictor and its oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional


@dataclass(frozen=True)
class Checkpoint:
    """An official checkpoint. `sha256` agrees across several independent public repositories."""

    file: str
    size: int
    sha256: str


def sam_predictor(model: Any) -> Any:
    """Create a `SamPredictor`; it holds one image, so it must not be shared."""
    from segment_anything import SamPredictor

    return SamPredictor(model)


def own_code_oracle(model: Any) -> Any:
    """Create an oracle from the model's own code in float64, for models not built like SAM."""
    from ..oracle.own_code import OwnCode

    return OwnCode(model, sam_predictor)


def numpy_oracle(model: Any) -> Any:
    """Create the independent oracle, for models that are built like SAM."""
    from ..oracle.sam import Oracle

    carried = getattr(model, "carried", None)
    return Oracle.of(model, carried.sha256 if carried else "")


@dataclass(frozen=True)
class Variant:
    """A variant of SAM.

    Attributes:
        name: ``tiny``, ``vit_b``, ``vit_l`` or ``vit_h``.
        image_size: side of the square encoder input in pixels.
        build: returns the model in float32 on the CPU, in eval mode, with arbitrary weights.
        checkpoint: the official weights, None if there are none.
        predictor: makes a `SamPredictor`, or an object with the same methods, from a model.
        oracle: makes the reference for its answers from a loaded model in float32 on the CPU.
        tier: ``fast`` if it runs in seconds on any CPU, otherwise ``full``.
        weights: loads weights into a built model in place and describes them; for variants with their own
            weights. Without it, the official checkpoint is used if there is one, otherwise seeded weights.
    """

    name: str
    image_size: int
    build: Callable[[], Any]
    checkpoint: Optional[Checkpoint] = None
    predictor: Callable[[Any], Any] = sam_predictor
    oracle: Callable[[Any], Any] = numpy_oracle
    tier: str = "full"
    weights: Optional[Callable[[Any], Any]] = None
