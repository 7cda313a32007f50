"""Does the page stay usable with 10,000 results? Makes them, makes the page, and opens it in a Chromium.

    python tests/bench/page_scale.py --cells 10000 --checks 50

Needs the test dependencies and a Chromium. Prints JSON: seconds, MiB, and milliseconds in the browser.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator

sys.path.insert(0, str(Path(__file__).parents[2]))

from samcheck import results
from samcheck.cells import Cell
from samcheck.guest import record

DEVICES, DRIVERS = (
    [f"NVIDIA made GPU {number}" for number in range(25)],
    [f"{500 + 5 * n}.10" for n in range(10)],
)
TORCHES, PYTHONS = [f"2.{minor}.{patch}" for minor in range(10) for patch in range(2)], ["3.11", "3.12"]
GROUPS = (
    "imports",
    "settings",
    "correctness",
    "dtype",
    "inputs",
    "backends",
    "state",
    "memory",
    "latency",
    "peaks",
)
OUTCOMES = ("passed",) * 14 + ("known",) * 3 + ("skipped",) * 2 + ("failed",)


def made(root: Path, cells: int, checks: int) -> None:
    """As many results of made-up machines, with numbers, reasons and tracebacks that do not repeat."""
    chance = random.Random(1)
    for number in range(cells):
        device = DEVICES[number % 25]
        driver = DRIVERS[number // 25 % 10]
        cell = Cell(TORCHES[number // 250 % 20], "cu121", PYTHONS[number // 5000 % 2])
        every = [_check(chance, at) for at in range(checks)]
        bad = "; ".join(check.check for check in every if check.outcome == "failed")
        seen = record.Fingerprint(
            python="3.11.7", implementation="CPython", platform="Linux", libc="glibc 2.36", cpu="made",
            cpu_count=8, memory_mib=64000, torch=cell.torch, device="cuda", gpu=device, driver=driver,
            packages={f"package-{at}": f"{at}.{chance.randrange(5)}" for at in range(50)},
        )  # fmt: skip
        found = record.CellResult(
            record.SCHEMA_VERSION, cell.record(()), "failed" if bad else "passed", bad,
            record.EnvironmentRecord("docker"), "fast", f"2026-{1 + number % 12:02}-10T10:00:00+00:00",
            f"2026-{1 + number % 12:02}-10T10:10:00+00:00", "0.1.0", observed=seen, checks=every,
        )  # fmt: skip
        path = results.place(root, found, "machine")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(results.to_json(found))


def _check(chance: random.Random, at: int) -> record.CheckResult:
    group, outcome = GROUPS[at % len(GROUPS)], chance.choice(OUTCOMES)
    number = chance.random()
    return record.CheckResult(
        f"test_{group}.py::test_something[tiny-fp{at}]", group, outcome, "tiny", f"fp{16 << at % 2}", "eager",
        reason="" if outcome == "passed" else f"{outcome} for reason {chance.randrange(200)}",
        defect=f"defect-{at}" if outcome == "known" else None,
        seconds=number, settings={"threads": str(at % 4)},
        metrics={"median_ms": number * 10, "mean_ms": number * 11, "stddev_ms": number, "rounds": 30.0},
        details=f"Traceback {number}\n" + "line of code\n" * 20 if outcome == "failed" else "",
    )  # fmt: skip


def written(root: Path, page: Path) -> Dict[str, float]:
    """Seconds and peak MiB of `samcheck html` in a process of its own."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "samcheck", "html", str(root), "--output", str(page)], check=True)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "made_s": round(seconds, 1),
        "made_mib": round(peak),
        "page_mib": round(page.stat().st_size / 2**20, 2),
    }


#: What a user does, as a change of the address and as what must then be there.
LOOKS = {
    "filter_outcome": "outcome=failed",
    "filter_text": "text=reason+19+latency",
    "filter_device": "device=nvidia-made-gpu-7",
    "sort_checks": "view=checks&sort=-reason",
    "sort_environments": "sort=-torch",
    "compare_devices": "view=compare&axis=device&a=nvidia-made-gpu-1&b=nvidia-made-gpu-2",
}
#: Runs what following an address runs, until that is painted.
LOOK = """async (hash) => {
    const begin = performance.now();
    history.replaceState(null, "", "#" + hash);
    dispatchEvent(new PopStateEvent("popstate"));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - begin;
}"""


def looked(page: Path) -> Iterator[Any]:
    """Milliseconds until the page can be used, and of each of `LOOKS`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page()
        begin = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]", timeout=60_000)
        yield "first_ms", round((time.perf_counter() - begin) * 1e3)
        yield "heap_mib", round(tab.evaluate("performance.memory.usedJSHeapSize") / 2**20)
        tab.evaluate(LOOK, "text=nothing-has-this")
        for name, address in LOOKS.items():
            yield f"{name}_ms", round(tab.evaluate(LOOK, address))
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--checks", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="Use the results in this folder, or make them there.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.keep or Path(folder) / "results"
        if not root.exists():
            made(root, chosen.cells, chosen.checks)
        page = Path(folder) / "page.html"
        print(json.dumps({**written(root, page), **dict(looked(page))}, indent=1))


if __name__ == "__main__":
    main()
