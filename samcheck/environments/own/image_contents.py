"""What an image holds: its architecture, its variables, its Python and the packages in that."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from samcheck import files
from samcheck.environments import GIVEN, LAUNCH, GuestJob, channel, fingerprint_reader, scratch
from samcheck.environments.docker import DockerPlace
from samcheck.errors import BadInput, BuildFailed, Refused
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint
from samcheck.sanitize import printable

#: Interpreters to look for, in this order: what is on the image's PATH, then usual places beside it.
PYTHONS = ("python", "python3", "/opt/venv/bin/python", "/opt/conda/bin/python", "/usr/local/bin/python3")
#: As engines call processors, and as image builders do.
_SPELLINGS = {"x86_64": "amd64", "aarch64": "arm64"}
#: Variables whose values say nothing private, and occur in many texts.
PLAIN = (
    "PATH",
    "LANG",
    "LC_ALL",
    "HOME",
    "PYTHON_VERSION",
    "DEBIAN_FRONTEND",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)
#: A shorter value would be found in the middle of words.
SHORTEST_SECRET = 6
LOOK_SECONDS = 120.0


def require_runnable(attributes: Mapping[str, Any], engine: str) -> None:
    """Require an image for Linux and the engine's processor.

    Raises:
        BuildFailed: it is for another.
    """
    system, processor = str(attributes.get("Os", "linux")), str(attributes.get("Architecture", ""))
    mine, its = (_SPELLINGS.get(name, name) for name in (engine, processor))
    if system != "linux" or (mine and its and mine != its):
        text = f"the image is for {system} on {processor}, and this engine runs linux on {engine}"
        raise BuildFailed(FailureCause.CONTENT, text)


def _environment(attributes: Mapping[str, Any]) -> dict[str, str]:
    pairs = (attributes.get("Config") or {}).get("Env") or ()
    return {name: value for name, _, value in (str(pair).partition("=") for pair in pairs)}


def variables(attributes: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that an image sets."""
    return sorted(map(printable, _environment(attributes)))


def secrets(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of an image's variables, which a result must not have, by what to write instead."""
    given = _environment(attributes)
    return {
        value: f"<value of {name}>"
        for name, value in given.items()
        if name not in PLAIN and len(value) >= SHORTEST_SECRET
    }


def search_path(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the folders of an image's own PYTHONPATH, which the guest's replaces."""
    return tuple(filter(None, _environment(attributes).get("PYTHONPATH", "").split(":")))


def look(place: DockerPlace, wanted: str, folder: Path) -> tuple[str, Fingerprint]:
    """Return the image's interpreter, the `wanted` one or the first that has PyTorch, and what is in it.

    Raises:
        BuildFailed: it has no Python that runs, or none with PyTorch.
    """
    found: list[tuple[str, Fingerprint]] = []
    troubles: list[str] = []
    for python in (wanted,) if wanted else PYTHONS:
        try:
            found.append((python, _look(replace(place, python=python), folder)))
        except (Refused, BadInput) as error:
            troubles.append(f"{python}: {printable(str(error))[:200]}")
            continue
        if found[-1][1].torch:
            return found[-1]
    if found:
        return found[0]  # what it lacks is said by who needs it
    raise BuildFailed(
        FailureCause.CONTENT, f"the image has no Python that can be run ({'; '.join(troubles[:2])})"
    )


def _look(place: DockerPlace, folder: Path) -> Fingerprint:
    lines: list[bytes] = []
    end = time.monotonic() + LOOK_SECONDS
    arguments = (LAUNCH, "samcheck.guest.fingerprint", "installed", f"{GIVEN}/{channel.NAME}")
    output = folder / "look.log"
    output.unlink(missing_ok=True)
    with scratch.given(folder) as given, scratch.work(folder) as work, channel.Channel(given, lines.append):
        ended = place.run(GuestJob(arguments, given, work, output, lambda: time.monotonic() < end))
    if not lines:
        said = files.tail(output, 300).decode("utf-8", "replace").strip().splitlines()
        raise BadInput(said[-1] if said else f"it ended with {ended}")
    return fingerprint_reader.as_fingerprint(lines[0])
