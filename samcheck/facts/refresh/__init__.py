"""Facts kept up: what the configured package index has and the facts do not."""
