"""Storage: results, an index of them, and runs."""
