"""Record A/A series: the suite's benchmarks in many fresh processes, with nothing changed between them.

    python -m tests.bench.power.record INTERPRETER CONDITION PROCESSES FILE [--load N]

INTERPRETER is a cell's; with --load N that many processes compute beside it all the while. The file is what
`nox -s power` evaluates.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
SUITE = CHECKOUT / "tests" / "suite"
#: Rounds that are kept of each process and benchmark: what the rules of others need.
KEPT = 20


def hog() -> None:
    """Compute for ever on one core."""
    while True:
        sum(range(10**6))


def one(interpreter: str, folder: Path) -> dict[str, object]:
    """What one fresh process measures."""
    journal = folder / "journal.jsonl"
    journal.unlink(missing_ok=True)
    arguments = ["-m", "pytest", "-c", str(SUITE / "pytest.ini"), str(SUITE / "test_latency.py")]
    arguments += ["-q", "-m", "fast", "-k", "tiny-fp32 or tiny-bf16", f"--samcheck-journal={journal}"]
    arguments += ["--samcheck-benchmark-seconds=1.0"]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    started = time.time()
    done = subprocess.run(
        [interpreter, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the benchmarks ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return {"started": round(started), "benchmarks": dict(measured(journal))}


def measured(journal: Path) -> list[tuple[str, dict[str, object]]]:
    processes = []
    for line in journal.read_text().splitlines():
        event = json.loads(line)
        if event["event"] != "finished" or not event["result"]["series"]:
            continue
        series = event["result"]["series"][0]
        times = series["samples"]["wall_ms"]
        kept = [times[number * len(times) // KEPT] for number in range(KEPT)] if len(times) > KEPT else times
        name = event["result"]["check"].partition("::test_")[2]
        others = series["readings"].get("others_cpu_share")
        said = {"ms": [float(f"{value:.5g}") for value in kept], "rounds": series["rounds"], "others": others}
        processes.append((name, {**said, "disturbed": bool(series["disturbed"])}))
    return processes


def machine(interpreter: str) -> dict[str, object]:
    code = (
        "import json, torch; from samcheck.guest.fingerprint import cpu_model; import os; "
        "print(json.dumps({'torch': torch.__version__, 'cpu': cpu_model(), 'cores': os.cpu_count()}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    said = subprocess.run([interpreter, "-c", code], env=environment, capture_output=True, check=True)
    return dict(json.loads(said.stdout))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("interpreter")
    parser.add_argument("condition")
    parser.add_argument("processes", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--load", type=int, default=0, metavar="N")
    options = parser.parse_args()
    hogs = [multiprocessing.Process(target=hog, daemon=True) for _ in range(options.load)]
    for process in hogs:
        process.start()
    head = {"condition": options.condition, "load": options.load, **machine(options.interpreter)}
    processes: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.processes):
            processes.append(one(options.interpreter, Path(folder)))
            options.file.write_text(json.dumps({**head, "processes": processes}) + "\n")
            print(f"{number + 1}/{options.processes}", flush=True)


if __name__ == "__main__":
    main()
