"""What `nox -s power` found, as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

INTRODUCTION = """\
# Can the verdicts be trusted?

Recorded series of real benchmarks in which nothing changed ([tests/bench/power](../../tests/bench/power)),
compared part by part: how many tables have any false alarm, and how often is a slowdown seen that was
injected into one benchmark? Each rule has the same samples: runs of a few fresh processes. `samcheck compare`
knows the noise from the other runs of the series; `samcheck interleave` has pairs of processes that took
turns and whose heaps keep what is freed, and knows nothing else. "At the same false alarms" means that a
peer's limit was set, in hindsight and on these very samples, so that it raises as many false alarms as
samcheck, or in 1 % of the tables if that is more. Written by `nox -s power`.
"""


def markdown(evaluated: Sequence[dict[str, Any]]) -> str:
    return "\n".join([INTRODUCTION, *(line for series in evaluated for line in _section(series))])


def _section(series: dict[str, Any]) -> Iterator[str]:
    yield f"## {series['condition'].capitalize()}"
    yield ""
    spread, disturbed = f"{series['spread']:.0%}", f"{series['disturbed']:.0%}"
    yield (
        f"PyTorch {series['torch']} on {series['cpu']}: {series['size']}, {series['tables']} tables. From "
        f"process to process a benchmark's median varied by {spread} (standard deviation); {disturbed} "
        "of the measurements were marked as disturbed, and are weighed here all the same."
    )
    yield ""
    sizes = list(series["samcheck"]["detected"])
    yield f"| rule | tables with a false alarm | {' | '.join(f'+{size} seen' for size in sizes)} |"
    yield f"| --- | ---: | {' | '.join('---:' for _ in sizes)} |"
    ours = series["samcheck"]
    for word, what in (
        ("regressed", ""),
        ("ambiguous", ": ambiguous instead"),
        ("unchanged", ": called unchanged"),
    ):
        shares = [detected[word] for detected in ours["detected"].values()]
        yield _row(f"{series['rule']}{what}", None if what else ours["false alarms"], shares)
    for name, peer in series["peers"].items():
        for what, rates in peer.items():
            limit = f", limit {rates['limit']:.1%}" if what != "as it is" else ""
            yield _row(f"{name}, {what}{limit}", rates["false alarms"], list(rates["detected"].values()))
    yield ""


def _row(name: str, alarms: float | None, shares: Sequence[float]) -> str:
    shown = "" if alarms is None else f"{alarms:.1%}"
    return f"| {name} | {shown} | {' | '.join(f'{share:.0%}' for share in shares)} |"
