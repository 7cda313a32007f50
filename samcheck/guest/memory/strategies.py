"""Strategies for when the automatic generator does not fit in memory.

https://github.com/opengeos/segment-geospatial/issues/299
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch

from ..models import precision_support, precisions
from ..models.variant import Variant
from .failures import attempt
from .headroom import SEGMENT, least
from .peak_meter import scratch_mib
from .process_memory import LIMITS, MIB, need, recover
from .retry import Retried, halved, retry

#: Points per row, points per batch, and thresholds that keep some candidates and drop others.
GRID, BATCH, SCORE, STABILITY = 8, 64, 0.75, 0.8
FEW = 8  # a batch that fits


class Unsupported(Exception):
    """A strategy cannot be tried here."""


@dataclass
class StrategyContext:
    """The inputs that strategies are tried with.

    Attributes:
        model: on the device, in float32.
        image: (H, W, 3) uint8.
        headroom: bytes that a strategy may allocate.
        metrics: measurements of the current strategy.
    """

    variant: Variant
    device: str
    model: Any
    image: np.ndarray
    headroom: int = 0
    metrics: Dict[str, float] = field(default_factory=dict)

    def generator(self, model: Any = None, **options: Any) -> Any:
        from segment_anything import SamAutomaticMaskGenerator

        arguments = {"points_per_side": GRID, "points_per_batch": BATCH, "pred_iou_thresh": SCORE}
        arguments.update(stability_score_thresh=STABILITY, **options)
        return SamAutomaticMaskGenerator(self.model if model is None else model, **arguments)

    def masks(self, image: Optional[np.ndarray] = None, model: Any = None, **options: Any) -> List[Any]:
        """Generate masks, each bool (H, W) or as run lengths."""
        picture = self.image if image is None else image
        return [record["segmentation"] for record in self.generator(model, **options).generate(picture)]


Prepared = Callable[[], List[Any]]


def _smaller_batches(context: StrategyContext) -> Prepared:
    """Halve the points per batch until they fit: a batch's memory grows with their number."""

    def run() -> List[Any]:
        done: Retried = retry(
            lambda count: context.masks(points_per_batch=count), halved(BATCH), context.device
        )
        context.metrics["points_per_batch"] = done.setting
        context.metrics["attempts"] = len(done.failures) + 1
        masks: List[Any] = done.result
        return masks

    return run


def _downscaled(context: StrategyContext) -> Prepared:
    """Use every second pixel and enlarge the masks: memory depends on the size of the original image."""
    height, width = context.image.shape[:2]

    def run() -> List[Any]:
        small = context.masks(np.ascontiguousarray(context.image[::2, ::2]))
        return [mask.repeat(2, 0).repeat(2, 1)[:height, :width] for mask in small]

    return run


def _tiles(size: int, count: int = 2, overlap: float = 0.25) -> List[Tuple[int, int]]:
    """Return start and end of `count` pieces of a line; neighbours share `overlap` of a piece."""
    piece = size / (count - (count - 1) * overlap)
    starts = [piece * (1 - overlap) * index for index in range(count)]
    return [(int(start), min(size, int(np.ceil(start + piece)))) for start in starts]


