"""Does the page stay usable with 10,000 results? Makes them, makes the page, and opens it in a Chromium.

    python -m tests.bench.page_scale --cells 10000

Needs the test dependencies and a Chromium. Prints JSON: seconds, MiB, and milliseconds in the browser.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator

from tests.bench import made_store


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
    """Until the page can be used, and of each of `LOOKS`: milliseconds, and how long it computed.

    On a machine that does something else, too, the first say little.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab, asked = browser.new_page(), browser.new_browser_cdp_session()
        tab.set_default_timeout(300_000)
        begin, busy = time.perf_counter(), _busy_ms(asked)
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]")
        yield "first_ms", (round((time.perf_counter() - begin) * 1e3), round(_busy_ms(asked) - busy))
        yield "heap_mib", round(tab.evaluate("performance.memory.usedJSHeapSize") / 2**20)
        tab.evaluate(LOOK, "text=nothing-has-this")
        for name, address in LOOKS.items():
            busy = _busy_ms(asked)
            yield f"{name}_ms", (round(tab.evaluate(LOOK, address)), round(_busy_ms(asked) - busy))
        browser.close()


def _busy_ms(asked: Any) -> float:
    processes = asked.send("SystemInfo.getProcessInfo")["processInfo"]
    return 1e3 * sum(float(process["cpuTime"]) for process in processes if process["type"] == "renderer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--checks", type=int, default=0, help="At most so many a result; default: all.")
    parser.add_argument("--keep", type=Path, help="Use the results in this folder, or make them there.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.keep or Path(folder) / "results"
        if not root.exists():
            made_store.generate(root, chosen.cells, chosen.checks)
        page = Path(folder) / "page.html"
        print(json.dumps({**written(root, page), **dict(looked(page))}, indent=1))


if __name__ == "__main__":
    main()
