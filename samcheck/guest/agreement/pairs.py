"""The pairs of implementations that are compared, by the variant under test."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import torch

from ..models import conversion
from ..models.conversion import to_transformers, to_transformers_sam3
from ..models.families import transformers_sam, transformers_sam3, ultralytics_sam
from ..models.precisions import cast
from ..models.variants import VARIANTS
from . import originals
from .stages import Staged


@dataclass(frozen=True)
class Pair:
    """A variant and the original implementation with the same weights.

    Attributes:
        variant: under test.
        reference: the package of the original.
        modules: that it needs.
        original: makes the original with its weights, in float32.
        build: makes the variant's model, by default as it comes.
        convert: the state dict of the original to that of the variant.
        staged: the stages of the original, and of the variant.
        predictor: of the original's model.
        alike: options of `build` with which it must agree with the original.
        repair: changes the variant's model in place where no option makes it agree.
        resizes_in_float32: one of them does, whatever it computes in.
        shape: (H, W) of the image on which both must agree, in sides of the model's input: one that nothing
            resizes except by whole factors, and that has no padding if the two treat that differently.
        other_size: (H, W) of the image on which each uses its own preprocessing; None for the same one.
        beside_original: the two are together only in the cells of the original's package, which then runs
            what compares them.
    """

    variant: str
    reference: str
    modules: Tuple[str, ...]
    original: Callable[[], Any]
    build: Callable[..., Any]
    convert: Callable[[Any], Dict[str, Any]]
    staged: Tuple[Any, Any]
    predictor: Callable[[Any], Any]
    alike: Mapping[str, Any]
    repair: Optional[Callable[[Any], None]] = None
    resizes_in_float32: bool = False
    shape: Tuple[float, float] = (0.5, 1)
    other_size: Optional[Tuple[int, int]] = (240, 320)
    beside_original: bool = False

    @property
    def side(self) -> int:
        return VARIANTS[self.variant].image_size

    @property
    def size(self) -> Tuple[int, int]:
        """(H, W) in pixels of the image on which both must agree."""
        return int(self.shape[0] * self.side), int(self.shape[1] * self.side)

    def unavailable(self) -> str:
        """Return why the original is not here; empty if it is."""
        missing = [module for module in self.modules if find_spec(module) is None]
        if missing:
            return "the original implementation, {}, cannot be used here: no module {}".format(
                self.reference, ", ".join(missing)
            )
        return ""

    def models(self, **options: Any) -> Tuple[Any, Any]:
        """Return the original, and the variant with the same weights, both in float32."""
        original = self.original()
        own = self.build(**options)
        conversion.load_converted(own, self.convert(original.state_dict()))
        return original, own.eval()  # TinyViT indexes its biases when it enters eval mode

    def both(self, dtype: torch.dtype, **options: Any) -> Tuple[Staged, Staged]:
        """Return the stages of the original and of the variant as it comes, computing in `dtype`."""
        original, own = self.models(**options)
        first, second = self.staged
        reference: Staged = first(cast(original, dtype), self.predictor(original))
        own = cast(own, dtype)
        return reference, second(own, VARIANTS[self.variant].predictor(own))

    def made_alike(self, dtype: torch.dtype) -> Tuple[Staged, Staged]:
        """Return the stages of both, with the variant as it must agree with the original."""
        reference, own = self.both(dtype, **self.alike)
        if self.repair is not None:
            self.repair(own.model)
        return reference, own


#: What the original has, in the names of transformers' settings.
_EXACT = {"epsilon": 1e-5, "attention": "sdpa"}


def keep_image_embedding(model: Any) -> None:
    """Let `SamHQModel` upscale what its decoder's transformer returns for the image.

    It drops that and upscales what went in (docs/upstream). In a release that does not, this changes nothing.
    """
    returned: List[Any] = []
    decoder = model.mask_decoder

    def upscaled(_: Any, inputs: Any) -> Any:
        embedding = returned.pop()
        return (embedding.transpose(2, 3).reshape(inputs[0].shape),)

    decoder.transformer.register_forward_hook(lambda _, inputs, output: returned.append(output[1]))
    decoder.upscale_conv1.register_forward_pre_hook(upscaled)


def round_top_level(model: Any) -> None:
    """Round the top level of the pyramid in ultralytics' SAM 2 to float32, as sam2's `FpnNeck` does.

    In float32, this changes nothing; other models have no pyramid.
    """
    neck: Any = getattr(model.image_encoder, "neck", None)
    if hasattr(neck, "convs"):
        neck.convs[0].register_forward_hook(lambda _, inputs, output: output.float().to(output.dtype))


def _hq_predictor(model: Any) -> Any:
    from segment_anything_hq import SamPredictor

    return SamPredictor(model)


def _sam2_predictor(model: Any) -> Any:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    from ..models.families.sam2_mini import FEATURE_SIZES

    predictor = SAM2ImagePredictor(model)
    predictor._bb_feat_sizes = list(FEATURE_SIZES)
    return predictor


def _sam3_predictor(model: Any) -> Any:
    from ..models.sam3_predictors import inner_predictor

    # Where holes can be filled, they are, which a float64 copy could not tell from a deviation.
    return inner_predictor(model, max_hole_area=0.0)


def _pairs() -> Tuple[Pair, ...]:
    from .staged_originals import HighQuality, Sam2, SegmentAnything
    from .staged_sam3 import Sam3, repair_tracker
    from .staged_transformers import HuggingFaceHq, HuggingFaceSam, HuggingFaceSam2

    return (
        Pair(
            "transformers.sam_tiny",
            "segment-anything",
            ("segment_anything",),
            originals.tiny,
            transformers_sam.build_sam_tiny,
            to_transformers.sam1,
            (SegmentAnything, HuggingFaceSam),
            VARIANTS["tiny"].predictor,
            alike=_EXACT,
        ),
        Pair(
            "transformers.sam2.1_mini",
            "sam2",
            ("sam2",),
            originals.sam2_mini,
            transformers_sam.build_sam2_mini,
            to_transformers.sam2_image,
            (Sam2, HuggingFaceSam2),
            _sam2_predictor,
            alike={"attention": "sdpa"},
            resizes_in_float32=True,
        ),
        Pair(
            "transformers.hq_mini",
            "segment-anything-hq",
            ("segment_anything_hq", "timm"),
            originals.hq_mini,
            transformers_sam.build_hq_mini,
            to_transformers.hq_sam,
            (HighQuality, HuggingFaceHq),
            _hq_predictor,
            alike=_EXACT,
            repair=keep_image_embedding,
        ),
        Pair(
            "transformers.sam3_mini",
            "sam3",
            ("sam3",),
            originals.sam3_mini,
            transformers_sam3.build_sam3_mini,
            to_transformers_sam3.sam3_tracker,
            (Sam3, HuggingFaceSam2),
            _sam3_predictor,
            alike=_EXACT,
            repair=repair_tracker,
            resizes_in_float32=True,
            beside_original=True,
        ),
    )


def _ultralytics_pairs() -> Tuple[Pair, ...]:
    from .staged_originals import Sam2, SegmentAnything
    from .staged_ultralytics import UltralyticsSam, UltralyticsSam2

    def pair(name: str, package: Any, original: Any, build: Any, staged: Any, predictor: Any) -> Pair:
        return Pair(
            "ultralytics." + name,
            package[0],
            package[1],
            original,
            build,
            ultralytics_sam.image_part,
            staged,
            predictor,
            alike={},
            repair=round_top_level,
            resizes_in_float32=True,
            shape=(1, 1),
            other_size=None,
        )

    sam = (SegmentAnything, UltralyticsSam)
    mobile = ("mobilesam-mirror", ("mobile_sam", "timm"))
    own = VARIANTS["mobile_sam"].predictor
    build = ultralytics_sam
    meta = ("segment-anything", ("segment_anything",))
    return (
        pair("sam_tiny", meta, originals.tiny, build.build_sam_tiny, sam, VARIANTS["tiny"].predictor),
        pair("mobile_sam_mini", mobile, originals.mobile_mini, build.build_mobile_sam_mini, sam, own),
        pair(
            "sam2.1_mini",
            ("sam2", ("sam2",)),
            originals.sam2_mini,
            build.build_sam2_mini,
            (Sam2, UltralyticsSam2),
            _sam2_predictor,
        ),
        pair("mobile_sam", mobile, originals.mobile, build.build_mobile_sam, sam, own),
    )


PAIRS: Dict[str, Pair] = {pair.variant: pair for pair in (*_pairs(), *_ultralytics_pairs())}
#: For the marker `variants`: which of them run in the cells of another package.
BESIDE = {name: pair.reference for name, pair in PAIRS.items() if pair.beside_original}
