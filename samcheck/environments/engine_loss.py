"""An engine that goes away while a cell is with it: that cell waits for --resume, and nothing is left."""

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

#: What docker-py raises when the engine fails, is gone, or goes in the middle of an answer.
ERRORS = (
    DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)
#: How long an engine that is being restarted is waited for, and how often it is asked.
RETURN_SECONDS = 30.0
POLL_SECONDS = 0.2
#: Of a container that was asked to end, and did.
SIGTERM_STATUS = 143
#: So many events an engine remembers, of the time since it was started.
EVENTS_KEPT = 256


@contextmanager
def refused() -> Iterator[None]:
    """Around steps that only an engine that answers can do.

    Raises:
        Refused: it failed in one.
    """
    try:
        yield
    except ERRORS as error:
        raise Refused(FailureCause.ENGINE, sentence(error)) from None


def sentence(error: Exception) -> str:
    """What happened and what to do, of one of `ERRORS`."""
    words = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    short = " ".join(str(words).split())[:200]
    return (
        f"the Docker engine failed or stopped while it had this cell ({short}): see that it answers, then "
        "--resume goes on from here"
    )


def clean_up(client: Any, work: Path) -> None:
    """Remove what a restarted engine still has of the job in `work`; what is left goes with --resume."""
    end = time.monotonic() + RETURN_SECONDS
    while time.monotonic() < end:
        try:
            _ask(client)
            orphans.remove(client, {"label": f"samcheck.work={work}"})
            return
        except ERRORS:
            time.sleep(POLL_SECONDS)


def require(client: Any, container: str, ended: Ended) -> None:
    """Make sure that a guest was not ended by its engine, which does that when it stops and when it starts.

    Raises:
        one of `ERRORS`: the engine takes no new connection (one that is open it still serves), or is another
            one than that which started the container.
    """
    if ended.exit_code == SIGTERM_STATUS or (ended.signal == "SIGKILL" and not ended.cause):
        _ask(client)
        if _restarted(client, container):
            raise DockerException("it was restarted")


def _restarted(client: Any, container: str) -> bool:
    """Whether an engine that remembers all of its events does not remember the start of this container."""
    now = datetime.fromisoformat(client.info()["SystemTime"])  # by the engine's own clock
    events = list(client.api.events(since=0, until=f"{now.timestamp():.6f}", decode=True))
    begun = any(event.get("id") == container and event.get("Action") == "start" for event in events)
    return len(events) < EVENTS_KEPT and not begun


def _ask(client: Any) -> None:
    client.api.close()  # or an engine that is about to stop would still answer
    client.ping()
