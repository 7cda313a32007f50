"""Real allocation failures: how to provoke them, what they leave behind, what helps, and what leaks."""
