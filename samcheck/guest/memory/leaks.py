"""Memory in use over many repetitions: whether it is flat, or how much it grows in each."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any, Callable, Dict, List

import numpy as np
import torch

from ..models import inference, scenes, weights
from ..models.variant import Variant
from .batch import many_masks
from .failures import attempt
from .process_memory import LIMITS, in_use, need, recover

#: Iterations before those that count. Building MobileSAM's many small parts, the heap settles after 20: over
#: 60 it grew by 228 KiB in the first 20, and by 40 in the rest.
WARM_UP = {"images": 5, "failures": 5, "loads": 20}
#: Prompts in the batch that fails, over and over.
PROMPTS = 8


@dataclass(frozen=True)
class Course:
    """Memory use over the iterations of a loop.

    Attributes:
        loop: one of `LOOPS`.
        iterations: number of measured iterations, after the warm-up.
        failures: number of iterations in which an allocation failed.
        slope_kib: growth per iteration: least-squares fit through the memory in use after each.
        noise_kib: standard deviation of the memory in use around that line.
        growth_kib: memory after the last iteration minus after the first.
        new_tensors: tensors alive after the last iteration but not after the first.
        kept_kib: what a control kept in each iteration, 0 for a loop that keeps nothing.
    """

    loop: str
    iterations: int
    failures: int
    slope_kib: float
    noise_kib: float
    growth_kib: float
    new_tensors: int
    kept_kib: float


@dataclass
class Loop:
    """The step of a loop, with its failure count.

    Attributes:
        step: runs one iteration; returns what a leak could keep of it.
        failures: number of failed allocations so far.
    """

    step: Callable[[Loop], Any]
    failures: int = 0


def _images(variant: Variant, device: str) -> Loop:
    """Loop over new images, with a prompt on each."""
    ready = variant.predictor(weights.load(variant)[0].to(device))
    drawn = [scenes.draw(seed, 120, 160) for seed in (1, 2)]
    turn: List[None] = []

    def step(_: Loop) -> Any:
        turn.append(None)
        scene = drawn[len(turn) % len(drawn)]
        inference.segment(ready, scene, inference.prompt(scene, "point"))
        return ready.features

    return Loop(step)


def _failures(variant: Variant, device: str) -> Loop:
    """Loop over a batch that does not fit, the recovery, and a prompt that fits."""
    ready = variant.predictor(weights.load(variant)[0].to(device))
    scene = scenes.draw(1, 120, 160)
    ready.set_image(scene.image)
    many_masks(ready, PROMPTS)
    headroom = need(lambda: many_masks(ready, PROMPTS), device) // 2

    def step(loop: Loop) -> Any:
        with LIMITS[device](headroom):
            loop.failures += attempt(lambda: many_masks(ready, PROMPTS))[1] is not None
        recover(device)
        answer = inference.predict(ready, inference.prompt(scene, "point"))
        return torch.as_tensor(answer.low_resolution, device=device).clone()

    return Loop(step)


def _loads(variant: Variant, device: str) -> Loop:
    """Loop over models that are built, filled with weights and dropped."""
    state = weights.load(variant)[0].state_dict()

    def step(_: Loop) -> Any:
        model = variant.build()
        model.load_state_dict(state)
        model.to(device)
        return max(model.mask_decoder.parameters(), key=lambda parameter: parameter.numel())

    return Loop(step)


LOOPS: Dict[str, Callable[[Variant, str], Loop]] = {"images": _images, "failures": _failures, "loads": _loads}


def course(variant: Variant, device: str, loop: str, iterations: int, leaking: bool = False) -> Course:
    """Measure memory over the iterations of a loop; a `leaking` one keeps a tensor of each."""
    running = LOOPS[loop](variant, device)
    kept: List[Any] = []

    def iterate() -> None:
        tensor = running.step(running)
        if leaking:
            kept.append(tensor)

    for _ in range(WARM_UP[loop]):
        iterate()
    kept.clear()
    running.failures = 0
    gc.collect()
    gc.freeze()  # objects that exist now need not be scanned after every iteration
    used, tensors = np.zeros(iterations), np.zeros(iterations, int)
    for at in range(iterations):
        iterate()
        recover(device)
        used[at], tensors[at] = in_use(device) * 1024, _tensors()
    line = np.polyfit(np.arange(iterations), used, 1)
    return Course(
        loop=loop,
        iterations=iterations,
        failures=running.failures,
        slope_kib=float(line[0]),
        noise_kib=float(np.std(used - np.polyval(line, np.arange(iterations)))),
        growth_kib=float(used[-1] - used[0]),
        new_tensors=int(tensors[-1] - tensors[0]),
        kept_kib=kept[0].numel() * kept[0].element_size() / 1024 if kept else 0.0,
    )


def _tensors() -> int:
    """Count the tensors that Python can reach and that were created since `gc.freeze`."""
    return sum(isinstance(item, torch.Tensor) for item in gc.get_objects())
