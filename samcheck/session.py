"""A whole run, as the list of its steps: plan, announce, run each cell, store, tabulate, exit code."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

import samcheck
from samcheck import console as display
from samcheck import (
    environments,
    facts,
    files,
    git,
    machine,
    mishaps,
    owned,
    report,
    requirements,
    results,
    runner,
    streams,
)
from samcheck.course import Course, Settings
from samcheck.environments import Environment, here, venv
from samcheck.errors import CELLS_FAILED, BadInput, BuildFailed, EnvironmentUnavailable
from samcheck.gates import side_by_side
from samcheck.guest.record import CellResult, restriction, result_name
from samcheck.matrix import LeftOut, Plan, PlannedCell
from samcheck.report.plain import visible

#: What --resume tries again: the cause may have been mended.
TRY_AGAIN = ("build-failed", "refused", "not-run")
NOT_BUILT = ("build-failed", "refused", "misbuilt", "not-run")
RUNS = environments.CHECKOUT / ".samcheck" / "runs"


@dataclass(frozen=True)
class Chosen:
    """An environment, and why it is this kind."""

    environment: Environment
    why: str


def choose_environment(kind: str, python: str = "") -> Chosen:
    """The environment of `kind`; of ``auto``, docker where an engine answers, else venv.

    Raises:
        EnvironmentUnavailable: the kind that was asked for does not work here.
    """
    if kind == "venv":
        return Chosen(venv.Venv(), "asked for with --environment")
    if kind == "here":
        return Chosen(here.Here(python or here.default_python()), "asked for with --environment")
    from samcheck.environments import docker  # slow to import, and not needed by the others

    try:
        chosen = docker.open_environment()
    except EnvironmentUnavailable as error:
        if kind == "docker":
            raise
        return Chosen(venv.Venv(), error.what)
    if kind == "docker":
        return Chosen(chosen, "asked for with --environment")
    return Chosen(chosen, f"Docker engine {chosen.client.version()['Version']} answers")


def gpus(given: str, count: int, allotted: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """The driver's numbers of the GPUs to use, from ``0,2``; when nothing is given, those that this process
    was `allotted`, else all of `count`.

    Raises:
        BadInput: not numbers, one twice, or of GPUs that are not there.
    """
    numbers = tuple(part.strip() for part in given.split(",") if part.strip())
    known = [str(number) for number in range(count)]
    wrong = [number for number in numbers if number not in known or numbers.count(number) > 1]
    if wrong:
        raise BadInput(
            f"--gpus: {wrong[0]!r} cannot be: this machine has {count} GPUs"
            + (f", {', '.join(known)}; name each once" if known else "")
        )
    return numbers or (tuple(known) if allotted is None else allotted)


def version() -> str:
    """samcheck's version, with the commit of the checkout and whether what runs was changed since."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "samcheck", "tests/suite", "dockerfiles")
    if not commit:  # carried to a machine without the repository
        return os.environ.get("SAMCHECK_VERSION") or samcheck.__version__
    return f"{samcheck.__version__}+{commit}{'.changed' if changed else ''}"


def _git(*arguments: str) -> str:
    """What git says of the checkout; nothing where there is no git, or the checkout is no repository.

    samcheck may also be installed inside of a repository of somebody else's, whose commits say nothing of it.
    """
    top = git.top_of(environments.CHECKOUT)
    if top is None or top.resolve() != environments.CHECKOUT:
        return ""
    return git.ask(environments.CHECKOUT, *arguments).stdout.decode("utf-8", "replace").strip()


def plan_here(plan: Plan, python: str) -> Plan:
    """The plan for the interpreter at hand: the one cell that it is."""
    cell = here.cell_of(python)
    mine = next((row for row in plan.cells if row.cell == cell), PlannedCell(cell))
    others = [LeftOut(row.cell.id, f"{python} is {cell.id}") for row in plan.cells if row != mine]
    return replace(plan, cells=(mine,), left_out=(*plan.left_out, *others))


@dataclass(frozen=True)
class Run:
    """A run on disk, so that another process can go on with it.

    `finished` is set once every cell could be built and the table was written.
    """

    matrix: str
    environment: str
    tier: str
    variants: tuple[str, ...]
    version: str
    cells: tuple[str, ...]
    finished: bool = False
    groups: tuple[str, ...] = ()


_RUN = TypeAdapter(Run)


