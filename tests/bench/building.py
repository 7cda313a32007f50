"""What building cells costs by samcheck, and by a plain Dockerfile with one `RUN pip install` per cell.

    python -m tests.bench.building --cells 2.8.0:3.11 2.8.0:3.13 2.11.0:3.11 2.11.0:3.13

Both start cold: without images of these cells, and without the records of the build cache that this
bench or samcheck left. So samcheck's share of the build cache is emptied, which `samcheck clean
--environments` would do too; nothing else of the engine's is. Images of these cells must not be there;
layers that an image of another cell has are not built again, which makes samcheck look better than cold.
Base images are made or pulled before anything is timed, and are the same for both.

Then: the same cells again without a change, and the first cell with one changed pin. Bytes downloaded are
those that the engine's bridge sent to the builds; disk is what the engine says of image layers and of
build cache that no image shares, less what it said before. Needs Docker's default bridge `docker0` on this
machine. Nothing is asserted: this is for people who change how images are built.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Tuple

from samcheck import certificates, facts
from samcheck.cells import Cell
from samcheck.environments import base_images, docker, engine_storage
from samcheck.facts import requirements
from samcheck.facts.requirements import Requirements

DEFAULT = ["2.8.0:3.11", "2.8.0:3.13", "2.11.0:3.11", "2.11.0:3.13"]
BRIDGE = Path("/sys/class/net/docker0/statistics/tx_bytes")
LABEL, MARK = "samcheck-bench=plain", "samcheck-bench-plain"
GIB = 2**30

#: As people write it. pip comes in from outside: a base that Debian's tools made has Python alone.
PLAIN = f"""
FROM {{base}}
RUN --mount=type=bind,source=pip.whl,target=/run/pip.whl --mount=type=secret,id=ca,target=/run/ca.crt \\
    : {MARK}; set -eu; if [ -s /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \\
    python3 /run/pip.whl/pip install --quiet --no-cache-dir --break-system-packages {{pins}}
"""


@dataclass
class Cost:
    """What one step of building took."""

    seconds: float
    downloaded: int


@dataclass
class Costs:
    """What one way of building took: each cell cold, all again, the first one with another pin."""

    cold: List[Cost] = field(default_factory=list)
    again: float = 0.0
    changed: Cost = field(default_factory=lambda: Cost(0.0, 0))
    images: int = 0
    cache: int = 0
    load: List[float] = field(default_factory=list)


Build = Callable[[Cell, Requirements], None]


def timed(build: Build, cell: Cell, pins: Requirements) -> Cost:
    sent, begin = int(BRIDGE.read_text()), time.monotonic()
    build(cell, pins)
    return Cost(time.monotonic() - begin, int(BRIDGE.read_text()) - sent)


def plain(engine: docker.Docker, work: Path) -> Build:
    """Building with a Dockerfile per cell, by the same client."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(work), "pip"],
        check=True,
    )
    os.replace(next(work.glob("pip-*.whl")), work / "pip.whl")
    bundle = certificates.ca_bundle()
    secret = ["--secret", f"id=ca,src={bundle}"] if bundle else []

    def build(cell: Cell, pins: Requirements) -> None:
        base = base_images.present(engine.client, cell.python)
        assert base is not None
        recipe = PLAIN.format(base=base.image, pins=" ".join(pins.all)).lstrip()
        (work / "Dockerfile").write_text(recipe, encoding="utf-8")
        tag = f"samcheck-bench:{cell.id}"
        command = [*engine.builder.command, "--tag", tag, "--label", LABEL, *secret, str(work)]
        environment = dict(os.environ, DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="plain")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{cell.id}: {done.stderr[-2000:]}")

    return build


def by_samcheck(engine: docker.Docker, work: Path) -> Build:
    """Building as `nox -s matrix` does."""

    def build(cell: Cell, pins: Requirements) -> None:
        engine.prepare(cell, pins, work / "log")

    return build


def used(client: Any) -> tuple[int, int]:
    """Bytes of the engine's image layers, and of the build cache that no image shares."""
    usage = engine_storage.measured(client)
    cache = sum(record["Size"] for record in usage["BuildCache"] or () if not record["Shared"])
    return int(usage["LayersSize"]), cache


def forget(client: Any, cells: Iterable[Cell]) -> None:
    """Remove the images of these cells, which were not there before, and samcheck's build cache."""
    ids = {cell.id for cell in cells}
    for image in client.images.list():
        if image.labels.get("samcheck.cell") in ids or "samcheck-bench" in image.labels:
            engine_storage.remove_image(client, " ".join(image.tags) or image.id)
    marks = (engine_storage.COMMAND, re.compile(MARK))
    records = engine_storage.measured(client)["BuildCache"] or ()
    engine_storage.remove_cache(
        client, [row["ID"] for row in records if any(mark.search(row["Description"]) for mark in marks)]
    )


