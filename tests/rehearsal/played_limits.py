"""Plays the scenarios in which memory runs out on a GPU, under the limits that samcheck sets there.

Run like `fake_cuda`, as ``python -m tests.rehearsal.played_limits``; prints what happened, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch

from samcheck.guest.memory import failure_points, peaks, process_memory, strategies, strategy_comparison
from samcheck.guest.memory.failure_points import FailurePoint
from samcheck.guest.memory.failures import attempt
from samcheck.guest.memory.process_memory import MIB, PatchTarget, need
from samcheck.guest.models import variants
from tests.rehearsal import fake_cuda
from tests.rehearsal.played_card import Card, Events, plugged

TINY = variants.VARIANTS["tiny"]


@dataclass
class Recording:
    """The events of a call, and where a step of it begins and ends."""

    events: list[list[int]]
    begin: int = 0
    end: int = 0
    convolutions: list[int] = field(default_factory=list)


@cache
def recorded(
    variant: str, step: str, at_once: int, size: tuple[int, int], part: str = "", name: str = "forward"
) -> Recording:
    """Record a step on a GPU, and the first call of one of its parts."""
    model = fake_model(variant)
    blank = SimpleNamespace(draw=lambda seed, *size: SimpleNamespace(image=np.zeros((*size, 3), np.uint8)))
    with fake_cuda.gpu(), mock.patch.multiple(peaks, SIZE=size, scenes=blank):
        steps = peaks.Steps(variants.VARIANTS[variant], model, "fp32", "cuda")
        steps.large = True  # its features are then made up, and not computed
        steps.predictor  # noqa: B018
        marks: list[int] = []
        with fake_cuda.StorageRecorder(model) as recorder:
            marking = mark(model.get_submodule(part), name, recorder.events, marks)
            with marking, suppress(fake_cuda.Finished):
                getattr(steps, step)(at_once)
        begin, end = marks[:2] or (0, 0)
        return Recording(list(recorder.events), begin, end, recorder.convolutions)


@cache
def fake_model(variant: str) -> Any:
    with fake_cuda.gpu():
        return variants.VARIANTS[variant].build().to("cuda")


@contextmanager
def mark(owner: Any, name: str, events: list[Any], marks: list[int]) -> Iterator[None]:
    """Inside, note at which event a method of `owner` begins and ends."""
    original = getattr(owner, name)

    def marked(*arguments: Any, **named: Any) -> Any:
        marks.append(len(events))
        try:
            return original(*arguments, **named)
        finally:
            marks.append(len(events))

    with mock.patch.object(owner, name, marked):
        yield


def weights_of(variant: str, part: str = "") -> Events:
    model = fake_model(variant)
    return [[key, weight.nbytes] for key, weight in enumerate(model.get_submodule(part).parameters())]


@dataclass
class PlayedContext(strategies.StrategyContext):
    """Generates masks by playing what SAM takes: it encodes the image, then decodes batch by batch."""

    card: Any = None
    held: list[Any] = field(default_factory=list)

    def masks(self, image: Any = None, model: Any = None, **options: Any) -> list[Any]:
        size = (self.image if image is None else image).shape[:2]
        points = options.get("points_per_side", strategies.GRID) ** 2
        batch = min(points, options.get("points_per_batch", strategies.BATCH))
        features = self.card.tensor(TINY_FEATURES)
        if model is None:  # a model without an encoder has the features
            self.card.play_events(recorded("tiny", "encode", 1, size).events)
        for _ in range(points // batch):
            self.card.play_events(recorded("tiny", "automatic", batch, size).events)
        del features
        return [np.ones(size, bool)]


TINY_FEATURES = 128 * 16 * 16 * 4


def context_of(card: Card) -> Callable[..., PlayedContext]:
    def context(variant: Any, device: str, height: int, width: int) -> PlayedContext:
        image = np.zeros((height, width, 3), np.uint8)
        return PlayedContext(
            variant, device, None, image, card=card, held=card.play_events(weights_of("tiny"))
        )

    return context


def dropped(context: Any) -> strategies.Prepared:
    """Take the place of `_encoder_dropped` with a copy of the model whose encoder is freed."""
    others = [event for part in ("prompt_encoder", "mask_decoder") for event in weights_of("tiny", part)]
    kept = context.card.play_events([[key, size] for key, (_, size) in enumerate(others)])
    encoder = context.card.play_events(weights_of("tiny", "image_encoder"))
    context.metrics["freed_mib"] = sum(size for _, size in weights_of("tiny", "image_encoder")) / MIB

    def run() -> list[Any]:
        encoder.clear()
        process_memory.recover("cuda")
        masks: list[Any] = context.masks(model=kept)
        kept.clear()
        return masks

    return run


#: Strategies that do nothing but generate masks.
PLAYED = ("smaller-batches", "downscaled", "tiled", "encoder-dropped-little-lacking", "cache-emptied")


def in_bytes(step: Any, device: str, needed: int | None = None) -> int:
    """Take the place of `headroom.least` as it was: bytes of tensors, which a limit does not count."""
    return need(step, device) if needed is None else needed


def retries() -> dict[str, Any]:
    with plugged() as card, mock.patch.object(strategy_comparison, "_context", context_of(card)):
        ways: dict[str, Any] = asdict(strategy_comparison.retried(TINY, "cuda"))["ways"]
    return ways


def compared() -> dict[str, Any]:
    chosen = {name: strategies.STRATEGIES[name] for name in PLAYED}
    with (
        plugged() as card,
        mock.patch.multiple(strategy_comparison, _context=context_of(card), STRATEGIES=chosen),
        mock.patch.object(strategies, "_encoder_dropped", dropped),
    ):
        return asdict(strategy_comparison.compare(TINY, "cuda"))


def too_low() -> list[int]:
    """Try limits that allow one segment; return those in MiB under which it does not fit."""
    found = []
    with plugged() as card:
        for headroom in range(10 * MIB, 1000 * MIB, 2 * MIB):
            with process_memory.gpu_fraction(headroom):
                if attempt(lambda: card.tensor(headroom))[1] is not None:  # noqa: B023
                    found.append(headroom // MIB)
    return found


#: By place: the step that is recorded, how many at once, the size of the image, and the part that fails.
PLACES: dict[str, tuple[Any, ...]] = {
    "encoder": ("encode", 1, (240, 320), "image_encoder.blocks.{}.attn"),
    "prompts": ("predict", failure_points.PROMPTS, (240, 320), "mask_decoder"),
    "first-upsample": ("automatic", 16, (120, 160), "", "postprocess_masks"),
    "second-upsample": ("automatic", 1, (1600, 2400), "", "postprocess_masks"),
}
FIRST_GLOBAL = {"tiny": 1, "vit_b": 2, "vit_l": 5, "vit_h": 7}


def provoked(variant: str, place: str) -> dict[str, Any]:
    """Make a place fail; add how many tensors of its step were held then, and convolutions, also before."""
    step, at_once, size, part, *name = PLACES[place]
    recording = recorded(variant, step, at_once, size, part.format(FIRST_GLOBAL[variant]), *name)
    before = recording.events[: recording.begin]
    inside, after = recording.events[recording.begin : recording.end], recording.events[recording.end :]
    taken: list[int] = []
    reached: list[int] = []
    with plugged() as card:

        class Played:
            def step(self, held: dict[int, torch.Tensor]) -> None:
                already = len(held)
                try:
                    card.play_into(held, inside)
                except RuntimeError:
                    taken.append(len(held) - already)
                    reached.append(recording.begin + card.at)
                    raise

        played = Played()

        def call() -> str:
            held: dict[int, torch.Tensor] = {}
            card.play_into(held, before)
            played.step(held)
            card.play_into(held, after)
            return "the answer"

        nothing = lambda *_: None  # noqa: E731
        predictor = SimpleNamespace(set_image=nothing, reset_image=nothing, is_image_set=False, features=None)
        point = FailurePoint(call, PatchTarget(played, "step"), predictor)
        found = asdict(failure_points._provoke(place, point, "cuda"))
    inside_limit = range(recording.begin, reached[-1] + 1)
    convolutions = sum(at in inside_limit for at in recording.convolutions)
    return {**found, "taken": taken[-1], "convolutions": convolutions, "of": len(recording.convolutions)}


def main() -> None:
    report: dict[str, Any] = {"retry": retries(), "strategies": compared(), "too low": too_low()}
    report["places"] = {
        f"{variant} {place}": provoked(variant, place) for variant in ("tiny", "vit_b") for place in PLACES
    }
    with (
        mock.patch.object(strategy_comparison, "least", in_bytes),
        mock.patch.object(strategies, "least", in_bytes),
        mock.patch.object(strategies, "SEGMENT", 1),
        mock.patch.object(strategy_comparison, "RETRY_SIZE", {"cuda": (120, 160)}),
    ):
        report["in bytes"] = {"retry": retries(), "strategies": compared()}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
