"""The combinations of axis values that go with an outcome.

cases (stored results → rows) → literals (statements about one axis) → conjunction_search (the smallest
conjunctions) → distinguishing_cell (a cell that tells equally good ones apart) → causes (checks of one
cause) → attribution_text; all pure.

Decision trees (scikit-learn) and rule learners split greedily: they guarantee neither the smallest
conjunction nor finding all equally good ones, which is needed here. The data is small enough to search fully.
"""
