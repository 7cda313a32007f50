"""Files that one release of PyTorch writes and another reads: checkpoints, exports, quantised states.

`files/` has the files that several releases wrote with `python -m samcheck.guest.exchange FOLDER`, all from
one model whose seeded weights are the same in every environment: so each reader knows what must be in them.
"""
