"""What ``samcheck advise --from FILE --to FILE`` is asked: two environments of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from samcheck.analysis.advise import UpgradeQuestion
from samcheck.analysis.advise.contents_change import ContentsChange
from samcheck.analysis.advise.question import ask_about
from samcheck.commands.advise_questions import machine_of
from samcheck.commands.options import listed
from samcheck.environments import here
from samcheck.environments.own import contents
from samcheck.environments.own.contents import OwnContents
from samcheck.environments.own.declaration import DIGEST_LENGTH, OwnEnvironment
from samcheck.errors import BadInput
from samcheck.facts import Facts


def require_alone(options: Mapping[str, str | None], path: Path | None) -> None:
    """Require that nothing else is asked, which two environments say already.

    Raises:
        BadInput: something is.
    """
    given = [name.replace("_", "-") for name, value in options.items() if value and name != "at_python"]
    if given:
        raise BadInput(f"--{given[0]}: --from and --to already say what is in both: leave it out")
    if path is not None:
        raise BadInput(f"--to and {path} do not go together: leave one out")


def change(old: Sequence[str], new: str, from_env: bool, at: Mapping[str, str]) -> ContentsChange:
    """Return both environments, as they were read or looked into.

    Raises:
        BadInput: one of them is none, or nothing says for which Python a file is installed.
    """
    python = at.get("python", "")
    before = _declared(old, from_env, python)
    try:
        after = contents.declared(new, python)
    except BadInput as problem:
        raise BadInput(f"--to {problem}") from None
    sides = {"--from": before, "--to": after}
    seen = {option: _read(option, own) for option, own in sides.items() if not own.source.is_file}
    # A file that says no Python of its own is installed for that of the other side.
    python = python or next((side.python for side in seen.values()), "")
    found = [seen.get(option) or _read(option, own, python) for option, own in sides.items()]
    digests = [own.digest[:DIGEST_LENGTH] for own in sides.values()]
    return ContentsChange(found[0], found[1], (digests[0], digests[1]))


def _declared(old: Sequence[str], from_env: bool, python: str) -> OwnEnvironment:
    if from_env:
        if old:
            raise BadInput("--from and --from-env do not go together with --to: leave one out")
        return contents.declared(here.default_python())
    if len(old) != 1 or not old[0]:
        raise BadInput(
            "--to: give with --from the one environment that you have now, of any kind that --to takes"
        )
    if "=" in old[0] and not Path(old[0]).exists():
        raise BadInput(
            f"--from: {old[0]!r} is a version: with --to, give an environment, as in --from uv.lock"
        )
    try:
        return contents.declared(old[0], python)
    except BadInput as problem:
        raise BadInput(f"--from {problem}") from None


def _read(option: str, own: OwnEnvironment, python: str = "") -> OwnContents:
    """Return what is in an environment; a file is installed for its own Python, else for `python`."""
    try:
        if not own.source.is_file:
            return contents.read(own)
        python = contents.python_of(own) or python
        if not python:
            raise BadInput(f"{own.path.name}: for which Python is it installed? Add --at-python 3.12")
        return contents.read(own, python)
    except BadInput as problem:
        raise BadInput(f"{option} {problem}") from None


def questions(
    asked: ContentsChange, gpus: Sequence[str], at_driver: str, facts: Facts
) -> list[UpgradeQuestion]:
    """Return the question for each GPU, or for this machine.

    Raises:
        BadInput: nothing changes, or a GPU is unknown.
    """
    if asked.is_empty:
        raise BadInput(f"--to: {asked.title}: both say the same of every package: nothing would change")
    names = listed("--gpu", gpus) or [""]  # this machine's
    return [ask_about(asked, machine_of(False, name, at_driver, facts), facts) for name in names]
