"""What the suite needs of a variant: how to build it, its weights, its predictor and its oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, FrozenSet, Optional

from .family import SEGMENT_ANYTHING, Capability, SamFamily

#: What everything built on segment_anything's classes can do.
SAM1_METHODS = frozenset((Capability.SAM1, Capability.IMAGE, Capability.AUTOMATIC))


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


def sam_generator(model: Any, **settings: Any) -> Any:
    """Create a `SamAutomaticMaskGenerator`."""
    from segment_anything import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(model, **settings)


def own_code(model: Any, predictor: Callable[[Any], Any]) -> Any:
    """Create an oracle from the model's own code in float64, which `predictor` makes a predictor of."""
    from ..oracle.own_code import OwnCode

    return OwnCode(model, predictor)


def own_code_oracle(model: Any) -> Any:
    """Create an oracle from the model's own code in float64, for models not built like SAM."""
    return own_code(model, sam_predictor)


def numpy_oracle(model: Any) -> Any:
    """Create the independent oracle, for models that are built like SAM."""
    from ..oracle.sam import Oracle

    return Oracle.of(model, digest_of(model))


def digest_of(model: Any) -> str:
    """Return the digest of a loaded model's weights, empty if it was not loaded by the suite."""
    carried = getattr(model, "carried", None)
    return str(carried.sha256) if carried else ""


@dataclass(frozen=True)
class Variant:
    """A variant of SAM.

    Attributes:
        name: such as ``tiny``, ``vit_b`` or ``sam2.1_hiera_small``.
        image_size: side of the square encoder input in pixels.
        build: returns the model in float32 on the CPU, in eval mode, with arbitrary weights.
        checkpoint: the official weights, None if there are none.
        predictor: makes a `SamPredictor`, or an object with the same methods, from a model.
        oracle: makes the reference for its answers from a loaded model in float32 on the CPU.
        tier: ``fast`` if it runs in seconds on any CPU, otherwise ``full``.
        weights: loads weights into a built model in place and describes them; for variants with their own
            weights. Without it, the official checkpoint is used if there is one, otherwise seeded weights.
        family: the package that provides the model.
        capabilities: what it can be asked for: checks that need more do not apply to it.
        generator: makes an automatic mask generator from a model and the arguments of segment_anything's.
        video: makes a predictor of videos from a model; None if there is none.
        concepts: makes a detector of concepts from a model; None if there is none.
        masks: how many masks its predictor returns if several are asked for.
        gpu: it can only be built on an NVIDIA GPU.
    """

    name: str
    image_size: int
    build: Callable[[], Any]
    checkpoint: Optional[Checkpoint] = None
    predictor: Callable[[Any], Any] = sam_predictor
    oracle: Callable[[Any], Any] = numpy_oracle
    tier: str = "full"
    weights: Optional[Callable[[Any], Any]] = None
    family: SamFamily = SEGMENT_ANYTHING
    capabilities: FrozenSet[Capability] = SAM1_METHODS
    generator: Callable[..., Any] = sam_generator
    video: Optional[Callable[[Any], Any]] = None
    concepts: Optional[Callable[[Any], Any]] = None
    masks: int = 3
    gpu: bool = False
