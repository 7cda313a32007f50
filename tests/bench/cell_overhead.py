"""What samcheck adds to one cell: against a bare `pytest` in the same image, and a bare `docker run`.

    python -m tests.bench.cell_overhead --cell 2.4.1:3.11 --repetitions 3

The bare one is `docker run IMAGE python -m pytest -m fast` on the same suite with the same mounts and
limits; its container's start is in its time, and so is samcheck's in samcheck's. Both run in turns, on a
quiet machine. The image is built before anything is timed. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from samcheck import facts
from samcheck.environments import confinement, docker, shell_command
from samcheck.facts import requirements
from tests.bench.building import cell_of

ROOT = Path(__file__).resolve().parents[2]


def timed(command: list[str]) -> float:
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}"
        )
    return time.monotonic() - begin


def by_samcheck(cell: str, results: Path) -> tuple[float, dict[str, float]]:
    """Seconds of the whole command, and of the phases that the result notes."""
    command = [sys.executable, "-m", "samcheck", "cell", cell, "--environment", "docker"]
    seconds = timed([*command, "--results", str(results)])
    (path,) = results.rglob(f"{cell}.json")
    phases: dict[str, float] = json.loads(path.read_bytes())["phases"]
    return seconds, phases


def said(title: str, seconds: list[float]) -> float:
    middle = statistics.median(seconds)
    print(f"{title:52} {middle:7.2f} s  ({', '.join(f'{figure:.2f}' for figure in seconds)})", flush=True)
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cell", default="2.4.1:3.11", metavar="TORCH:PYTHON")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    cell = cell_of(options.cell)
    engine = docker.open_environment()
    with tempfile.TemporaryDirectory(prefix="samcheck-overhead-") as name:
        scratch = Path(name)
        pins = requirements.resolve(cell, facts.load())
        place = engine.prepare(cell, pins, scratch / "build.log")
        image = place.details["image"]
        nothing = shell_command.docker(image, ["-c", "pass"])
        suite = f"{confinement.SOURCE_MOUNT}/tests/suite"
        pytest = ["-m", "pytest", "-c", f"{suite}/pytest.ini", "--rootdir", suite, suite, "-q", "-m", "fast"]
        timed(nothing)  # the first one reads the disk
        start = said("bare docker run, python -c pass", [timed(nothing) for _ in range(5)])
        bare, whole, phases = [], [], []
        for number in range(options.repetitions):
            bare.append(timed(shell_command.docker(image, pytest)))
            seconds, parts = by_samcheck(cell.id, scratch / f"results-{number}")
            whole.append(seconds)
            phases.append(parts)
        floor = said("bare docker run, pytest -m fast", bare)
        total = said("samcheck cell, from command to exit", whole)
        for phase in phases[0]:
            said(f"  of that, {phase}", [parts[phase] for parts in phases])
        print(f"samcheck adds {total - floor:.2f} s, {(total - floor) / floor:.1%} of the bare fast tier;")
        print(f"{total - floor - start:.2f} s of it beyond the start of one more container (the probe's)")


if __name__ == "__main__":
    main()
