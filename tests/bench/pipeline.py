"""What samcheck itself costs per cell: many cells of one trivial check through the whole pipeline.

    python -m tests.bench.pipeline --cells 25 50 100 200
    python -m tests.bench.pipeline --cells 25 50 100 --containers

Each run is the real one: probe, suite, journal, result, table; in this interpreter, or in containers of a
light image. Beside it stands what the same two guests take when nobody looks after them: bare `python` and
bare `pytest`, or two bare `docker run` with the same mounts and limits. Memory is the highest that the
kernel noted for samcheck's own process. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from samcheck.environments import base_images, buildkit, docker, shell_command
from tests.container.light_image import light
from tests.processes.rig import Rig, write_suite

ROOT = Path(__file__).resolve().parents[2]
TRIVIAL = "def test_it(variant): pass\n"
BARE_REPETITIONS = 10


def highest_mib(pid: int) -> float:
    """The kernel's note of a process's highest resident memory; 0 once it has gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM")), 0.0)


def through(cells: int, image: str, folder: Path) -> tuple[float, float]:
    """Seconds and MiB of one run of so many cells."""
    rig = Rig(folder, cells=cells, image=image)
    write_suite(folder / "suite", TRIVIAL)
    begin, memory = time.monotonic(), 0.0
    samcheck = rig.start()
    while samcheck.poll() is None:
        memory = max(memory, highest_mib(samcheck.pid))
        time.sleep(0.05)
    seconds = time.monotonic() - begin
    passed = sum(result.outcome == "passed" for result in rig.results().values())
    if passed != cells:
        sys.exit(f"{passed} of {cells} cells passed: {rig.said[-1000:]}")
    return seconds, memory


def bare(image: str, folder: Path) -> float:
    """Seconds per cell of the same probe and the same check, started by nothing but a loop."""
    write_suite(folder / "suite", TRIVIAL)
    suite = "/suite" if image else f"{folder}/suite"
    guests = [
        ["-m", "samcheck.guest.fingerprint", "fingerprint.json"],
        # With a journal, or the plugin asks for PyTorch, which no guest of this bench has.
        ["-m", "pytest", "-q", "-c", f"{suite}/pytest.ini", "--samcheck-journal=journal", suite],
    ]
    begin = time.monotonic()
    for _ in range(BARE_REPETITIONS):
        for guest in guests:
            command = [sys.executable, *guest]
            if image:
                run, *others = shell_command.docker(image, guest)[1:]
                command = ["docker", run, f"--volume={folder}/suite:/suite:ro", *others]
            environment = None if image else {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return (time.monotonic() - begin) / BARE_REPETITIONS


@contextmanager
def light_image(wanted: bool, scratch: Path) -> Iterator[str]:
    """The tag of an image with pytest and no PyTorch; empty where none is wanted."""
    if not wanted:
        yield ""
        return
    engine = docker.open_environment()
    image = light(base_images.obtain(engine.client, "3.11", scratch / "base.log"))
    buildkit.build(engine.builder, image, scratch / "build.log")
    try:
        yield image.tag
    finally:
        engine.client.images.remove(image.tag, force=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cells", nargs="+", type=int, default=[25, 50, 100, 200])
    parser.add_argument("--containers", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="samcheck-pipeline-") as name:
        scratch = Path(name)
        with light_image(options.containers, scratch) as image:
            alone = bare(image, scratch / "bare")
            print(f"bare: {alone:.2f} s per cell ({BARE_REPETITIONS} repetitions)")
            print("cells  seconds  s/cell  over bare, s/cell  memory, MiB", flush=True)
            rows = []
            for cells in options.cells:
                seconds, memory = through(cells, image, scratch / str(cells))
                per_cell = seconds / cells
                print(
                    f"{cells:5} {seconds:8.1f} {per_cell:7.2f} {per_cell - alone:18.2f} {memory:12.0f}",
                    flush=True,
                )
                rows.append((cells, seconds, memory))
    if len(rows) > 1:
        cells_, seconds_, memory_ = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        growth = np.polyfit(np.log(cells_), np.log(seconds_), 1)[0]
        print(f"time grows with cells to the power of {growth:.2f}")
        print(f"memory grows by {np.polyfit(cells_, memory_, 1)[0] * 100:.1f} MiB per 100 cells")


if __name__ == "__main__":
    main()
