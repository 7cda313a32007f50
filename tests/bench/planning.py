"""How long planning takes, and how much memory, as the raw product of the axes grows.

    python -m tests.bench.planning

The axes are those of the facts, times some that nothing constrains. Each size runs in a process of its own,
for its peak memory. No figure is asserted anywhere: this is for people who change the planner.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from samcheck import facts
from samcheck.facts import compatibility
from samcheck.matrix import covering, pair_coverage
from samcheck.matrix.space import Space

#: How many values the free axes have.
SIZES = ((), (3,), (3, 8), (3, 8, 10), (20, 20))


def space(free: tuple[int, ...]) -> Space:
    """All values that the facts know, and free axes of these sizes."""
    world = facts.load()
    axes = {
        "torch": tuple(row.version for row in world.releases),
        "cuda": (*sorted({build.tag for row in world.releases for build in row.builds}), "cpu"),
        "python": tuple(sorted({python for row in world.releases for python in row.pythons})),
        "numpy": tuple(row.newest for row in world.numpy),
    }
    more = {f"free{at}": tuple(f"{at}.{value}" for value in range(count)) for at, count in enumerate(free)}
    return Space({**axes, **more}, compatibility.constraints(world))


def measure(free: tuple[int, ...]) -> str:
    """One line of the table."""
    start = time.perf_counter()
    here = space(free)
    rows = covering.choose(here, "pairwise")
    chosen = time.perf_counter()
    seen = pair_coverage.measure(here, rows)
    done = time.perf_counter()
    most: dict[tuple[str, str], int] = {}
    for (one, _), (other, _) in seen.covered:
        most[one, other] = most.get((one, other), 0) + 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{here.raw:>12,} {seen.possible:>7,} {len(rows):>6} {max(most.values()):>6} "
        f"{chosen - start:>8.2f} {done - chosen:>8.2f} {peak:>6.0f}"
    )


def main() -> None:
    if len(sys.argv) > 1:
        print(measure(tuple(int(size) for size in sys.argv[1].split("x") if size)))
        return
    print("combinations   pairs  cells  bound   choose  coverage  MiB  (seconds)")
    for free in SIZES:
        argument = "x".join(map(str, free)) or "x"
        subprocess.run([sys.executable, "-m", "tests.bench.planning", argument], check=True)


if __name__ == "__main__":
    main()
