"""May this driver, PyTorch, Python or NumPy be changed? From stored results, else from facts (pure).

question → cell changes (each cell concerned, before and after) → evidence and facts of each → verdict of
each → answer → text. A verdict is ``measured``, ``predicted`` or ``unknown``; none rests on both results and
facts.
"""

from samcheck.analysis.advise.cell_changes import cell_changes
from samcheck.analysis.advise.question import SUBJECTS, UpgradeQuestion, ask
from samcheck.analysis.advise.summary import UpgradeAnswer, answer
from samcheck.analysis.advise.verdict import Advice, advise

__all__ = [
    "SUBJECTS",
    "Advice",
    "UpgradeAnswer",
    "UpgradeQuestion",
    "advise",
    "answer",
    "ask",
    "cell_changes",
]
