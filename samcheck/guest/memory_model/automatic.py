"""Memory that the automatic mask generator holds for each batch of points, after the prediction itself."""

from __future__ import annotations

from typing import Tuple

from .decoder import Prompts, kept_low_resolution, logits, predict
from .ledger import Ledger
from .shapes import FLOAT, DecoderShape

#: Maximum number of elements that `nonzero` on CUDA supports before
#: https://github.com/pytorch/pytorch/pull/141592; `mask_to_rle_pytorch` gives it a whole batch of masks.
INT_MAX = 2**31 - 1


def generate(
    ledger: Ledger, shape: DecoderShape, prompts: Prompts, kept: float, filtered: bool = True
) -> None:
    """Follow `_process_batch` for one batch of points.

    Args:
        kept: the share of the masks that pass the thresholds, 0 to 1.
        filtered: whether there are thresholds; without them, nothing is copied.
    """
    masks = logits(prompts)
    with ledger.part("automatic generation"):
        predict(ledger, shape, prompts)
        ledger.take("low resolution", kept_low_resolution(shape, prompts))  # in an unused variable
        ledger.take("masks", masks)
        with ledger.part("choosing among the masks"):
            if filtered:
                ledger.take("kept", int(masks * kept))
        if filtered:
            ledger.take("masks", int(masks * kept))
        remaining = int(masks * kept) if filtered else masks
        with ledger.part("stability of the masks"):
            # Two sums over 0 and 1 in one byte each, which are widened to 16 bits to be summed.
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
    """Number of elements that `nonzero` receives when every mask of a batch is kept."""
    return prompts.count * prompts.masks * (prompts.size[0] * prompts.size[1] - 1)


def largest_batch_for_nonzero(size: Tuple[int, int]) -> int:
    """Largest number of points per batch whose masks `nonzero` supports, whatever the thresholds drop."""
    return INT_MAX // max(nonzero_elements(Prompts(1, size)), 1)  # one pixel has no neighbours to compare
