"""Do the times that tables show survive being measured again?

    python -m tests.bench.measured_twice FIRST SECOND

Both are folders of results of the same environments. For each time or ratio that both would show, it says
whether the number of the first lies in the interval of the second.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import geometric_mean

from samcheck import measurable
from samcheck.guest.record import CheckResult
from samcheck.storage import results

#: Device, cell, check and metric.
Name = tuple[str, str, str, str]


def shown(folder: Path) -> dict[Name, tuple[float, tuple[float, float]]]:
    """Each time that is shown of the results in a folder, with its interval."""
    stored, problems = results.load(folder)
    assert not problems, problems
    return {
        (entry.device, entry.result.cell.id, check.check, metric): (number, limits)
        for entry in stored
        for check in entry.result.checks
        for metric, number, limits in _times(check)
    }


def _times(check: CheckResult) -> Iterator[tuple[str, float, tuple[float, float]]]:
    time = measurable.step_time(check)
    if time is not None and time.limits is not None:
        yield "wall_ms", geometric_mean(measurable.process_medians(check)), time.limits
    for metric, number in check.metrics.items():
        limits = measurable.limits(check.metrics, metric)
        if limits is not None and measurable.is_measurable(*limits):
            yield metric, number, limits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    options = parser.parse_args()
    first, second = shown(options.first), shown(options.second)
    both = sorted(first.keys() & second.keys())
    outside = []
    for name in both:
        number, (low, high) = first[name][0], second[name][1]
        if not low <= number <= high:
            outside.append(name)
            print(f"{' '.join(name)}: {number:.4g}, then {low:.4g} to {high:.4g}")
    inside = len(both) - len(outside)
    print(f"{len(first)} numbers shown first, {len(second)} then, {len(both)} both times")
    if both:
        print(f"{inside} of {len(both)} ({inside / len(both):.1%}) lie in the interval of the second time")


if __name__ == "__main__":
    main()
