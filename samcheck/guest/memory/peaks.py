"""Measured memory of each step of SAM, next to the estimate of `samcheck.guest.memory_model`.

On the CPU, tensor memory is what PyTorch's profiler sees its allocator give out, and process memory is the
kernel's mark of peak resident memory; on a GPU both are the caching allocator's figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np
import torch

from .. import memory_model
from ..models import precision_support, precisions, scenes, weights
from ..models.variant import Variant
from . import peak_meter
from .failures import attempt
from .process_memory import LIMITS, MIB, recover

#: Size of an image that is neither square nor small: the masks are not the smallest part.
SIZE = (480, 640)
#: Batch sizes; for the small variant large enough that its steps take more than libraries and threads do.
AT_ONCE = {"fast": {"encode": 2, "predict": 32, "automatic": 16}}
AT_ONCE["full"] = {"encode": 1, "predict": 16, "automatic": 16}
#: Number of points that the card for the search of the largest batch can hold.
CARD_POINTS = {"fast": 20, "full": 20}


@dataclass(frozen=True)
class Peak:
    """Peak memory of one step at one precision.

    Attributes:
        precision, step: what was measured.
        unsupported: why this precision cannot run here; the other fields are then empty.
        allocated_mib: by tensors at the peak, above the level before.
        held_mib: by the process at the peak, above the level before: resident on the CPU, reserved by
            the caching allocator on a GPU.
        counted_mib: the estimate of `allocated_mib` by `memory_model.needs`.
        scratch_mib: what oneDNN took as workspace for one convolution, if more was allocated than estimated.
        at: the part of SAM with the estimated peak.
        at_once: images, prompts or points in the batch.
    """

    precision: str
    step: str = ""
    unsupported: Optional[str] = None
    allocated_mib: float = 0.0
    held_mib: float = 0.0
    counted_mib: float = 0.0
    scratch_mib: float = 0.0
    at: str = ""
    at_once: int = 1


@dataclass(frozen=True)
class Largest:
    """The largest batch of points that fits a card of a certain size.

    Attributes:
        card_mib: what could be allocated beyond what was in use.
        counted, found: points per batch: by `memory_model.needs`, and by trying, with real failures.
        tries: number of batches tried.
        error: error of the smallest batch that did not fit.
    """

    card_mib: float
    counted: int
    found: int
    tries: int
    error: str


class Steps:
    """The steps of `memory_model.STEPS` after loading, on one image."""

    def __init__(self, variant: Variant, model: Any, precision: str, device: str) -> None:
        self.model, self.precision, self.device = model, precision, device
        self.shape, self.large = memory_model.ESTIMATED[variant.name], variant.tier != "fast"
        self.image = scenes.draw(7, *SIZE).image
        self.plain = variant.predictor(model)

    @cached_property
    def predictor(self) -> Any:
        """Create a predictor with the image set; for a large variant, random features save over a minute.

        Their values do not affect sizes: these steps are measured without thresholds.
        """
        if not self.large:
            self.plain.set_image(self.image)
            return self.plain
        grid = self.shape.grid
        self.plain.features = torch.randn(1, self.shape.out, grid, grid, device=self.device)
        self.plain.original_size = self.image.shape[:2]
        self.plain.input_size = self.plain.transform.apply_image(self.image).shape[:2]
        self.plain.is_image_set = True
        return self.plain

    def encode(self, images: int) -> bool:
        """Encode several images like `SamPredictor.set_torch_image`; return if all features are finite."""
        resized = self.plain.transform.apply_image(self.image)
        pixels = torch.as_tensor(resized, device=self.device).permute(2, 0, 1).repeat(images, 1, 1, 1)
        features = self.model.image_encoder(self.model.preprocess(pixels))
        return bool(torch.isfinite(features).all())

    def predict(self, prompts: int) -> None:
        """Predict with one point and three masks each, as logits."""
        points = torch.rand(prompts, 1, 2, device=self.device) * self.shape.side
        labels = torch.ones(prompts, 1, dtype=torch.int, device=self.device)
        self.predictor.predict_torch(points, labels, multimask_output=True, return_logits=True)

    def automatic(self, points: int) -> None:
        """Run one batch of the automatic generator, without thresholds, so that every mask is kept."""
        from segment_anything import SamAutomaticMaskGenerator

        generator = SamAutomaticMaskGenerator(self.model, pred_iou_thresh=0.0, stability_score_thresh=0.0)
        generator.predictor = self.predictor
        height, width = SIZE
        where = np.random.default_rng(0).random((points, 2)) * (width, height)
        generator._process_batch(where, SIZE, [0, 0, width, height], SIZE)

    def counted(self, step: str, at_once: int) -> memory_model.MemoryRequirement:
        """Estimate the step's memory from the shapes."""
        work = memory_model.Work(
            SIZE,
            prompts=at_once,
            points_per_batch=at_once,
            images=at_once,
            filtered=False,
            copying_resize=self.device == "cpu" and resizing_copies(),
        )
        requirements = memory_model.needs(self.shape, self.precision, self.device, work)
        return next(need for need in requirements if need.step == step)

    def allowance(self, step: str, at_once: int) -> int:
        """Estimate the bytes that a limit must allow for the step; a limit on a GPU counts whole segments."""
        need = self.counted(step, at_once)
        return need.least_headroom if self.device == "cuda" else need.growth

    def measured(self, step: str, at_once: int) -> Peak:
        run: Callable[[int], Any] = getattr(self, step)
        work, need = partial(run, at_once), self.counted(step, at_once)
        if self.large and step == "encode":
            allocated, held = peak_meter.together(work, self.device)
        else:
            run(1)  # threads, libraries and their tables, which are not small compared with a small step
            allocated, held = peak_meter.tensors(work, self.device), peak_meter.process(work, self.device)
        counted, scratch = need.growth / MIB, 0.0
        if self.device == "cpu" and step == "encode" and allocated > counted:
            scratch = peak_meter.scratch_mib(work)
        return Peak(
            self.precision,
            step,
            allocated_mib=allocated,
            held_mib=held,
            counted_mib=counted,
            scratch_mib=scratch,
            at=need.at,
            at_once=at_once,
        )


