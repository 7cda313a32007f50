"""How long reports of many results take, and how much memory: made results, in processes of their own.

    python tests/bench/scale.py --cells 100,300,1000 --checks 546
    python tests/bench/scale.py --cells 10000 --checks 50

Each result is a copy of a real one under the id of a cell that does not exist, with its own reasons' texts
in one of ten results; with fewer checks than the real one has, every n-th is taken. Disk caches are warm.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ORIGINAL = CHECKOUT / "results/cpu-amd-epyc/none/torch2.15.0-cu132-py3.13.json"
MEASURED = """
import resource, sys, time
from samcheck.__main__ import main
begin = time.perf_counter()
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{{time.perf_counter() - begin:.2f}} {{peak}}", file=sys.stderr)
"""


def generate(folder: Path, cells: int, checks: int) -> int:
    """Write `cells` results; their size in bytes."""
    result = json.loads(ORIGINAL.read_bytes())
    every = result["checks"]
    result["checks"] = [every[number * len(every) // checks] for number in range(min(checks, len(every)))]
    total = 0
    for number in range(cells):
        axes = [number % 40, number // 40 % 12, number // 480 % 6, number // 2880]
        torch, cuda, python = f"2.{axes[0]}.1", f"cu{100 + axes[1]}", f"3.{8 + axes[2]}"
        id = f"torch{torch}-{cuda}-py{python}-numpy{axes[3]}"
        result["cell"].update(id=id, torch=torch, cuda=cuda, python=python, numpy=f"{axes[3]}")
        for check in result["checks"][:: max(1, checks // 5)] if number % 10 == 0 else ():
            check["outcome"], check["reason"] = "failed", f"RuntimeError: made up, number {number}"
        path = folder / f"device-{number % 4}" / "none" / f"{id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(result, indent=1)
        path.write_text(content)
        total += len(content)
    return total


def measure(arguments: list[str]) -> tuple[float, int]:
    """Seconds and MiB of one samcheck command in a process of its own, imports included in the memory."""
    program = MEASURED.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    seconds, peak = done.stderr.split()[-2:]
    return float(seconds), int(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default="100,300,1000")
    parser.add_argument("--checks", type=int, default=546)
    parser.add_argument("--formats", default="json,csv", help="of samcheck export")
    given = parser.parse_args()
    for cells in map(int, given.cells.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            size = generate(Path(folder), cells, given.checks)
            made = time.perf_counter() - begin
            print(f"{cells} results of {given.checks} checks, {size / 2**20:.0f} MiB, made in {made:.0f} s")
            where = ["--results", folder]
            measured = {"table": measure(["table", *where])}
            for name in given.formats.split(","):
                output = str(Path(folder) / "exported")
                measured[name] = measure(["export", "--format", name, "-o", output, *where])
            for name, (seconds, peak) in measured.items():
                print(f"  {name}: {seconds:.1f} s, {1000 * seconds / cells:.1f} ms a result, {peak} MiB")


if __name__ == "__main__":
    main()
