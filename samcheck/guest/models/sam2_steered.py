"""SAM 2 steered into what its own weights rarely choose: one bias of its mask decoder is changed in place."""

from __future__ import annotations

from typing import Any

#: Far beyond any logit that a model of SAM 2 computes for a score.
_DECISIVE = 1000.0


def as_it_is(model: Any) -> None:
    """Change nothing."""


def prefer_the_last_mask(model: Any) -> None:
    """Of the three masks of an ambiguous prompt, the last one always has the highest score."""
    _raise(model.sam_mask_decoder.iou_prediction_head, -1, _DECISIVE)


def find_nothing(model: Any) -> None:
    """The object is in no frame, however it is prompted."""
    _raise(model.sam_mask_decoder.pred_obj_score_head, 0, -_DECISIVE)


def _raise(head: Any, which: int, by: float) -> None:
    """Raise one output of a perceptron."""
    import torch

    with torch.no_grad():
        head.layers[-1].bias[which] += by
