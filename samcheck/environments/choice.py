"""Choice of the environment for a run."""

from __future__ import annotations

from dataclasses import dataclass

from samcheck.environments import Environment, venv
from samcheck.errors import EnvironmentUnavailable


@dataclass(frozen=True)
class Chosen:
    """An environment, and why it was chosen."""

    environment: Environment
    why: str


def choose_environment(kind: str) -> Chosen:
    """Return the environment of `kind`; for ``auto``, docker if an engine is available, else venv.

    Raises:
        EnvironmentUnavailable: the requested kind does not work here.
    """
    if kind == "venv":
        return Chosen(venv.Venv(), "requested with --environment")
    from samcheck.environments import docker  # slow to import, and not needed for a venv

    try:
        chosen = docker.open_environment()
    except EnvironmentUnavailable as error:
        if kind == "docker":
            raise
        return Chosen(venv.Venv(), error.what)
    if kind == "docker":
        return Chosen(chosen, "requested with --environment")
    return Chosen(chosen, f"Docker engine {chosen.client.version()['Version']} is available")
