"""Real allocation failures: provoking them, what is left afterwards, what helps, and what leaks."""
