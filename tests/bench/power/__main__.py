"""How often does samcheck raise a false alarm and see a slowdown, and what do others on the same samples?

    python -m tests.bench.power [--series FILE ...] [--output FOLDER]

Reads A/A series, in which nothing changed: of single processes (`record.py`, `windows.py`), and of pairs that
took turns (`record_turns.py`, `in_turns.py`). Slowdowns are injected by making every sample of one benchmark
of the new run longer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from tests.bench.power import in_turns, windows
from tests.bench.power.peers import PEERS, Peer
from tests.bench.power.text import markdown

FOLDER = Path(__file__).parent / "series"
RESULTS = Path(__file__).resolve().parents[3] / "results" / "power"
SIZES = (0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.30)

Series = windows.Series | in_turns.Series
Table = windows.Table | in_turns.Table


def read(path: Path) -> Series:
    return in_turns.read(path) if "pairs" in json.loads(path.read_text()) else windows.read(path)


def evaluate(series: Series, step: int) -> dict[str, object]:
    """False alarms and detections of samcheck and of its peers on one series."""
    tables: list[Table] = [*series.tables()]
    wrong = [set(table.judged().values()) & {"regressed", "improved"} for table in tables]
    ours = sum(map(bool, wrong)) / len(tables)
    some = tables[::step]
    return {
        "condition": series.condition,
        "torch": series.torch,
        "cpu": series.cpu,
        "size": series.size,
        "tables": len(tables),
        "disturbed": round(series.disturbed, 3),
        "spread": round(series.spread, 4),
        "rule": series.rule,
        "samcheck": {"false alarms": round(ours, 4), "detected": _detected(some)},
        "peers": {peer.name: _peer(peer, tables, some, ours) for peer in PEERS},
    }


def _detected(tables: Sequence[Table]) -> dict[str, object]:
    """Share of injected slowdowns by what they are called."""
    shares: dict[str, object] = {}
    for size in SIZES:
        words = [table.slower(name, size).judged()[name] for table in tables for name in table.names]
        shares[f"{size:.0%}"] = {
            word: round(words.count(word) / len(words), 3) for word in ("regressed", "ambiguous", "unchanged")
        }
    return shares


def _peer(peer: Peer, tables: Sequence[Table], some: Sequence[Table], ours: float) -> dict[str, object]:
    """The same for a peer, as it is and at samcheck's rate of false alarms, or 1 % if that is less."""
    worst = sorted(_largest(peer, table) for table in tables)
    tuned = worst[min(len(worst) - 1, int(len(worst) * (1 - max(ours, 0.01))))]
    rates: dict[str, object] = {}
    for what, limit in (("as it is", peer.limit), ("at the same false alarms", max(tuned, 0.0))):
        shares = {}
        for size in SIZES:
            hits = [
                _seen(peer, table.slower(name, size), name, limit) for table in some for name in table.names
            ]
            shares[f"{size:.0%}"] = round(sum(hits) / len(hits), 3)
        alarms = sum(growth > limit for growth in worst) / len(worst)
        rates[what] = {"limit": round(limit, 4), "false alarms": round(alarms, 4), "detected": shares}
    return rates


def _largest(peer: Peer, table: Table) -> float:
    """The largest growth that the peer takes for a difference."""
    pairs = [table.samples(name) for name in table.names]
    return max((peer.growth(*pair) for pair in pairs if peer.different(*pair)), default=0.0)


def _seen(peer: Peer, table: Table, name: str, limit: float) -> bool:
    return peer.alarms(*table.samples(name), limit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.power", description=__doc__)
    parser.add_argument("--series", type=Path, nargs="*", default=sorted(FOLDER.glob("*.json")))
    parser.add_argument("--output", type=Path, default=RESULTS, help="write README.md and power.json here")
    parser.add_argument("--step", type=int, default=7, help="every so many tables get injected slowdowns")
    options = parser.parse_args()
    evaluated = [evaluate(read(path), options.step) for path in options.series]
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "power.json").write_text(json.dumps(evaluated, indent=1) + "\n")
    text = markdown(evaluated)
    (options.output / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
