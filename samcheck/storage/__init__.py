"""What is kept: results, runs, and an index of them."""
