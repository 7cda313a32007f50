"""The images of the check on fragmentation (no PyTorch is imported here)."""

from __future__ import annotations

#: Heights and widths in pixels, from a thumbnail to a photograph, in an order that leaves gaps.
SIZES = ((480, 640), (1500, 2250), (333, 1000), (1024, 1024), (2160, 3840), (96, 128), (1080, 1920))
#: Passes over all sizes. The first takes what is needed; from then on, nothing should be added.
PASSES = 3
#: Boxes in a batch: their masks at the size of the image are what differs between sizes.
BOXES = 8
#: What the last pass may add, relative to what is reserved.
GROWTH = 0.02
