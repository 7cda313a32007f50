"""The oracle: SAM's expected answers, computed without SAM's code and without torch.

Nothing is compared with stored floats, which go stale with every release of every library below. Nothing is
compared with the package under test either: a wrong normalisation would be wrong on both sides.
"""

from .tolerances import MASK_IOU, TOLERANCES, Deviation, Tolerance, allowed, deviation, iou, relative_error

__all__ = [
    "MASK_IOU",
    "TOLERANCES",
    "Deviation",
    "Tolerance",
    "allowed",
    "deviation",
    "iou",
    "relative_error",
]
