"""Which combinations of axes go with an outcome.

cases (stored results → rows) → literals (what can be said of one axis) → search (the smallest conjunctions)
→ telling (a cell that would tell equal ones apart) → groups (checks of one cause) → text; all is pure.

Decision trees (scikit-learn) and rule learners split greedily: they promise neither the smallest conjunction
nor to say that another one fits as well, which is what is asked here. The data is small enough to search all.
"""
