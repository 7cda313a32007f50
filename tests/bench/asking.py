"""From how many results on is asking the index faster than loading all results? Each in a process of its own.

    python -m tests.bench.asking --cells 30,100,300,1000,3000,10000 --checks 50
    python -m tests.bench.asking --cells 50,200,2000 --checks 0

Made results of so many checks (0: all, 553 and fewer) of `made_store.py`. `attribute` loads all results,
`table` goes through them one at a time; `first` is a question that makes the index, `later` the same again,
`changed` after ten results were written anew.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests.bench.made_store import generate
from tests.bench.scale import measure

CHANGED = 10


def written_anew(root: Path) -> None:
    for path in sorted(root.glob("*/*/*.json"))[:CHANGED]:
        path.write_text(path.read_text().replace('"tier": "fast"', '"tier": "full"'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default="30,100,300,1000,3000,10000")
    parser.add_argument("--checks", type=int, default=50)
    parser.add_argument("--question", default="environments")
    given = parser.parse_args()
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
            names = ("attribute", "table", "first", "later", "changed")
            for name, (seconds, busy, peak) in zip(names, measured, strict=True):
                print(f"  {name}: {seconds:.2f} s ({busy:.2f} of CPU) {peak} MiB", flush=True)


if __name__ == "__main__":
    main()