def resizing_copies() -> bool:
    """Whether the CPU's resizing copies (`memory_model.Prompts.copied`)."""
    return torch.get_num_threads() == 1 and int(torch.__version__.partition(".")[0]) >= 2


def peaks(variant: Variant, device: str, wanted: Sequence[str]) -> List[Peak]:
    """Measure the encoder in every wanted precision; in fp32 also the other steps, which always use fp32."""
    rows = [
        Peak(name, unsupported=precision_support.unavailable(precisions.PRECISIONS[name], device))
        for name in wanted
    ]
    if all(row.unsupported for row in rows):
        return rows  # loading the largest variant takes long
    model, rows = weights.load(variant)[0], []
    for name in wanted:
        missing = precision_support.unavailable(precisions.PRECISIONS[name], device, model.image_encoder)
        if missing:
            rows.append(Peak(name, unsupported=missing))
            continue
        steps = Steps(variant, precisions.apply(model, precisions.PRECISIONS[name], device), name, device)
        rows += [
            steps.measured(step, count)
            for step, count in AT_ONCE[variant.tier].items()
            if step == "encode" or name == "fp32"
        ]
    return rows


def largest(variant: Variant, device: str) -> Largest:
    """Find the largest batch of points on a card that holds `CARD_POINTS` points by the estimate.

    It bisects between a quarter below and a quarter above; a result outside that range ends at its bounds.
    """
    model = precisions.apply(weights.load(variant)[0], precisions.PRECISIONS["fp32"], device)
    steps = Steps(variant, model, "fp32", device)
    counted = CARD_POINTS[variant.tier]
    card = steps.allowance("automatic", counted)
    steps.automatic(2)  # threads and libraries are not the card's
    errors: Dict[int, str] = {}
    low, high = counted - counted // 4, counted + counted // 4
    tries = 0
    while low < high:
        middle, tries = (low + high + 1) // 2, tries + 1
        recover(device)
        with LIMITS[device](card):
            failure = attempt(partial(steps.automatic, middle))[1]
        if failure is None:
            low = middle
        else:
            high, errors[middle] = middle - 1, failure.error
    return Largest(card / MIB, counted, low, tries, errors.get(low + 1, ""))