def measure(client: Any, build: Build, cells: Dict[Cell, Requirements], change: str) -> Costs:
    """All steps of one way, with what the engine holds more after them."""
    costs = Costs()
    layers, cache = used(client)
    for cell, pins in cells.items():
        costs.cold.append(timed(build, cell, pins))
        costs.load.append(os.getloadavg()[0])
        print(f"  {cell.id}: {costs.cold[-1].seconds:.0f} s", flush=True)
    after = used(client)
    costs.images, costs.cache = after[0] - layers, after[1] - cache
    costs.again = sum(timed(build, cell, pins).seconds for cell, pins in cells.items())
    first, pins = next(iter(cells.items()))
    costs.changed = timed(build, first, with_pin(pins, change))
    costs.load.append(os.getloadavg()[0])
    return costs


def with_pin(pins: Requirements, change: str) -> Requirements:
    """The requirements with another version of one package beside PyTorch, NumPy and SAM."""
    name = change.partition("==")[0]

    def changed(group: Tuple[str, ...]) -> Tuple[str, ...]:
        return tuple(change if pin.partition("==")[0] == name else pin for pin in group)

    new = replace(pins, tools=changed(pins.tools), export=changed(pins.export))
    assert new != pins, f"{change} is no change of {' '.join((*pins.tools, *pins.export))}"
    return new


def _cold_seconds(at: int, costs: Costs) -> float:
    return costs.cold[at].seconds


def table(cells: Dict[Cell, Requirements], ways: Dict[str, Costs]) -> List[str]:
    """The figures side by side, with the ratio of samcheck to plain where both were measured."""
    rows: Dict[str, Callable[[Costs], float]] = {
        **{f"{cell.id}, s": partial(_cold_seconds, at) for at, cell in enumerate(cells)},
        "all cold, s": lambda costs: sum(cost.seconds for cost in costs.cold),
        "all cold, GiB downloaded": lambda costs: sum(cost.downloaded for cost in costs.cold) / GIB,
        "one pin changed, s": lambda costs: costs.changed.seconds,
        "one pin changed, GiB downloaded": lambda costs: costs.changed.downloaded / GIB,
        "no change, s": lambda costs: costs.again,
        "disk of images, GiB": lambda costs: costs.images / GIB,
        "disk of build cache, GiB": lambda costs: costs.cache / GIB,
        "disk, GiB": lambda costs: (costs.images + costs.cache) / GIB,
        "load average, middle": lambda costs: sorted(costs.load)[len(costs.load) // 2],
    }
    lines = [f"{'':36}" + "".join(f"{way:>12}" for way in ways) + f"{'ratio':>9}"]
    for title, figure in rows.items():
        values = [figure(costs) for costs in ways.values()]
        ratio = f"{values[1] / values[0]:9.2f}" if len(values) == 2 and values[0] else ""
        lines.append(f"{title:36}" + "".join(f"{value:12.2f}" for value in values) + ratio)
    return lines


def cell_of(text: str) -> Cell:
    torch, _, python = text.partition(":")
    release = facts.load().release(torch)
    assert release is not None, f"{torch} is not among the facts"
    return Cell(torch, release.default_build.tag, python)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cells", nargs="+", default=DEFAULT, metavar="TORCH:PYTHON")
    parser.add_argument("--ways", nargs="+", default=["plain", "samcheck"], choices=["plain", "samcheck"])
    parser.add_argument(
        "--change", default="pytest==9.1.1", help="the pin that changes; default: %(default)s"
    )
    options = parser.parse_args()
    cells = {cell_of(text): requirements.resolve(cell_of(text), facts.load()) for text in options.cells}
    engine = docker.open_environment()
    there = {item.cell for item in engine_storage.look(engine.client)} & {cell.id for cell in cells}
    if there:
        sys.exit(f"images of {', '.join(there)} are there, so that would not be cold: remove them first")
    ways: Dict[str, Costs] = {}
    with tempfile.TemporaryDirectory(prefix="samcheck-bench-") as work:
        for cell in cells:
            base_images.obtain(engine.client, cell.python, Path(work) / "log")
        for way in options.ways:
            print(way, flush=True)
            forget(engine.client, cells)
            build = (plain if way == "plain" else by_samcheck)(engine, Path(work))
            try:
                ways[way] = measure(engine.client, build, cells, options.change)
            finally:
                forget(engine.client, cells)
            print("\n".join(table(cells, ways)), flush=True)


if __name__ == "__main__":
    main()
