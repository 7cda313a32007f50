"""Estimate of each step's memory, and of where its peak is, from variant, precision and workload."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Dict, Iterator, List, Sequence, Tuple

from .allocator import ROUND, CachingAllocator, OutOfMemory
from .automatic import generate
from .decoder import Prompts, input_size, predict
from .encoder import Computing, encode
from .followed_video import FollowedVideo, follow
from .hiera import encode_hiera
from .hiera_shapes import HieraShape
from .ledger import Event, Ledger
from .mobile_encoder import TinyVitShape, encode_tiny_vit
from .shapes import FLOAT, DecoderShape, ModelShape

#: What a process takes of a GPU beside its tensors, for CUDA's context and loaded kernels: 0.3 to 0.6 GiB by
#: reports. The suite holds it to what a GPU's driver counts.
CONTEXT_MIB = 600
STEPS = ("load", "encode", "predict", "automatic")
#: Of families that follow objects through a video.
VIDEO = "video"

_FULL, _HALF = Computing(FLOAT, FLOAT), Computing(2, 2)
_AUTOCAST_ON_CPU = Computing(2, FLOAT, cast=True)
_AUTOCAST_ON_CUDA = {
    "autocast-fp16": Computing(2, FLOAT, cast=True, wide_softmax=True, fused_softmax=True, wide_norm=True),
    "autocast-bf16": Computing(2, FLOAT, cast=True, wide_softmax=True, wide_norm=True),
}
#: The encoder's data types and bytes per weight, on the safe path of a precision.
_ENCODERS: Dict[str, Tuple[Computing, int]] = {
    "fp32": (_FULL, FLOAT),
    "tf32": (_FULL, FLOAT),
    "fp16": (_HALF, 2),
    "bf16": (_HALF, 2),
    "int8-dynamic": (_FULL, 1),
}


@dataclass(frozen=True)
class Work:
    """The workload.

    Attributes:
        size: height and width of the original image in pixels.
        prompts: number of prompts in one batch of `predict_torch`.
        points_per_batch: option of the automatic mask generator.
        images: number of images encoded at once.
        kept: the share of the automatic generator's masks that pass its thresholds; 1 is the worst case.
        filtered: whether it has thresholds.
        copying_resize: whether resizing copies its input and output (`Prompts.copied`).
        frames, objects: of a video, whose frames have `size`.
        video_on_host, state_on_host: whether the host keeps its pixels, and what is known of the objects.
    """

    size: Tuple[int, int]
    prompts: int = 1
    points_per_batch: int = 64
    images: int = 1
    kept: float = 1.0
    filtered: bool = True
    copying_resize: bool = False
    frames: int = 1
    objects: int = 1
    video_on_host: bool = False
    state_on_host: bool = False


@dataclass(frozen=True)
class MemoryRequirement:
    """The memory that one step needs.

    Attributes:
        step: one of `STEPS`, or `VIDEO`.
        weights: bytes that the model always holds: its parameters, and tables that it keeps.
        growth: additional bytes at the peak of the step.
        at: the part of SAM where the peak is.
        trace: the tensors that are taken and given back: first the model's, then the step's.
    """

    step: str
    weights: int
    growth: int
    at: str
    trace: Tuple[Event, ...] = field(default=(), repr=False, compare=False)

    @property
    def peak(self) -> int:
        return self.weights + self.growth

    @cached_property
    def reserved(self) -> int:
        """The most bytes that PyTorch's caching allocator reserves on a GPU without a limit."""
        return CachingAllocator().play(self.trace).peak

    def fits(self, limit: int) -> bool:
        """Whether the caching allocator can serve the step with `limit` bytes."""
        return self.reserved <= limit or _can_serve(self.trace, limit)

    @property
    def least_headroom(self) -> int:
        """The fewest bytes in segments with which the allocator can serve the step beside the model."""
        step = [event for event in self.trace if event.key >= 0]
        low, high = 0, CachingAllocator().play(step).peak // ROUND
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if _can_serve(step, middle * ROUND) else (middle + 1, high)
        return low * ROUND


