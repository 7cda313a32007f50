"""Search for the first value of an axis at which a check's outcome changes.

candidate_values (facts → cells), boundary_search (what to try next) and observations (what a result says) are
pure; bisection runs the search to its end, check_prober runs one check in one cell, state_file keeps the
observations on disk.

package_search finds which of the packages that differ between two environments are to blame: a bisection
after another, each over a chain of environments that mixed_environments makes.
"""
