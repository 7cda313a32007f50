"""One check of one result → the shell command that re-runs it, in the environment of that result."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from samcheck import facts, paths
from samcheck.cells import Cell
from samcheck.environments import confinement, shell_command, substitute, venv
from samcheck.errors import BadInput
from samcheck.facts import requirements
from samcheck.facts.target_machine import NO_GPU, GpuDevice, Machine
from samcheck.guest import device
from samcheck.guest.node_ids import module_of
from samcheck.guest.record import CellResult, CheckResult
from samcheck.run import pytest_arguments

_IMAGE = re.compile(r"samcheck:[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def line(result: CellResult, check: CheckResult) -> str:
    """Return the command, for a POSIX shell.

    Raises:
        BadInput: the check is not in this checkout's suite, or the environment is not on this machine;
            the message says how to build it.
    """
    _require_in_suite(check.check)
    if result.cell.own:
        raise BadInput(
            f"{result.cell.id} is an environment of your own, which its matrix file makes: `samcheck matrix "
            f"FILE --only {shlex.quote(result.cell.id)} --groups {check.group}` runs this check again"
        )
    if f"variant {check.variant}" in result.environment.details:
        raise BadInput(
            f"{check.variant} is a variant of your own, which a matrix file declares: `samcheck matrix FILE "
            f"--only {shlex.quote(result.cell.id)} --variants {check.variant} --groups {check.group}` runs "
            "this check again"
        )
    words = pytest_arguments.arguments(
        pytest_arguments.SUITE,
        result.tier,
        tuple(result.variants),
        f"{pytest_arguments.SUITE}/{check.check}",
        family=pytest_arguments.family(result.cell, result.environment.kind),
    )
    on_gpu = result.observed is not None and result.observed.device == "cuda"
    if on_gpu:  # without one, it would run on the CPU and may pass
        words = (*words, *device.options("cuda"))
    if result.environment.kind == "docker":
        inside = substitute(words, *confinement.MOUNTS)
        command = shell_command.quoted(shell_command.docker(_image(result), inside, on_gpu=on_gpu))
    else:
        command = shell_command.process(_python(result), substitute(words, str(paths.source()), ".", "."))
    if not command.isprintable():  # the result file may be from someone else
        raise BadInput(
            "a name in this result has unprintable characters, which do not belong in a command line"
        )
    return command


def _require_in_suite(check: str) -> None:
    module = module_of(check)
    if not re.fullmatch(r"[\w-]+\.py", module) or not (paths.SUITE / module).is_file():
        raise BadInput(
            f"{check[:200]!r} is not in the suite of this samcheck: install the samcheck of the result"
        )


def _image(result: CellResult) -> str:
    image = result.environment.details.get("image", "")
    if not _IMAGE.fullmatch(image):
        raise BadInput(f"the result of {result.cell.id} does not say which image it ran in: re-run the cell")
    return image


def _machine(result: CellResult) -> Machine:
    """Return the machine that a result's environment was made for: what is installed depends on its GPU."""
    seen = result.observed
    if seen is None or seen.device != "cuda":
        return NO_GPU
    return Machine((GpuDevice(seen.gpu or "", seen.gpu_capability or "0"),), seen.driver or "")


def _python(result: CellResult) -> str:
    """Return the interpreter of a result that ran in a virtual environment, or in an existing one."""
    if result.environment.kind == "here":
        stored = result.environment.details.get("interpreter", "")
        python = Path(os.path.expanduser(stored.replace("<checkout>", str(paths.ROOT))))
    else:
        cell = Cell.of(result.cell)
        folder = venv.Venv().folder(cell, requirements.resolve(cell, facts.load(), _machine(result)))
        python = folder / "bin" / "python"
    if not python.is_absolute() or not os.access(python, os.X_OK):
        raise BadInput(
            f"the {result.environment.kind} environment of {result.cell.id} is not on this machine "
            f"({python}): run its matrix here, or `samcheck cell {shlex.quote(result.cell.id)}`"
        )
    return str(python)
