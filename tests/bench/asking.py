"""From how many results on is asking the index faster than loading all results? Each in a process of its own.

    python tests/bench/asking.py --cells 30,100,300,1000,3000,10000 --checks 50
    python tests/bench/asking.py --cells 100,500,2000 --checks 553

Made results, as in `scale.py`. `attribute` loads all results, `table` goes through them one at a time;
`first` is a question that makes the index, `later` the same again, `changed` after ten results were written
anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scale import CHECKOUT, generate

CHANGED = 10
MEASURED = """
import resource, sys, time
from samcheck.__main__ import main
sys.argv[1:] = {arguments!r}
begin = time.perf_counter()
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    took, busy = time.perf_counter() - begin, used.ru_utime + used.ru_stime
    print(f"{{took:.2f}} s ({{busy:.2f}} of CPU) {{used.ru_maxrss // 1024}} MiB", file=sys.stderr)
"""


def measure(arguments: list[str]) -> str:
    """Seconds, those of the CPU, and MiB of one samcheck command, imports included."""
    program = MEASURED.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()[-1]


def written_anew(root: Path) -> None:
    for path in sorted(root.glob("*/*/*.json"))[:CHANGED]:
        path.write_text(path.read_text().replace('"tier": "fast"', '"tier": "full"'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default="30,100,300,1000,3000,10000")
    parser.add_argument("--checks", type=int, default=50)
    parser.add_argument("--question", default="environments")
    given = parser.parse_args()
    print(
        "results, MiB of them: seconds and MiB of attribute | table | first | later | changed; MiB of index"
    )
    for cells in map(int, given.cells.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            root, home = Path(folder) / "results", Path(folder) / "home"
            os.environ["SAMCHECK_HOME"] = str(home)
            size = generate(root, cells, given.checks)
            time.sleep(0.2)  # what was written this moment is read twice
            asked = ["query", given.question, "--json", "--results", str(root)]
            measured = [measure(["attribute", str(root)]), measure(["table", "--results", str(root)])]
            measured += [measure(asked), measure(asked)]
            written_anew(root)
            measured.append(measure(asked))
            index = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
            print(f"{cells} results, {size / 2**20:.0f} MiB; index {index / 2**20:.1f} MiB")
            for name, told in zip(("attribute", "table", "first", "later", "changed"), measured, strict=True):
                print(f"  {name}: {told}", flush=True)


if __name__ == "__main__":
    main()
