"""What ``samcheck advise`` is asked, from its command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from samcheck.analysis import advise
from samcheck.analysis.advise import SUBJECTS, Step, UpgradeQuestion
from samcheck.analysis.advise.question import values
from samcheck.cells import Cell
from samcheck.commands.options import listed
from samcheck.commands.plan import this_machine
from samcheck.environments import here
from samcheck.errors import BadInput
from samcheck.facts import Facts, gpu_support
from samcheck.facts.target_machine import Machine


@dataclass(frozen=True)
class CurrentState:
    """What the user has now.

    Attributes:
        versions: by subject; under the empty name, if it was given without one.
        cell: of the environment, if it was looked at.
        installed: its packages.
    """

    versions: Mapping[str, str]
    cell: Cell | None = None
    installed: Mapping[str, str] = field(default_factory=dict)


def current(from_env: bool, given: Sequence[str], at: Mapping[str, str], path: Path | None) -> CurrentState:
    """Return what there is now, as given or as seen in the active Python.

    Raises:
        BadInput: a value is not of the form ``torch=2.4.1``, or options exclude each other.
    """
    if not from_env:
        return CurrentState(_named(given))
    if at:
        raise BadInput(f"--at-{next(iter(at))}: --from-env already says what stays as it is: leave it out")
    if path is not None:
        raise BadInput(f"--from-env and {path} do not go together: leave one out")
    versions = _named(given)
    if "" in versions:
        raise BadInput("--from: beside --from-env, name what you give, as in --from driver=550.54.15")
    python = here.default_python()
    seen = here.look(python)
    cell = here.cell_of(python, seen)
    click.echo(f"samcheck: now: {cell.id}, {python}", err=True)
    return CurrentState(versions, cell, seen.packages)


def _named(given: Sequence[str]) -> dict[str, str]:
    texts = given if len(given) == 1 and not given[0] else listed("--from", given)
    versions: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or value.startswith("="):  # of a package, ``sam2==1.1.0``
            name, separator, value = "", "", text
        if separator and name not in SUBJECTS:
            raise BadInput(f"--from: {text!r} names none of {', '.join(SUBJECTS)}: give it as torch=2.4.1")
        if name in versions:
            raise BadInput(f"--from: {name or 'the current version'} is given twice: leave one out")
        versions[name] = value
    return versions


def questions(
    now: CurrentState,
    options: Mapping[str, str | None],
    gpus: Sequence[str],
    at_driver: str,
    at: Mapping[str, str],
    facts: Facts,
) -> list[UpgradeQuestion]:
    """Return the question for each GPU, or for this machine.

    Raises:
        BadInput: what is asked cannot be.
    """
    new = {name: value for name in SUBJECTS if (value := options[name]) is not None}
    if not new:
        raise BadInput(
            f"give what to change: one or several of {', '.join(f'--{name}' for name in SUBJECTS)}"
        )
    names = listed("--gpu", gpus) or [""]  # this machine's
    machines = [machine_of("driver" in new, name, at_driver, facts) for name in names]
    return [
        advise.ask(_steps(new, now, machine, facts), machine, at, facts, now.installed)
        for machine in machines
    ]


def _steps(new: Mapping[str, str], now: CurrentState, machine: Machine, facts: Facts) -> dict[str, Step]:
    """Return the current and the new value of each subject."""
    seen = {**values(now.cell, facts), "driver": machine.driver} if now.cell else {}
    steps = {}
    for name, value in new.items():
        old = now.versions.get(name, now.versions.get("", "") if len(new) == 1 else seen.get(name, ""))
        old = old or seen.get(name, "")
        if not old and name not in now.versions and "" not in now.versions:
            how = f"--from {name}=OLD" if len(new) > 1 or now.cell else "--from OLD"
            none = "this machine has no driver: " if now.cell and name == "driver" else ""
            raise BadInput(
                f"--from is missing: {none}give your current version, as in --{name} {value} {how}"
            )
        if not old and len(new) > 1:
            raise BadInput(f"--from: of several changes, name each: --from {name}=OLD")
        steps[name] = Step(old, value)
    if now.cell:  # what is there already does not change
        steps = {name: step for name, step in steps.items() if step.old != step.new} or steps
    unused = set(now.versions) - set(steps) - {""}
    if unused:
        name = min(unused)
        raise BadInput(f"--from {name}=...: nothing says what {name} changes to: add --{name} NEW")
    return steps


def machine_of(changes_driver: bool, gpu: str, driver: str, facts: Facts) -> Machine:
    """Return the machine in question; by default this one."""
    if changes_driver and driver:
        raise BadInput("--at-driver: --driver and --from already give the driver: leave it out")
    if gpu or driver:
        try:
            return gpu_support.host(gpu, driver, facts)
        except BadInput as problem:
            raise BadInput(str(problem).replace("--driver:", "--at-driver:", 1)) from None
    return this_machine()
