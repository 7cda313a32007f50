"""The places where SAM runs out of memory, each provoked by a limit set when SAM reaches it.

The memory that a place needs is measured first, in the same process; the limit allows a share of it. A limit
on the whole call would only hit its largest step, which depends on sizes and batches.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np
import torch

from ..models import inference, scenes, weights
from ..models.variant import Variant
from .batch import many_masks
from .failures import Failure, attempt, live_tensors, new_tensors
from .process_memory import MIB, PatchTarget, gauged, in_use, limited, recover

PROMPTS, POINTS_PER_SIDE = 32, 4
#: Share of a step's need that the limit allows.
SHARE = 0.4
#: Twice what glibc takes from its heap instead of a mapping of its own, which a limit would refuse
#: (M_MMAP_THRESHOLD of mallopt(3)).
SMALLEST = 2 * 128 * 1024


@dataclass(frozen=True)
class FailurePoint:
    """A call that is made to fail at one place.

    Attributes:
        call: the whole call, as a user makes it; returns a digest of its answer.
        step: the part of it in which the memory runs out.
        predictor: the predictor whose state is recorded afterwards, None if there is none.
        size: (H, W) of the call's image.
        sets_image: the call sets the image itself; otherwise it needs one that is already set.
    """

    call: Callable[[], str]
    step: PatchTarget
    predictor: Any = None
    size: Tuple[int, int] = (0, 0)
    sets_image: bool = True


@dataclass(frozen=True)
class Provoked:
    """Observations around a failure at one place.

    Attributes:
        place: one of `PLACES`.
        unsupported: why the place does not exist in this model; the other fields are then empty.
        error: ``TypeName: message``; empty when nothing failed.
        failed_in: the innermost SAM function that was running.
        resizing_to: target (H, W) of the interpolation that failed, None if there was none.
        need_mib: measured need of the step, beyond what was in use when it began.
        limit_mib: what the limit allowed.
        growth_mib: memory in use after the recovery minus before.
        leaked_tensors: tensors that exist after the recovery but did not before.
        same_answer: the call's next answer equals its first one in this process.
        is_image_set: of the predictor after the failure; None if there is no predictor.
        has_features: likewise.
        original_size: likewise.
        image_size: (H, W) of the call's image.
    """

    place: str
    unsupported: Optional[str] = None
    error: str = ""
    failed_in: str = ""
    resizing_to: Optional[List[int]] = None
    need_mib: float = 0.0
    limit_mib: float = 0.0
    growth_mib: float = 0.0
    leaked_tensors: int = 0
    same_answer: bool = False
    is_image_set: Optional[bool] = None
    has_features: Optional[bool] = None
    original_size: Optional[List[int]] = None
    image_size: Optional[List[int]] = None


class NoSuchPlace(LookupError):
    """This model has no such step."""


def digest(arrays: Iterable[Any]) -> str:
    """Compute SHA-256 over the bytes of arrays and tensors."""
    summary = hashlib.sha256()
    for array in arrays:
        host = array.cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
        summary.update(np.ascontiguousarray(host).tobytes())
    return summary.hexdigest()


def digest_of_records(records: List[Dict[str, Any]]) -> str:
    """Compute SHA-256 over the automatic generator's masks, scores and boxes."""
    fields = ("segmentation", "predicted_iou", "stability_score", "bbox")
    return digest(record[field] for record in records for field in fields)


def _encoder(variant: Variant, model: Any) -> FailurePoint:
    """The matrix of a global attention: https://github.com/facebookresearch/segment-anything/issues/351"""
    blocks = getattr(model.image_encoder, "blocks", ())
    attentions = [block.attn for block in blocks if getattr(block, "window_size", 1) == 0]
    if not attentions:
        raise NoSuchPlace("the image encoder has no global attention like SAM's")
    ready, scene = variant.predictor(model), scenes.draw(7, 240, 320)
    prompt = inference.prompt(scene, "point")

    def call() -> str:
        answer = inference.segment(ready, scene, prompt)
        return digest((answer.logits, answer.low_resolution, answer.scores))

    return FailurePoint(call, PatchTarget(attentions[0], "forward"), ready, scene.image.shape[:2])


def _prompts(variant: Variant, model: Any) -> FailurePoint:
    """Many prompts at once: https://github.com/facebookresearch/segment-anything/issues/223"""
    ready, scene = variant.predictor(model), scenes.draw(7, 240, 320)
    ready.set_image(scene.image)
    step = PatchTarget(model.mask_decoder, "forward")
    call = lambda: digest(many_masks(ready, PROMPTS))  # noqa: E731
    return FailurePoint(call, step, ready, scene.image.shape[:2], sets_image=False)


def _generator(variant: Variant, model: Any, side: int = POINTS_PER_SIDE) -> Any:
    """The automatic generator with all of side x side points in one batch, keeping every mask."""
    options = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    return variant.generator(model, points_per_side=side, points_per_batch=side**2, **options)


