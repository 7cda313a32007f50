"""Segment Anything as the suite sees it: variants, weights, precisions, scenes, pipelines."""
