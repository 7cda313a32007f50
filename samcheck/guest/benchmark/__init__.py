"""Time measurements, and detection of what disturbs them."""
