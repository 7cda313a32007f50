"""Record an A/A series in turns: pairs of processes of one cell, as `samcheck interleave` measures two.

    python -m tests.bench.power.record_turns CELL CONDITION PAIRS FILE

What was recorded is kept in FILE.run, so that a recording that was stopped goes on. The file is what `nox -s
power` evaluates.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from samcheck import facts
from samcheck.analysis.interleave import PairedRun, run_in_turns
from samcheck.environments import choice
from samcheck.guest.record import CHECK_SECONDS, CellResult
from samcheck.matrix import PlannedCell, explain
from samcheck.run import repetitions
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates
from tests.bench.power.record import KEPT

#: As in `record.py`.
BENCHMARKS = tuple(
    f"{repetitions.MODULE}::test_{name}"
    for name in (
        *(
            f"{part}[tiny-{precision}]"
            for part in ("encoder", "decoder", "end_to_end")
            for precision in ("fp32", "bf16")
        ),
        *("decoder_many[tiny-fp32]", "cached[tiny-fp32]", "automatic[tiny-fp32]"),
    )
)


class Told:
    """Says when a process is at its first benchmark."""

    def phase(self, name: str) -> None:
        print(name, flush=True)

    def checks(self, done: int, total: int, current: str) -> None:
        if done == 0:
            print(".", end="", flush=True)

    def first_verdict(self, text: str) -> None: ...


def pairs(base: CellResult, new: CellResult) -> Iterator[dict[str, object]]:
    """Each pair of processes: by benchmark and side the rounds that are kept, and the turns, in ms."""
    sides = [
        {check.check.partition("::test_")[2]: check.series for check in side.checks} for side in (base, new)
    ]
    for number in range(min(len(series) for side in sides for series in side.values())):
        yield {
            name: {
                word: {
                    "ms": _few(side[name][number].samples["wall_ms"]),
                    "turns": _short(side[name][number].samples["turn_ms"]),
                    "disturbed": bool(side[name][number].disturbed),
                }
                for word, side in zip(("base", "new"), sides, strict=True)
            }
            for name in sides[0]
        }


def _few(times: list[float]) -> list[float]:
    return _short([times[at * len(times) // KEPT] for at in range(KEPT)] if len(times) > KEPT else times)


def _short(times: list[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in times]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cell")
    parser.add_argument("condition")
    parser.add_argument("pairs", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    cell = PlannedCell(explain.find(options.cell, facts.load()))
    chosen = choice.choose_environment("venv")
    settings = Settings(
        "fast",
        chosen.environment,
        chosen.why,
        CHECK_SECONDS,
        variants=("tiny",),
        only=BENCHMARKS,
        gates=Gates(jobs=2),
        processes=options.pairs,
        seconds=1.0,
    )
    folder = Path(f"{options.file}.run").resolve()
    for side in ("base", "new"):
        (folder / side / "work").mkdir(parents=True, exist_ok=True)
        (folder / side / "work" / "only.txt").write_text("".join(f"{check}\n" for check in BENCHMARKS))
    base, new = run_in_turns(PairedRun(settings, folder, (cell, cell)), (Told(), Told()))
    if base.outcome != "passed" or new.outcome != "passed" or base.observed is None:
        raise SystemExit(f"not measured: {base.reason or new.reason}")
    head = {"condition": options.condition, "torch": base.observed.torch, "cpu": base.observed.cpu}
    options.file.write_text(json.dumps({**head, "pairs": [*pairs(base, new)]}) + "\n")


if __name__ == "__main__":
    main()
