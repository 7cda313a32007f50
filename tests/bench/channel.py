"""What the channel between guest and host costs: checks that do nothing, reported in three ways, in turns.

    python -m tests.bench.channel --checks 600 --repetitions 7

Compared are a FIFO with the host's thread, intake and record behind it (as in a run), a plain file (nobody
listens), and, for the whole, the seconds per check. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from samcheck.environments import channel
from samcheck.run.intake import Intake
from tests.processes.rig import write_suite

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
import pytest
@pytest.mark.parametrize("n", range({}))
def test_it(n, measured): measured["x_ms"] = n
"""


def seconds(suite: Path, journal: Path) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(suite / "pytest.ini"), str(suite)]
    begin = time.monotonic()
    subprocess.run(
        [*command, f"--samcheck-journal={journal}"],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        cwd=suite,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - begin


def through_channel(suite: Path, folder: Path) -> float:
    intake = Intake()
    with (folder / "record").open("wb") as record:

        def keep(line: bytes) -> None:
            record.write(intake.take(line))
            record.flush()

        with channel.Channel(folder, keep) as heard:
            took = seconds(suite, folder / channel.NAME)
        heard.check()
    assert intake.journal.complete
    return took


def to_file(suite: Path, folder: Path) -> float:
    (folder / "plain").unlink(missing_ok=True)
    return seconds(suite, folder / "plain")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checks", type=int, default=600)
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    ways = {"channel": through_channel, "plain file": to_file}
    by_way: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="samcheck-channel-") as name:
        folder = Path(name)
        write_suite(folder / "suite", SUITE.format(options.checks))
        to_file(folder / "suite", folder)  # the first one reads the disk
        for _ in range(options.repetitions):
            for way, run in ways.items():
                by_way[way].append(run(folder / "suite", folder))
    for way, seconds in by_way.items():
        print(f"{way:12} {statistics.median(seconds):6.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})")
    pairs = [one - other for one, other in zip(*by_way.values(), strict=True)]
    low, high = min(pairs), max(pairs)
    print(
        f"the channel adds {statistics.median(pairs) / options.checks * 1e6:.0f} µs a check "
        f"({low / options.checks * 1e6:.0f} to {high / options.checks * 1e6:.0f})"
    )


if __name__ == "__main__":
    main()