def _generating(generator: Any, image: np.ndarray, step: PatchTarget) -> FailurePoint:
    return FailurePoint(
        lambda: digest_of_records(generator.generate(image)), step, generator.predictor, image.shape[:2]
    )


def _first_upsample(variant: Variant, model: Any) -> FailurePoint:
    """Resizing to the size of the encoder's input: 768 MiB for 64 points at size 1024.

    https://github.com/facebookresearch/segment-anything/issues/351
    """
    image = scenes.draw(7, 120, 160).image
    return _generating(_generator(variant, model), image, PatchTarget(model, "postprocess_masks"))


def _second_upsample(variant: Variant, model: Any) -> FailurePoint:
    """Resizing to the size of the original image, which matters instead of the model's:
    https://github.com/opengeos/segment-geospatial/issues/74
    """
    image = scenes.draw(7, 200, 300).image.repeat(8, 0).repeat(8, 1)  # large, so that the first one fits
    return _generating(_generator(variant, model, side=1), image, PatchTarget(model, "postprocess_masks"))


def _nonzero(variant: Variant, model: Any) -> FailurePoint:
    """Run lengths of all masks at once: https://github.com/facebookresearch/segment-anything/issues/427"""
    image, generator = scenes.draw(7, 240, 320).image, _generator(variant, model)
    module = sys.modules[type(generator).__module__]
    return _generating(generator, image, PatchTarget(module, "mask_to_rle_pytorch"))


def _loading(folder: str) -> FailurePoint:
    """SAM's own loading of a checkpoint, for a small encoder with the official decoder.

    https://github.com/facebookresearch/segment-anything/issues/174
    """
    from segment_anything.build_sam import _build_sam

    build = partial(
        _build_sam,
        encoder_embed_dim=128,
        encoder_depth=2,
        encoder_num_heads=2,
        encoder_global_attn_indexes=[1],
    )
    path = str(Path(folder, "checkpoint.pth"))
    torch.save(build().state_dict(), path)
    return FailurePoint(
        lambda: digest(build(checkpoint=path).state_dict().values()), PatchTarget(torch, "load")
    )


PLACES: Dict[str, Callable[[Variant, Any], FailurePoint]] = {
    "encoder": _encoder,
    "prompts": _prompts,
    "first-upsample": _first_upsample,
    "second-upsample": _second_upsample,
    "nonzero": _nonzero,
}
LOADING = "loading"


def provoke_at(variant: Variant, device: str, place: str) -> Provoked:
    """Make memory run out at `place`, recover, and record the state; no other place is affected."""
    if place == LOADING:
        with tempfile.TemporaryDirectory() as folder:
            return _provoke(place, _loading(folder), "cpu")  # into host memory, whatever the device
    model = weights.load(variant)[0].to(device)
    try:
        point = PLACES[place](variant, model)
    except NoSuchPlace as error:
        return Provoked(place, unsupported=str(error))
    return _provoke(place, point, device)


def _provoke(place: str, point: FailurePoint, device: str) -> Provoked:
    with gauged(point.step, device) as gauge:
        first = point.call()
    if device == "cpu" and gauge.needed < SMALLEST:
        text = "its step needs {} KiB, which the heap may have free, so that no limit stops it"
        return Provoked(place, unsupported=text.format(int(gauge.needed // 1024)))
    headroom = int(gauge.needed * SHARE)
    if place == "encoder":  # an image whose size must not be confused with that of the failing one
        point.predictor.set_image(scenes.draw(1, 120, 160).image)
    recover(device)
    tensors, used = live_tensors(), in_use(device)
    with limited(point.step, device, headroom):
        failure = attempt(point.call)[1] or Failure("", "")
    state = _state(point.predictor)
    if point.sets_image and point.predictor is not None:
        point.predictor.reset_image()  # a generator that keeps its crop is a defect with its own check
        if hasattr(point.predictor, "interm_features"):
            point.predictor.interm_features = None  # that HQ-SAM's keeps these is another one
    recover(device)
    leaked, growth = new_tensors(tensors), in_use(device) - used
    return Provoked(
        place=place,
        error=failure.error,
        failed_in=failure.place,
        resizing_to=list(failure.resizing_to) if failure.resizing_to else None,
        need_mib=gauge.needed / MIB,
        limit_mib=headroom / MIB,
        growth_mib=growth,
        leaked_tensors=leaked,
        same_answer=point.call() == first,
        image_size=list(point.size),
        **state,
    )


def _state(predictor: Any) -> Dict[str, Any]:
    """Read what a predictor holds for its image."""
    if predictor is None:
        return {}
    size = getattr(predictor, "original_size", None)
    return {
        "is_image_set": predictor.is_image_set,
        "has_features": predictor.features is not None,
        "original_size": None if size is None else list(size),
    }
