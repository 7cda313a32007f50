"""The first value of an axis with which a check goes another way.

candidate_values (facts → cells), boundary_search (what to try next) and observations (what a result says) are
pure; bisection goes on until the search is over, check_prober runs one check in one cell, state_file keeps
the observations on disk.
"""
