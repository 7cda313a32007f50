"""Upstream defects that the suite knows, and watching for them."""
