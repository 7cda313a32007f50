"""What the suite has to know of one variant: how to build it, its weights, its predictor and its oracle."""

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
    """A fresh `SamPredictor`; it holds one image, so it must not be shared."""
    from segment_anything import SamPredictor

    return SamPredictor(model)


def own_code_oracle(model: Any) -> Any:
    """The model's own code in float64, for models that are not built like SAM and use its predictor."""
    from ..oracle.own_code import OwnCode

    return OwnCode(model, sam_predictor)


def numpy_oracle(model: Any) -> Any:
    """The independent oracle, for every model that is built like SAM."""
    from ..oracle.sam import Oracle

    carried = getattr(model, "carried", None)
    return Oracle.of(model, carried.sha256 if carried else "")


@dataclass(frozen=True)
class Variant:
    """One size of SAM.

    Attributes:
        name: ``tiny``, ``vit_b``, ``vit_l`` or ``vit_h``.
        image_size: side of the square encoder input in pixels.
        build: returns the model in float32 on the CPU, in eval mode, with arbitrary weights.
        checkpoint: the official weights, None where there are none.
        predictor: makes a `SamPredictor`, or what has the same methods, from a model.
        oracle: makes what its answers are compared with from a loaded model in float32 on the CPU.
        tier: ``fast`` if it runs in seconds on any processor, else ``full``.
        weights: loads weights into a built model in place and says what they are; for variants that come
            with their own. Without it: the official checkpoint where there is one, else seeded weights.
    """

    name: str
    image_size: int
    build: Callable[[], Any]
    checkpoint: Optional[Checkpoint] = None
    predictor: Callable[[Any], Any] = sam_predictor
    oracle: Callable[[Any], Any] = numpy_oracle
    tier: str = "full"
    weights: Optional[Callable[[Any], Any]] = None
