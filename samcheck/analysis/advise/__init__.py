"""May this driver, PyTorch, Python or NumPy be changed? From stored results, else from facts (pure).

question → steps (cells concerned) → evidence and facts of each → verdict of each → answer → text.
A verdict is ``measured``, ``predicted`` or ``unknown``; none rests on both results and facts.
"""

from samcheck.analysis.advise.question import SUBJECTS, Question, ask
from samcheck.analysis.advise.steps import steps
from samcheck.analysis.advise.summary import Answer, answer
from samcheck.analysis.advise.verdict import Advice, advise

__all__ = ["SUBJECTS", "Advice", "Answer", "Question", "advise", "answer", "ask", "steps"]
