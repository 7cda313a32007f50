"""Two sets of results → what became better, worse, or cannot be told."""

from samcheck.analysis.compare.comparison import Comparison, compare
from samcheck.analysis.compare.noise import known_in
from samcheck.analysis.compare.verdicts import VERDICTS, Verdict

__all__ = ["VERDICTS", "Comparison", "Verdict", "compare", "known_in"]
