"""How a guest ended that could not do its work, whatever kind of place it ran in."""

from __future__ import annotations

from samcheck.environments import Ended, Job
from samcheck.errors import Refused

#: Exit status of a guest that could not write its journal, as `samcheck.guest.journal` has it.
LOST = 74


def judged(ended: Ended, job: Job) -> Ended:
    """`ended`, if its checks are to be judged by it.

    Raises:
        Refused: the guest could not write down what it found, which is no check's fault.
    """
    if ended.exit_code == LOST:
        raise Refused(
            f"what the checks found cannot be written to {job.work}{_why(job)}: mend that, then "
            "--resume goes on from here"
        )
    return ended


def _why(job: Job) -> str:
    """What the guest said about it, if that could be written."""
    printed = job.output.read_bytes()[-1000:] if job.output.exists() else b""
    lines = printed.decode("utf-8", "replace").splitlines()
    said = [line.removeprefix("samcheck: ") for line in lines if line.startswith("samcheck: ")]
    return f" ({said[-1]})" if said else ""
