"""Matrix files: axes, rules and cells in, a plan out.

file → declared → space → covering → ranking → planner; the only I/O is reading the file.
"""

from samcheck.cells import LeftOut
from samcheck.matrix.planner import Plan, PlannedCell, against, plan, select, shipped

__all__ = ["LeftOut", "Plan", "PlannedCell", "against", "plan", "select", "shipped"]
