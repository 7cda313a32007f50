"""May this driver, PyTorch, Python or NumPy be changed? From stored results, else from facts (pure).

question → steps (cells concerned) → evidence and facts of each → verdict of each → answer → text.
A verdict is ``measured``, ``predicted`` or ``unknown``; none rests on both results and facts.
"""

from samcheck.advice.question import SUBJECTS, Question, ask
from samcheck.advice.steps import steps
from samcheck.advice.summary import Answer, answer
from samcheck.advice.verdict import Advice, advise

__all__ = ["SUBJECTS", "Advice", "Answer", "Question", "advise", "answer", "ask", "steps"]
