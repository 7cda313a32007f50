"""One run: from a plan to results and a table."""