def new_name() -> str:
    """Of a run that begins now."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


def open_folder(run: Run, resume: bool) -> Path:
    """A new folder for `run`, or the newest unfinished one of the same run.

    Raises:
        BadInput: there is nothing to resume.
    """
    if not resume:
        folder = RUNS / new_name()
        owned.make(folder)
        _note(folder, run)
        return folder
    for folder in sorted(RUNS.glob("*/"), reverse=True):
        if owned.is_own(folder, noted_before) and _noted(folder) == run:
            owned.mark(folder)
            return folder
    raise BadInput(
        f"nothing to resume: {RUNS} holds no unfinished run of matrix {run.matrix} with these cells and "
        f"options in environment {run.environment} by samcheck {run.version}; leave out --resume to start one"
    )


def noted_before(folder: Path) -> bool:
    """Whether a samcheck from before there were marks made the folder of a run: it noted the run there."""
    return owned.has_file(folder, "run.json") and _noted(folder) is not None


def _noted(folder: Path) -> Run | None:
    """The run of a folder; None where none is noted, or what is there means none."""
    try:
        return _RUN.validate_json(files.read(folder / "run.json"))
    except (BadInput, ValidationError):
        return None


def _note(folder: Path, run: Run) -> None:
    files.write_atomically(folder / "run.json", _RUN.dump_json(run, indent=1))


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def announce(console: Console, plan: Plan, settings: Settings, folder: Path) -> None:
    """Say what will happen before it does: where, why there, which cells, how much disk.

    Nothing ends because it cannot be told: a cell in which something is wrong says so in its own row.
    """
    environment = settings.environment
    only = restriction(settings.variants, settings.groups)
    tier = f"{settings.tier}, only {only}" if only else settings.tier
    _say(console, f"matrix {plan.name}: {len(plan.cells)} cells, tier {tier}, run {folder.name}")
    _say(console, f"environment: {environment.kind}, because: {visible(settings.why)}")
    download = disk = 0
    for row in plan.cells:
        try:
            need = environment.need(row.cell, runner.requirements_of(row.cell, environment))
        except BuildFailed:
            continue  # the cell's own row will say so
        except mishaps.ANY as error:
            _say(console, f"  {row.cell.id}: what it needs cannot be told: {visible(str(error))}")
            continue
        if not row.spare:
            download, disk = download + need.download_mib, disk + need.disk_mib
        state = "ready" if need.reused else f"up to {need.disk_mib / 1024:.1f} GiB on disk"
        if row.spare:
            state += f", only if fewer than {plan.wanted} others can be built"
        _say(console, f"  {row.cell.id}: {state}")
    for left in plan.left_out:
        _say(console, f"  {left.id}: left out: {visible(left.reason)}")
    for note in plan.notes:
        _say(console, f"  note: {visible(note)}")
    _say(
        console,
        f"downloads up to {download / 1024:.1f} GiB (less what the wheel cache holds) and needs up to "
        f"{disk / 1024:.1f} GiB of disk{_free(environment)}",
    )


def _free(environment: Environment) -> str:
    """Where the disk is that cells need, and how much of it is free."""
    try:
        storage = environment.storage()
        return f" at {storage}; {machine.free_mib(storage) / 1024:.1f} GiB are free"
    except mishaps.ANY as error:
        return f"; how much is free cannot be told: {visible(str(error))}"


@dataclass(frozen=True)
class Done:
    """What became of a cell, and a sentence for each place where its result could not be written."""

    result: CellResult
    troubles: tuple[str, ...] = ()


def run(console: Console, plan: Plan, settings: Settings, resume: bool, store: Path) -> int:
    """Run every cell of `plan`, store its result at once, tabulate; returns the exit code.

    What goes wrong in a cell is that cell's; what cannot be stored or tabulated is said at the end.
    """
    noted = Run(
        plan.name,
        settings.environment.kind,
        settings.tier,
        settings.variants,
        settings.version,
        tuple(row.cell.id for row in plan.cells),
        groups=settings.groups,
    )
    report.require_own(store)
    results.require_writable(store, machine.device_name(), [_name(row, settings) for row in plan.cells])
    folder = open_folder(noted, resume)
    streams.outlive()
    announce(console, plan, settings, folder)
    with files.locked(folder, wait=False), display.display(console, len(plan.cells)) as shown:
        finished, spared = _cells(plan, settings, folder, store, shown)
    troubles = [trouble for each in finished for trouble in each.troubles]
    troubles += _tabulated(console, store, (*plan.left_out, *spared), folder)
    if not troubles and not any(_again(each.result) for each in finished):
        doing = "the run was to be noted as finished"
        troubles += _attempted(lambda: _note(folder, replace(noted, finished=True)), folder, doing)
    for trouble in troubles:
        conclude(console, trouble)
    fine = not troubles and all(each.result.outcome == "passed" for each in finished)
    return 0 if fine else CELLS_FAILED


def conclude(console: Console, text: str) -> None:
    """Say something at the end of a run that must be heard, on whichever stream works."""
    _say(console, text)
    streams.remember(text)


def _attempted(step: Callable[[], object], folder: Path, doing: str) -> Iterator[str]:
    """Do it; nothing if that worked, else the sentence why not."""
    trouble = mishaps.attempted(step, folder, doing)
    if trouble:
        yield trouble


def _tabulated(console: Console, store: Path, left_out: Sequence[LeftOut], folder: Path) -> Iterator[str]:
    """Write the table, and say where it is."""

    def write() -> None:
        conclude(console, f"table: {report.write(store, left_out)}")

    yield from _attempted(write, folder, "the table was to be written, which `samcheck table` does as well")


def _name(row: PlannedCell, settings: Settings) -> str:
    """What the result of a cell will be called."""
    return result_name(row.cell.id, settings.variants, settings.groups)


def _cells(
    plan: Plan, settings: Settings, folder: Path, store: Path, shown: display.Display
) -> tuple[list[Done], list[LeftOut]]:
    """Every cell, side by side as the gates allow; then spare ones while too few could be built.

    Also gives those that were not needed.
    """

    def done(*rows: PlannedCell) -> list[Done]:
        steps = [partial(_cell, row, settings, folder, store, shown) for row in rows]
        with closing(side_by_side(steps, settings.gates)) as ending:  # whoever interrupts this waits for it
            return list(ending)

    finished = done(*(row for row in plan.cells if not row.spare))
    spared = []
    for row in plan.cells:
        built = sum(each.result.outcome not in NOT_BUILT for each in finished)
        if row.spare and built >= plan.wanted:
            spared.append(LeftOut(row.cell.id, f"spare: {built} other cells could be built"))
        elif row.spare:
            finished += done(row)
    return finished, spared


def _cell(row: PlannedCell, settings: Settings, folder: Path, store: Path, shown: display.Display) -> Done:
    """One cell: run it, unless an earlier start of this run has; its result is stored at once."""
    settings.gates.check()
    watched = shown.cell(row.cell.id)
    own = folder / row.cell.id
    kept = own / "result.json"
    result = _kept(kept, row, settings)
    troubles: list[str] = []
    if result is None or _again(result):
        result = _storable(runner.run_cell(row, settings, own, watched), row, settings, own, watched)
        settings.gates.check()  # what an interruption did to a cell is not its result
        content = results.to_json(result)
        what = f"the result of {row.cell.id} was to be kept in the folder of the run"
        troubles += _attempted(lambda: files.write_atomically(kept, content), own, what)
    where = f"whose journals are in {own}" if troubles else f"which is kept in {kept}"
    what = f"the result of {row.cell.id}, {where}, was to be stored"
    troubles += _attempted(lambda: results.store(store, result, machine.device_name()), own, what)
    troubles += _attempted(lambda: watched.finished(result), own, f"the end of {row.cell.id} was to be shown")
    return Done(result, tuple(troubles))


def _storable(
    result: CellResult, row: PlannedCell, settings: Settings, own: Path, watched: display.Watched
) -> CellResult:
    """The result, or one that says why that one cannot be a JSON file."""
    try:
        results.to_json(result)
        return result
    except mishaps.ANY as error:
        why = mishaps.told(error, own, "its result was made a JSON file")
        return Course(row, settings, own, watched).result("not-run", why)


def _again(result: CellResult) -> bool:
    """Whether --resume goes on with a cell that has a result."""
    return result.outcome in TRY_AGAIN or "stopped" in result.environment.details


def _kept(path: Path, row: PlannedCell, settings: Settings) -> CellResult | None:
    """The result of an earlier start; None if there is none, or it is damaged: its journals are there.

    One of another cell says nothing of this one, wherever it lies.
    """
    try:
        result = results.read(path)
    except mishaps.ANY:
        return None
    return result if result.name == _name(row, settings) else None


def fast(arguments: tuple[str, ...], plan: Plan) -> int:
    """Run ``pytest -m fast`` as on a laptop, in a virtual environment of the plan's first cell.

    Returns pytest's exit status.

    Raises:
        BuildFailed: the environment could not be made.
    """
    cell = plan.cells[0].cell
    pins = requirements.resolve(cell, facts.load())
    folder = venv.home()
    folder.mkdir(parents=True, exist_ok=True)
    place = venv.Venv().prepare(cell, pins, folder / "build.log")
    command = [place.python, "-m", "pytest", "-m", "fast", *arguments]
    return subprocess.run(command, cwd=environments.CHECKOUT, check=False).returncode