def _tiled(context: StrategyContext) -> Prepared:
    """Use a quarter of the points in each of four tiles, one after the other: other pixels, other masks."""

    def run() -> List[Any]:
        masks = []
        for top, bottom in _tiles(context.image.shape[0]):
            for left, right in _tiles(context.image.shape[1]):
                tile = np.ascontiguousarray(context.image[top:bottom, left:right])
                for mask in context.masks(tile, points_per_side=GRID // 2):
                    whole = np.zeros(context.image.shape[:2], bool)
                    whole[top:bottom, left:right] = mask
                    masks.append(whole)
        return masks

    return run


def _narrow_encoder(context: StrategyContext) -> Prepared:
    """Run the image encoder in bfloat16 or float16, if the device supports it.

    This shrinks the encoder, not the batch of float32 masks that does not fit.
    """
    for name in ("bf16", "fp16"):
        precision = precisions.PRECISIONS[name]
        if precision_support.unavailable(precision, context.device, context.model.image_encoder) is None:
            break
    else:
        raise Unsupported("neither bf16 nor fp16 on {}".format(context.device))
    narrow = precisions.apply(context.model, precision, context.device)
    for model in (narrow, context.model):  # allocations on first use are not counted
        context.variant.predictor(model).set_image(context.image)
    wide, needed = (_encoder_need(context, model) for model in (context.model, narrow))
    context.metrics["encoder_need_ratio"] = needed / wide
    if context.device == "cpu" and needed > wide:  # see the defect onednn-amx-scratchpad
        ready = context.variant.predictor(narrow)
        scratch = scratch_mib(lambda: ready.set_image(context.image))
        own = needed - scratch * MIB
        context.metrics.update(encoder_scratch_mib=scratch, encoder_own_mib=own / MIB)
        context.metrics["encoder_need_ratio"] = own / wide
    return lambda: context.masks(model=narrow)


def _encoder_need(context: StrategyContext, model: Any) -> int:
    ready = context.variant.predictor(model)
    recover(context.device)
    return need(lambda: ready.set_image(context.image), context.device)


def _remembering(encoder: Any, pixels: Any) -> Any:
    """Create a stand-in for an encoder: its features (1, C, S/16, S/16) of one image, without weights."""
    features = encoder(pixels)
    stub = torch.nn.Identity()
    stub.img_size = encoder.img_size  # SamPredictor reads it
    stub.register_forward_hook(lambda *_: features)
    return stub


def _encoder_dropped(context: StrategyContext) -> Prepared:
    """Encode, free the encoder, then decode: this frees its weights, and nothing more."""
    seen: List[Any] = []
    lean = precisions.apply(context.model, precisions.PRECISIONS["fp32"], context.device)
    hook = lean.image_encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    context.variant.predictor(lean).set_image(context.image)
    hook.remove()
    freed = sum(parameter.numel() * parameter.element_size() for parameter in lean.image_encoder.parameters())
    context.metrics["freed_mib"] = freed / MIB

    def run() -> List[Any]:
        lean.image_encoder = _remembering(lean.image_encoder, seen.pop())
        recover(context.device)
        return context.masks(model=lean)

    return run


def _little_lacking(context: StrategyContext) -> Prepared:
    """Do the same when only half of the encoder's weights is missing.

    On a GPU, a freed encoder gives back the segments that were its alone, and a limit counts nothing else.
    """
    run = _encoder_dropped(context)
    recover(context.device)
    needed = least(context.masks, context.device)  # again: the first run allocates what later ones reuse
    recover(context.device)
    missing = int(context.metrics["freed_mib"] * MIB / 2)
    if context.device == "cuda":
        missing = max(SEGMENT, missing // SEGMENT * SEGMENT)
    context.headroom = needed - missing
    with LIMITS[context.device](context.headroom):
        context.metrics["fits_without"] = float(attempt(context.masks)[1] is None)
    recover(context.device)
    return run


def _run_lengths(context: StrategyContext) -> Prepared:
    """Move the masks of small batches to the host as run lengths at once: none stays on the device."""
    return lambda: context.masks(points_per_batch=FEW, output_mode="uncompressed_rle")


def _kept_on_device(context: StrategyContext) -> Prepared:
    """Keep the logits of small batches on the device until all are done: a control, not a solution."""

    def run() -> List[Any]:
        generator = context.generator()
        ready, size = generator.predictor, context.image.shape[:2]
        ready.set_image(context.image)
        points = ready.transform.apply_coords(generator.point_grids[0] * np.array(size)[::-1], size)
        coordinates = torch.as_tensor(points, dtype=torch.float32, device=context.device)[:, None]
        labels = torch.ones((len(coordinates), 1), dtype=torch.int, device=context.device)
        batches = zip(coordinates.split(FEW), labels.split(FEW))
        kept = [ready.predict_torch(*batch, return_logits=True)[0] for batch in batches]
        return list((torch.cat(kept).flatten(0, 1) > 0).cpu().numpy())

    return run


def _cache_emptied(context: StrategyContext) -> Prepared:
    """Collect garbage and empty the cache before each image: this frees unused memory only, and the batch
    needs as much as before."""

    def run() -> List[Any]:
        recover(context.device)
        return context.masks()

    return run


STRATEGIES: Dict[str, Callable[[StrategyContext], Prepared]] = {
    "smaller-batches": _smaller_batches,
    "downscaled": _downscaled,
    "tiled": _tiled,
    "narrow-encoder": _narrow_encoder,
    "encoder-dropped": _encoder_dropped,
    "encoder-dropped-little-lacking": _little_lacking,
    "run-lengths": _run_lengths,
    "kept-on-device": _kept_on_device,
    "cache-emptied": _cache_emptied,
}
