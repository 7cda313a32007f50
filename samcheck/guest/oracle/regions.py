"""What `min_mask_region_area` makes of a mask, and what COCO's compressed run lengths say, without libraries.

Holes and islands of fewer pixels than the limit go, joined over corners; if every island is smaller, the
largest stays: `remove_small_regions` of segment_anything/utils/amg.py in segment-anything 1.0. The text of
compressed run lengths is that of `rleToString` in common/maskApi.c of cocodataset/cocoapi.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple

import numpy as np


class Run(NamedTuple):
    """Neighbouring pixels of a row, from `start` up to but not including `stop`."""

    row: int
    start: int
    stop: int

    def touches(self, other: Run) -> bool:
        """Whether a run of a neighbouring row is joined to it, if only by a corner."""
        return self.start <= other.stop and other.start <= self.stop


Part = List[Run]


def parts(mask: np.ndarray) -> List[Part]:
    """Return the parts of a bool mask (H, W) as runs, in the order of their first pixels."""
    belongs: Dict[Run, Part] = {}
    above: List[Run] = []
    for number, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8))).tolist()
        runs = [Run(number, start, stop) for start, stop in zip(edges[::2], edges[1::2])]
        for run in runs:
            belongs[run] = [run]
            for other in filter(run.touches, above):
                _join(belongs[run], belongs[other], belongs)
        above = runs
    return list({id(part): part for part in belongs.values()}.values())


def _join(left: Part, right: Part, belongs: Dict[Run, Part]) -> None:
    """Move the runs of the smaller part to the larger one."""
    if left is right:
        return
    small, large = sorted((left, right), key=len)
    large += small
    belongs.update(dict.fromkeys(small, large))


def area(part: Part) -> int:
    return sum(run.stop - run.start for run in part)


def paint(mask: np.ndarray, part: Part) -> None:
    """Set the pixels of a part."""
    for row, start, stop in part:
        mask[row, start:stop] = True


def without_small_parts(mask: np.ndarray, limit: int) -> np.ndarray:
    """Return a bool mask (H, W) with its small holes filled, and then without its small islands."""
    filled, result = mask.copy(), np.zeros_like(mask)
    for hole in parts(~mask):
        if area(hole) < limit:
            paint(filled, hole)
    islands = parts(filled)
    for island in [each for each in islands if area(each) >= limit] or sorted(islands, key=area)[-1:]:
        paint(result, island)
    return result


def decoded(runs: Dict[str, Any]) -> np.ndarray:
    """Decode COCO's compressed run lengths to a bool mask (H, W).

    Each number is written in groups of five bits, the lowest first, each group as a character from "0" on,
    with a sixth bit for "more follows"; from the fourth on, numbers are differences to the last but one.
    """
    counts: List[int] = []
    characters = iter(runs["counts"])
    for first in characters:
        value, shift, group = 0, 0, ord(first) - 48
        while True:
            value |= (group & 31) << shift
            shift += 5
            if not group & 32:
                break
            group = ord(next(characters)) - 48
        if group & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    inside = np.arange(len(counts)) % 2 == 1
    mask: np.ndarray = np.repeat(inside, counts).reshape(runs["size"][::-1]).T
    return mask
