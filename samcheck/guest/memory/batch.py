"""A batch of prompts that does not fit, in any precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import torch

from ..models import inference, precision_support, precisions, scenes, weights
from ..models.variant import Variant
from .failures import attempt, live_tensors, new_tensors
from .process_memory import LIMITS, MIB, in_use, recover


@dataclass(frozen=True)
class Recovery:
    """Observations around one provoked allocation failure.

    Attributes:
        precision: the precision that ran.
        unsupported: why this precision cannot run here; the other fields are then empty.
        error: ``TypeName: message`` of the failure; empty when nothing failed.
        limit_mib: how much could still be allocated when the limit was set.
        wanted_mib: size of the requested masks.
        growth_mib: memory in use after the recovery minus before: allocated by tensors on a GPU,
            resident and anonymous in the process on the CPU.
        leaked_tensors: tensors that exist after the recovery but did not before.
        same_prediction: the prediction after the recovery is bit-identical to the one before.
    """

    precision: str
    unsupported: Optional[str] = None
    error: str = ""
    limit_mib: float = 0.0
    wanted_mib: float = 0.0
    growth_mib: float = 0.0
    leaked_tensors: int = 0
    same_prediction: bool = False


def many_masks(ready: Any, count: int) -> Tuple[Any, Any, Any]:
    """Predict `count` prompts in one batch, as the automatic mask generator does.

    Returns logits (count, 3, H, W), scores (count, 3) and low-resolution logits (count, 3, S/4, S/4).
    """
    size = ready.original_size
    coordinates = np.random.Generator(np.random.PCG64(0)).random((count, 1, 2)) * size[::-1]
    points = ready.transform.apply_coords(coordinates, size)
    device = ready.device
    answer: Tuple[Any, Any, Any] = ready.predict_torch(
        torch.as_tensor(points, dtype=torch.float32, device=device),
        torch.ones((count, 1), dtype=torch.int, device=device),
        multimask_output=True,
        return_logits=True,
    )
    return answer


def provoke(ready: Any, precision: str, device: str) -> Recovery:
    """Make one batch of prompts run out of memory, recover, and record the state.

    The limit allows a quarter of what the batch's masks alone need, so the failure does not depend on
    how much memory the machine has free.
    """
    scene = scenes.draw(7, 240, 320)
    prompt = inference.prompt(scene, "point")
    side = ready.model.image_encoder.img_size
    count = 64 if side >= 1024 else 512
    wanted = count * 3 * side**2 * 4

    ready.set_image(scene.image)
    many_masks(ready, 8)  # warm the allocator and the thread pool, so that they are in the baseline
    before = inference.predict(ready, prompt)
    recover(device)
    tensors, used = live_tensors(), in_use(device)
    with LIMITS[device](wanted // 4):
        failure = attempt(lambda: many_masks(ready, count))[1]
        recover(device)
        leaked = new_tensors(tensors)
        growth = in_use(device) - used
        after = inference.predict(ready, prompt)
    return Recovery(
        precision=precision,
        error=failure.error if failure else "",
        limit_mib=wanted / 4 / MIB,
        wanted_mib=wanted / MIB,
        growth_mib=growth,
        leaked_tensors=leaked,
        same_prediction=bool(
            np.array_equal(before.low_resolution, after.low_resolution)
            and np.array_equal(before.logits, after.logits)
        ),
    )


def recoveries(variant: Variant, device: str, names: Sequence[str]) -> List[Recovery]:
    """Provoke a failure in each of the precisions `names`."""
    model: Any = weights.load(variant)[0]
    rows = []
    for index, name in enumerate(names):
        precision = precisions.PRECISIONS[name]
        missing = precision_support.unavailable(precision, device)
        if missing:
            rows.append(Recovery(name, unsupported=missing))
            continue
        applied = precisions.apply(model, precision, device)
        if index == len(names) - 1:
            model = None  # 2.5 GiB for the largest variant
        rows.append(provoke(variant.predictor(applied), name, device))
        del applied
    return rows
