"""Cells → shards of about equal cost (pure).

Every job of a fan-out computes the split and takes its own part, so the answer depends only on the ids and
their costs: not on their order, and not on the machine.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Mapping

from samcheck.errors import BadInput

#: Not `\d`, which matches the digits of every script; no leading zeros, so that a shard has one name.
_FORM = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


def parse(text: str) -> tuple[int, int]:
    """Parse ``"i/n"`` into its two numbers: the `i`-th of `n` shards, counted from 1.

    Raises:
        BadInput: another form, or `i` is above `n`.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadInput(f"--shard: {text!r} is not of the form i/n: write 1/4 for the first of four shards")
    index, count = int(match[1]), int(match[2])
    if index > count:
        raise BadInput(
            f"--shard: there is no shard {index} of {count}: give one from 1/{count} to {count}/{count}"
        )
    return index, count


def split(costs: Mapping[str, float], count: int) -> tuple[tuple[str, ...], ...]:
    """Split the ids in `costs` into at most `count` shards, none of them empty, each id in exactly one.

    Longest first, each to the least loaded shard: the heaviest shard then costs at most a third more than
    in an optimal split. With fewer ids than shards, there are fewer shards.

    Args:
        costs: cost of each id, all in one unit; finite and not negative.
        count: number of shards; at least 1.

    Raises:
        ValueError: a cost or the count is out of its range.
    """
    if count < 1:
        raise ValueError(f"{count} shards: at least 1")
    for id, cost in costs.items():
        if not math.isfinite(cost) or cost < 0:
            raise ValueError(f"{id} costs {cost}: finite and not negative")
    shards: list[list[str]] = [[] for _ in range(min(count, len(costs)))]
    # The number of ids comes before the shard's index, so that cells of zero cost are spread too.
    loads = [(0.0, 0, index) for index in range(len(shards))]
    for id, cost in sorted(costs.items(), key=lambda pair: (-pair[1], pair[0])):
        load, size, index = heapq.heappop(loads)
        shards[index].append(id)
        heapq.heappush(loads, (load + cost, size + 1, index))
    return tuple(tuple(sorted(shard)) for shard in shards)


def pick(costs: Mapping[str, float], shard: str) -> tuple[str, ...]:
    """Return the ids of one shard, given as ``"i/n"``; none if there are fewer than `i` cells.

    Raises:
        BadInput: `shard` is not of that form.
    """
    index, count = parse(shard)
    shards = split(costs, count)
    return shards[index - 1] if index <= len(shards) else ()
