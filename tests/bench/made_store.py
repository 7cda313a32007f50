"""Stores of thousands of made-up results, for benches: like real ones in size, and never twice the same.

Each is one of the committed results as another machine could have written it: of a cell and on a GPU that
do not exist, with every measured number moved a little, also those in reasons, so that nothing is smaller or
quicker than it would be because it repeats.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import msgspec

from samcheck.storage import results

CHECKOUT = Path(__file__).resolve().parents[2]
#: One in so many is a result in which hundreds of checks failed, with their tracebacks.
BAD = 20
#: Ten torches, five Pythons and two CUDA builds on each of 25 GPUs with four drivers each.
DEVICES, DRIVERS, TORCHES, PYTHONS, CUDAS = 25, 4, 10, 5, 2
_NUMBER = re.compile(r"(?<![\d.])\d+\.\d{2,}(?![\d.+])")


def originals() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The committed results of all variants in the current schema: those that passed, and the others."""
    paths = results.result_files(CHECKOUT / "results")
    stored = [msgspec.to_builtins(results.read(path)) for path in paths]
    whole = [result for result in stored if not result["variants"]]
    return (
        [result for result in whole if result["outcome"] == "passed"],
        [result for result in whole if result["outcome"] != "passed"],
    )


def generate(folder: Path, cells: int, checks: int = 0) -> int:
    """Write `cells` results of at most `checks` checks each, if that is not 0; their size in bytes."""
    good, bad = originals()
    chance, total = random.Random(1), 0
    for number in range(cells):
        kinds = bad if number % BAD == BAD - 1 else good
        result = _varied(kinds[number % len(kinds)], chance, checks)
        place = _named(result, number)
        content = msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"
        path = folder / f"{place}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        total += len(content)
    return total


def _named(result: dict[str, Any], number: int) -> str:
    """Make it the result of a machine and a cell that no other has; where it lies."""
    device, rest = f"NVIDIA made GPU {number % DEVICES}", number // DEVICES
    driver, rest = f"{500 + 5 * (rest % DRIVERS)}.10", rest // DRIVERS
    minor, rest = rest % TORCHES, rest // TORCHES
    python, rest = f"3.{9 + rest % PYTHONS}", rest // PYTHONS
    cuda, patch = f"cu12{rest % CUDAS}", rest // CUDAS
    torch = f"2.{minor}.{patch}"
    id = f"torch{torch}-{cuda}-py{python}"
    result["cell"] = {**result["cell"], "id": id, "torch": torch, "cuda": cuda, "python": python}
    month = f"2026-{1 + number % 12:02}-10T10"
    result.update(started=f"{month}:00:00+00:00", finished=f"{month}:10:{number % 60:02}+00:00")
    result["observed"] = {**result["observed"], "device": "cuda", "gpu": device, "driver": driver}
    return f"{device.lower().replace(' ', '-')}/{driver}/{id}"


def _varied(original: dict[str, Any], chance: random.Random, checks: int) -> dict[str, Any]:
    every = original["checks"]
    if checks:
        every = [every[at * len(every) // checks] for at in range(min(checks, len(every)))]
    return {**original, "checks": [_check(check, chance) for check in every]}


def _check(check: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    def moved(value: float) -> float:
        return value if value == int(value) else float(f"{value * factor:.6g}")

    factor = chance.gauss(1, 0.05)
    return {
        **check,
        "seconds": moved(check["seconds"]),
        "metrics": {name: moved(value) for name, value in check["metrics"].items()},
        "reason": _NUMBER.sub(lambda match: f"{float(match[0]) * factor:.4g}", check["reason"]),
        "series": [_series(series, chance) for series in check["series"]],
    }


def _series(series: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    samples = {
        name: [round(value * chance.gauss(1, 0.05), 6) for value in values]
        for name, values in series["samples"].items()
    }
    return {**series, "samples": samples}
