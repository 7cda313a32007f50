"""Segment Anything as the suite uses it: variants, weights, precisions, scenes, pipelines."""
