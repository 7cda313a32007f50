"""Where a ratio of two times would lie if it were measured again."""

from __future__ import annotations

from math import comb
from typing import Optional, Sequence, Tuple

#: How far the median ratio of a step to itself was from 1 in other processes, for steps of about 10 ms on two
#: busy cores.
BETWEEN_PROCESSES = 1.1
#: The probability that the median lies beyond one end of its interval.
TAIL = 0.025


def interval(ratios: Sequence[float]) -> Optional[Tuple[float, float]]:
    """Return the limits for the median of some ratios; None if there are too few of them, fewer than six.

    It is the 95 % confidence interval of the median by order statistics, which assumes nothing about their
    distribution, widened by what differs from one process to the next.
    """
    ordered, count = sorted(ratios), len(ratios)
    outside = 0  # ratios at each end that the interval can do without
    beyond = 1 / 2.0**count  # the probability that the median lies beyond the ratio after these
    if not ratios or beyond > TAIL:
        return None
    while beyond + comb(count, outside + 1) / 2.0**count <= TAIL:
        outside += 1
        beyond += comb(count, outside) / 2.0**count
    return ordered[outside] / BETWEEN_PROCESSES, ordered[count - 1 - outside] * BETWEEN_PROCESSES
