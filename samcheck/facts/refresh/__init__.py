"""Updates of the facts from the configured package index."""
