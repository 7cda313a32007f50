"""Does SAM keep tensors or arrays alive after a call?"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pytest
import torch

from samcheck.guest.models import predictor_states

GROUP = "memory"
WARM_UP, REPEATS = 3, 8

pytestmark = pytest.mark.usefixtures("quick_collections")


def tensors() -> int:
    """Count the bytes of all live tensors in this process; a view counts its own elements."""
    gc.collect()
    kinds = (torch.Tensor, torch.nn.Parameter)
    return sum(size(item) for item in gc.get_objects() if type(item) in kinds)


def size(tensor: Any) -> int:
    """Return the size in bytes; PyTorch 2.0 holds some tensors that have no type yet, and so no size."""
    try:
        return int(tensor.numel() * tensor.element_size())
    except RuntimeError:
        return 0


def arrays() -> int:
    """Count the bytes that Python and NumPy have allocated since `tracemalloc` started and still hold."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def growth(use: Callable[[], Any]) -> Tuple[int, int]:
    """Measure how many bytes tensors and arrays grow over `REPEATS` uses, once caches have warmed up."""
    tracemalloc.start()
    try:
        for _ in range(WARM_UP):
            use()
        before = tensors(), arrays()
        for _ in range(REPEATS):
            use()
        return tensors() - before[0], arrays() - before[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("use", ["image", "prompt", "automatic"])
def test_use_keeps_nothing(use: str, plain: Any, measured: Dict[str, float]) -> None:
    """Successive images, prompts on one image, and automatic masks leave no tensors or arrays behind.

    https://github.com/facebookresearch/segment-anything/issues/743
    """
    image = predictor_states.images()[0]
    ready = predictor_states.with_image(plain, image)
    automatic = predictor_states.generator(plain)
    uses: Dict[str, Callable[[], Any]] = {
        "image": lambda: ready.set_image(image),
        "prompt": lambda: predictor_states.ask(ready),
        "automatic": lambda: automatic.generate(image),
    }
    kept_tensors, kept_arrays = growth(uses[use])
    measured.update(tensors_bytes=kept_tensors, arrays_bytes=kept_arrays)
    assert kept_tensors == 0
    # The interpreter's tables grow by a few kilobytes; one answer kept per use would be far more.
    logits_bytes = np.asarray(predictor_states.ask(ready)[0]).nbytes
    assert kept_arrays < min(logits_bytes, 2**16)
