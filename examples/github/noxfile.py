"""Does Segment Anything work in the environments of this repository? `nox -s matrix` finds out."""

import os

import nox

SAMCHECK = os.environ.get("SAMCHECK", "samcheck==0.1.0")  # a version, a wheel, or a checkout
MATRIX = "samcheck.toml"

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["matrix"]


def samcheck(session: nox.Session, *arguments: str) -> None:
    session.install(SAMCHECK)
    session.run("samcheck", *arguments)


@nox.session
def matrix(session: nox.Session) -> None:
    """Build each environment of the matrix, check SAM in it, and write results/README.md."""
    samcheck(session, "matrix", *(session.posargs or [MATRIX]))


@nox.session(default=False)
def plan(session: nox.Session) -> None:
    """Show the plan; with --format, as a pipeline for a CI engine."""
    samcheck(session, "plan", *(session.posargs or [MATRIX]))


@nox.session(default=False)
def merge(session: nox.Session) -> None:
    """Merge the results of a pipeline's jobs."""
    samcheck(session, "merge", *session.posargs)
