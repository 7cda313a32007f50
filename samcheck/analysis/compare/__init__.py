"""Two sets of results → what got better, got worse, or is undecided."""

from samcheck.analysis.compare.comparison import Comparison, compare
from samcheck.analysis.compare.noise import known_in
from samcheck.analysis.compare.verdicts import NumberVerdict, Verdict

__all__ = ["Comparison", "NumberVerdict", "Verdict", "compare", "known_in"]
