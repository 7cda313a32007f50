"""Which kind of environment a run gets, and why."""

from __future__ import annotations

from dataclasses import dataclass

from samcheck.environments import Environment, venv
from samcheck.errors import EnvironmentUnavailable


@dataclass(frozen=True)
class Chosen:
    """An environment, and why it is this kind."""

    environment: Environment
    why: str


def choose_environment(kind: str) -> Chosen:
    """The environment of `kind`; of ``auto``, docker where an engine answers, else venv.

    Raises:
        EnvironmentUnavailable: the kind that was asked for does not work here.
    """
    if kind == "venv":
        return Chosen(venv.Venv(), "asked for with --environment")
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
