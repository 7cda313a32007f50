"""How long reports of many results take, and how much memory: made results, in processes of their own.

    python -m tests.bench.scale --cells 300,1000,3000
    python -m tests.bench.scale --cells 10000 --reports table,html,json

The results are of realistic size (`made_store`), 10,000 of them 2.5 GB. Disk caches are warm.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import made_store

REPORTS = "table,html,json,csv,junit"
MEASURED = """
import resource, sys, time
begin = time.perf_counter()
from samcheck.__main__ import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.perf_counter() - begin, used.ru_utime + used.ru_stime
    print(*seconds, used.ru_maxrss // 1024, file=sys.stderr)
"""


def measure(arguments: list[str]) -> tuple[float, float, int]:
    """Seconds, those of the processor, and peak MiB of one samcheck command in a process of its own."""
    program = MEASURED.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=made_store.CHECKOUT, capture_output=True, text=True, check=True
    )
    seconds, busy, peak = done.stderr.split()[-3:]
    return float(seconds), float(busy), int(peak)


def arguments(report: str, folder: Path, output: Path) -> list[str]:
    if report == "table":
        return ["table", "--results", str(folder)]
    if report == "html":
        return ["html", str(folder), "--output", str(output)]
    return ["export", "--format", report, "-o", str(output), "--results", str(folder)]


def measured(folder: Path, cells: int, reports: str) -> None:
    for path in folder.glob("*/*/*.json"):
        path.read_bytes()  # warm caches
    output = folder / "written"
    for report in reports.split(","):
        seconds, busy, peak = measure(arguments(report, folder, output))
        size = (folder / "README.md" if report == "table" else output).stat().st_size / 2**20
        of_cpu = f"{busy:.1f} s of CPU, {1000 * busy / cells:.2f} ms a result"
        print(f"  {report}: {seconds:.1f} s ({of_cpu}), {peak} MiB; writes {size:.1f} MiB", flush=True)
        output.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default="300,1000")
    parser.add_argument("--checks", type=int, default=0, help="at most so many a result; default: all")
    parser.add_argument("--reports", default=REPORTS)
    parser.add_argument("--keep", type=Path, help="use the results in this folder, or make them there")
    given = parser.parse_args()
    for cells in map(int, given.cells.split(",")):
        with tempfile.TemporaryDirectory() as temporary:
            folder = given.keep or Path(temporary)
            begin = time.perf_counter()
            if not any(folder.glob("*/*/*.json")):
                size = made_store.generate(folder, cells, given.checks)
                print(f"{cells} results, {size / 2**20:.0f} MiB, made in {time.perf_counter() - begin:.0f} s")
            measured(folder, cells, given.reports)


if __name__ == "__main__":
    main()
