"""Matrix files: axes, rules and cells in, a plan out.

file → declared → space → covering → ranking → planner; nothing here touches anything but the file.
"""

from samcheck.cells import LeftOut
from samcheck.matrix.planner import Plan, PlannedCell, against, plan, select, shipped

__all__ = ["LeftOut", "Plan", "PlannedCell", "against", "plan", "select", "shipped"]
