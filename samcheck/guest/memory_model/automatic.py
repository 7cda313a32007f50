"""What the automatic mask generator holds in each batch of points, behind the prediction itself."""

from __future__ import annotations

from typing import Tuple

from .decoder import Prompts, logits, low_resolution, predict
from .encoder import FLOAT
from .ledger import Ledger
from .shapes import ModelShape

#: `nonzero` on CUDA takes at most so many elements before
#: https://github.com/pytorch/pytorch/pull/141592; `mask_to_rle_pytorch` gives it a whole batch of masks.
INT_MAX = 2**31 - 1


def generate(ledger: Ledger, shape: ModelShape, prompts: Prompts, kept: float, filtered: bool = True) -> None:
    """Go through `_process_batch` for one batch of points.

    Args:
        kept: the share of the masks that the thresholds leave, 0 to 1.
        filtered: whether there are thresholds; without, nothing is copied.
    """
    masks = logits(prompts)
    with ledger.part("automatic generation"):
        predict(ledger, shape, prompts)
        ledger.take("low resolution", low_resolution(shape, prompts))  # in a variable that nobody reads
        ledger.take("masks", masks)
        with ledger.part("choosing among the masks"):
            if filtered:
                ledger.take("kept", int(masks * kept))
        if filtered:
            ledger.take("masks", int(masks * kept))
        remaining = int(masks * kept) if filtered else masks
        with ledger.part("stability of the masks"):
            # Two sums over 0 and 1 in one byte each, which are made 16 bits wide to be summed.
            ledger.pass_by(remaining // FLOAT * 3)
            if filtered:
                ledger.take("kept", remaining)
        with ledger.part("thresholding the masks"):
            ledger.take("binary", remaining // FLOAT)
        ledger.take("masks", remaining // FLOAT)
        with ledger.part("run lengths of the masks"):
            ledger.take("turned", remaining // FLOAT)
            ledger.take("changes", remaining // FLOAT)


def nonzero_elements(prompts: Prompts) -> int:
    """Elements that `nonzero` gets when every mask of a batch is kept."""
    return prompts.count * prompts.masks * (prompts.size[0] * prompts.size[1] - 1)


def largest_batch_for_nonzero(size: Tuple[int, int]) -> int:
    """The most points per batch whose masks `nonzero` takes, whatever the thresholds leave."""
    return INT_MAX // max(nonzero_elements(Prompts(1, size)), 1)  # one pixel has nothing to compare
