"""Which combinations of axes go with an outcome.

cases (stored results → rows) → literals (what can be said of one axis) → conjunction_search (the smallest
conjunctions) → distinguishing_cell (a cell that would tell equally good ones apart) → causes (checks of one
cause) → attribution_text; all is pure.

Decision trees (scikit-learn) and rule learners split greedily: they promise neither the smallest conjunction
nor to say that another one fits as well, which is what is asked here. The data is small enough to search all.
"""
