"""Can the driver, PyTorch, Python or NumPy be upgraded? From stored results, else from facts (pure).

question → cell changes (each affected cell, before and after) → evidence and facts for each → verdict for
each → answer → text. A verdict is ``measured``, ``predicted`` or ``unknown``; none mixes results and facts.
"""

from samcheck.analysis.advise.cell_changes import cell_changes
from samcheck.analysis.advise.question import SUBJECTS, Step, UpgradeQuestion, ask
from samcheck.analysis.advise.summary import UpgradeAnswer, answer
from samcheck.analysis.advise.verdict import Advice, advise

__all__ = [
    "SUBJECTS",
    "Advice",
    "Step",
    "UpgradeAnswer",
    "UpgradeQuestion",
    "advise",
    "answer",
    "ask",
    "cell_changes",
]
