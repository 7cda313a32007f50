"""Measuring times, and what disturbs them."""
