"""Search for the first value of an axis at which a check's outcome changes.

candidate_values (facts → cells), boundary_search (what to try next) and observations (what a result says) are
pure; bisection runs the search to its end, check_prober runs one check in one cell, state_file keeps the
observations on disk.
"""
