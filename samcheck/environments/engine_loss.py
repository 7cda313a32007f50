"""Loss of an engine while it runs a cell: that cell waits for --resume, and nothing is left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
import urllib3
from docker.errors import APIError, DockerException

from samcheck.environments import Ended, orphans
from samcheck.errors import Refused
from samcheck.guest.outcomes import FailureCause

#: What docker-py raises if the engine fails, is gone, or stops in the middle of a response.
ERRORS = (
    DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)
#: How long to wait for an engine that is restarting, and how often to poll it.
RETURN_SECONDS = 30.0
POLL_SECONDS = 0.2
#: Exit status of a container that ended on request.
SIGTERM_STATUS = 143
#: Number of events since its start that an engine remembers.
EVENTS_KEPT = 256


@contextmanager
def refused() -> Iterator[None]:
    """Wrap steps that need a working engine.

    Raises:
        Refused: the engine failed in one.
    """
    try:
        yield
    except ERRORS as error:
        raise Refused(FailureCause.ENGINE, sentence(error)) from None


def sentence(error: Exception) -> str:
    """Return what happened and what to do, for one of `ERRORS`."""
    words = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    short = " ".join(str(words).split())[:200]
    return (
        f"the Docker engine failed or stopped while it ran this cell ({short}): make sure that it responds, "
        "then --resume continues from here"
    )


def clean_up(client: Any, work: Path) -> None:
    """Remove what a restarted engine still has of the job in `work`; --resume removes the rest."""
    end = time.monotonic() + RETURN_SECONDS
    while time.monotonic() < end:
        try:
            _ask(client)
            orphans.remove(client, {"label": f"samcheck.work={work}"})
            return
        except ERRORS:
            time.sleep(POLL_SECONDS)


def require(client: Any, container: str, ended: Ended) -> None:
    """Check that a guest was not ended by its engine, which ends guests when it stops and starts.

    Raises:
        one of `ERRORS`: the engine accepts no new connection (it still serves open ones), or it is not the
            process that started the container.
    """
    if ended.exit_code == SIGTERM_STATUS or (ended.signal == "SIGKILL" and not ended.cause):
        _ask(client)
        if _restarted(client, container):
            raise DockerException("it was restarted")


def _restarted(client: Any, container: str) -> bool:
    """Return whether the engine remembers all of its events, but not the start of this container."""
    now = datetime.fromisoformat(client.info()["SystemTime"])  # by the engine's own clock
    events = list(client.api.events(since=0, until=f"{now.timestamp():.6f}", decode=True))
    begun = any(event.get("id") == container and event.get("Action") == "start" for event in events)
    return len(events) < EVENTS_KEPT and not begun


def _ask(client: Any) -> None:
    client.api.close()  # otherwise an engine that is about to stop would still respond
    client.ping()
