"""The oracle: what SAM's answer should be, computed without SAM's code and without torch.

Nothing is compared with stored floats: those rot with every release of every library below. Nothing is
compared with the package under test either: a wrong normalisation would be wrong on both sides.
"""

from .tolerances import MASK_IOU, TOLERANCES, Deviation, Tolerance, deviation, iou, relative_error

__all__ = ["MASK_IOU", "TOLERANCES", "Deviation", "Tolerance", "deviation", "iou", "relative_error"]
