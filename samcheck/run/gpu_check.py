"""The GPU of a cell: usable, exactly the one that was given, and the same for everything in one result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samcheck import facts, files
from samcheck.cells import Cell
from samcheck.environments import gpu_errors, gpu_health, gpu_processes, machine
from samcheck.environments.gpu_health import Health
from samcheck.errors import BadInput, Refused
from samcheck.facts import gpu_support
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import CellResult, Fingerprint
from samcheck.run.context import CellRun
from samcheck.run.scheduler import Slot
from samcheck.sanitize import printable

#: In a cell's folder: the device on which its records were made, and its counters of damage at their start.
DEVICE = "device.json"
#: What one device's processes left in a cell's folder, and where that goes once another device takes over.
RECORDS = ("output-*.log", "journal-*.jsonl", "ended-*.json", "pass-*", "again")
SET_ASIDE = "set-aside-{}"


def look(cell_run: CellRun) -> None:
    """Record which GPU the cell has and which other processes use it; from now on it is known by its UUID.

    A number is not enough: when a GPU falls off the bus, the next one gets its number.

    Raises:
        Refused: it cannot be used, or others use it and --exclusive was given.
    """
    name = cell_run.slot.gpu
    if not name:
        return
    cell_run.details["gpu"] = name
    state = gpu_health.state(name)
    if state is not None:
        in_container = cell_run.environment.kind == "docker"
        obstacle = gpu_health.obstacle(name, state, in_container)
        if obstacle:
            raise Refused(FailureCause.GPU, ": ".join(obstacle))
        cell_run.details |= {"gpu_model": state.name, **({"gpu_shared": "by MPS"} if state.shared else {})}
        cell_run.slot = Slot(state.uuid)
    _look_for_others(cell_run, name)


def _look_for_others(cell_run: CellRun, name: str) -> None:
    foreign = gpu_processes.on_gpu(name)
    if foreign is None:
        cell_run.details["foreign_processes"] = "unknown: the driver does not report them here"
    elif foreign:
        cell_run.details["foreign_processes"] = ", ".join(foreign)
    if not cell_run.settings.gates.exclusive or foreign == []:
        return
    if foreign is None:
        who = "the driver does not report which processes use it: leave out --exclusive"
        raise Refused(FailureCause.GPU, f"GPU {name}: {who}")
    raise Refused(
        FailureCause.GPU,
        f"GPU {name} is used by {', '.join(foreign)}: end them, choose another with "
        "--gpus, or leave out --exclusive",
    )


def require_for_package(cell: Cell, built: bool) -> None:
    """Require a GPU for a package that works on nothing else, before its environment is `built`.

    Raises:
        Refused: this machine has none.
    """
    known = facts.load()
    against = gpu_support.obstacles(cell, machine.look(), known) if built else ()
    without = next((obstacle for obstacle in against if obstacle.rule == "sam-gpu"), None)
    if without is not None:
        text = f"{without.text}: run this cell on a machine that has one"
        raise Refused(FailureCause.GPU, text)


def require_seen(cell_run: CellRun, observed: Fingerprint) -> None:
    """Require that PyTorch sees the cell's GPU.

    Raises:
        Refused: it sees none.
    """
    if cell_run.slot.gpu and observed.device != "cuda":
        loss = gpu_errors.lost(observed.cuda_unavailable or "")
        raise Refused(loss.cause, loss.sentence)


def difference(cell_run: CellRun, observed: Fingerprint) -> str:
    """Return how the GPU that PyTorch sees differs from the one that was given; empty if it does not."""
    model = cell_run.details.get("gpu_model", "")
    if not model or not observed.gpu or gpu_health.same_model(model, observed.gpu):
        return ""
    return f"GPU: declared {model}, observed {printable(observed.gpu)}"


def note_device(cell_run: CellRun, observed: Fingerprint) -> None:
    """Record the device that a cell runs on.

    What an earlier start measured is set aside if that was on another device, or if this one was damaged
    since: that start may have ended without another look at it.
    """
    name, path = cell_run.slot.gpu, cell_run.folder / DEVICE
    seen = {"device": observed.device, "gpu": observed.gpu, "driver": observed.driver, "name": name}
    counters = gpu_health.damage_counters(name)
    noted = _noted(path)
    if noted is not None:
        before = noted.pop("damage", {})
        damage = gpu_health.damage(before, counters)
        if noted == seen and not damage:
            counters = {**before, **counters}  # those that are not to be had now may be again
        elif set_aside(cell_run.folder):
            cell_run.details["set_aside"] = "; ".join(damage) or "an earlier start ran on another device"
    files.write_atomically(path, json.dumps({**seen, "damage": counters}).encode())


def _noted(path: Path) -> dict[str, Any] | None:
    try:
        noted = files.parsed_json(files.read(path))
    except (BadInput, ValueError):
        return None
    return noted if isinstance(noted, dict) else None


@contextmanager
def watched(*cell_runs: CellRun) -> Iterator[Health]:
    """Yield what happens to the GPU of these cells, as `gpu_health.watched` does; `judged` is to follow.

    Where an error prevents that, their records are set aside after damage, so that --resume keeps none.
    """
    name = next((cell_run.slot.gpu for cell_run in cell_runs if cell_run.slot.gpu), "")
    health = Health()
    try:
        with gpu_health.watched(name) as health:
            yield health
    except BaseException:
        for cell_run in cell_runs:
            _keep_or_set_aside(cell_run, health)
        raise


def judged(cell_run: CellRun, result: CellResult, health: Health) -> CellResult:
    """Return a cell's result in the light of what happened to its GPU; after damage nothing of it is kept."""
    if not cell_run.slot.gpu:
        return result
    _keep_or_set_aside(cell_run, health)
    return gpu_health.judged(result, health)


def _keep_or_set_aside(cell_run: CellRun, health: Health) -> None:
    """Set a cell's records aside if what they hold may be wrong."""
    if cell_run.slot.gpu and health.damage:
        set_aside(cell_run.folder)


def set_aside(folder: Path) -> bool:
    """Move a cell's records away, so that --resume measures everything again; return whether it had any."""
    records = [path for pattern in RECORDS for path in folder.glob(pattern)]
    number = len(list(folder.glob(SET_ASIDE.format("*")))) + 1
    place = folder / SET_ASIDE.format(number)
    if records:
        place.mkdir()
    for path in records:
        path.rename(place / path.name)
    return bool(records)