def _can_serve(trace: Sequence[Event], limit: int) -> bool:
    try:
        CachingAllocator(limit).play(trace)
    except OutOfMemory:
        return False
    return True


def weights(shape: DecoderShape, precision: str) -> int:
    """Bytes that the model holds on the safe path of `precision`; only the encoder is narrower."""
    return sum(event.size for event in _weight_events(shape, precision))


def _encoder_width(precision: str) -> int:
    """Bytes per weight of the encoder."""
    return FLOAT if precision.startswith("autocast") else _ENCODERS[precision][1]


def needs(shape: DecoderShape, precision: str, device: str, work: Work) -> List[MemoryRequirement]:
    """Estimate each step's memory on `device`, ``cpu`` or ``cuda``; loading always happens on the CPU.

    Only tensors are counted, not what a backend reserves for itself: the CUDA context, workspaces of cuBLAS
    and cuDNN, and what the caching allocator reserves beyond the requests.
    """
    how = _computing(precision, device)
    ledgers = {step: Ledger() for step in STEPS}
    with ledgers["load"].part("loading the checkpoint"):
        # The state dict is read while the built model is already in memory.
        ledgers["load"].take("state dict", shape.parameters * FLOAT)
    _encode(ledgers["encode"], shape, how, work)
    for step in ("predict", "automatic"):
        for number, size in enumerate(shape.features):
            ledgers[step].take("features {}".format(number), size)
    prompts = Prompts(work.prompts, work.size, copied=work.copying_resize)
    predict(ledgers["predict"], shape, prompts)
    prompts = replace(prompts, count=work.points_per_batch)
    generate(ledgers["automatic"], shape, prompts, work.kept, work.filtered)
    if isinstance(shape, HieraShape):
        video = FollowedVideo(work.frames, work.objects, work.size, work.video_on_host, work.state_on_host)
        ledgers[VIDEO] = Ledger()
        follow(ledgers[VIDEO], shape, video, how)
    at_first = {"load": shape.parameters * FLOAT}
    model, held_by_model = weights(shape, precision), tuple(_weight_events(shape, precision))
    return [
        MemoryRequirement(
            step, at_first.get(step, model), ledger.peak, ledger.at, (*held_by_model, *ledger.events)
        )
        for step, ledger in ledgers.items()
    ]


def _weight_events(shape: DecoderShape, precision: str) -> Iterator[Event]:
    """Yield the model's tensors; their keys are negative, and no step has such keys."""
    width = _encoder_width(precision)
    sizes = [size * width for size in shape.encoder_tensors] + [size * FLOAT for size in shape.other_tensors]
    for number, size in enumerate([*sizes, *shape.held]):
        yield Event(-1 - number, size)


def _computing(precision: str, device: str) -> Computing:
    if not precision.startswith("autocast"):
        return _ENCODERS[precision][0]
    return _AUTOCAST_ON_CUDA[precision] if device == "cuda" else _AUTOCAST_ON_CPU


def _encode(ledger: Ledger, shape: DecoderShape, how: Computing, work: Work) -> None:
    """Follow what a family's predictor does for an image, or the same for several images at once."""
    with ledger.part("preparing the pixels"):
        if isinstance(shape, HieraShape):  # the host resizes
            ledger.take("x", work.images * 3 * shape.side**2 * FLOAT)
            encode_hiera(ledger, shape, work.images, how)
            return
        height, width = input_size(shape, work.size)
        ledger.take("pixels", work.images * 3 * height * width)
        ledger.take("x", work.images * 3 * height * width * FLOAT)
        ledger.take("x", work.images * 3 * height * width * FLOAT)
        ledger.take("x", work.images * 3 * shape.side**2 * FLOAT)
        if isinstance(shape, ModelShape):
            encode(ledger, shape, how, work.images)
        if isinstance(shape, TinyVitShape):
            encode_tiny_vit(ledger, shape, how, work.images)
