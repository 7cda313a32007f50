# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "nox[uv]>=2025.2.9",
#     "covertable>=3.2,<4",
#     "nvidia-ml-py>=12.535",
#     "packaging>=23.2",
#     "pydantic>=2.7",
# ]
# ///
"""samcheck's sessions; each calls samcheck.

matrix              the main job: run a matrix file and write the table
cell(<id>)          run one cell; `nox --list` shows all, `nox -s cell --list --json` feeds a CI fan-out
here                run the suite in your current interpreter
carry               collect what a machine without a network lacks for `here`, in one folder
fast                run the fast tier of the suite in an environment made for it
tests               run all tests of samcheck itself
rehearse            rehearse CUDA without a GPU: the driver's library is a stand-in
faults              does the suite catch seeded faults?
fuzz                do the readers of foreign files withstand a fuzzer?
mutants             does a test fail for each mutation of the modules that decide?
power               false alarms and detected slowdowns of `samcheck compare`, and of other rules
query               query all results in SQL
plan                show the plan for a matrix file: cells, what is left out and why; for people or a CI
merge               merge the results of a fan-out's jobs
release             build and check the changelog entry, the wheel and the source distribution
docs                build the documentation as a site; warnings are errors
lint, table, html, clean  as named
"""

import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # the `nox` script puts its own folder there instead
# If nox is installed inside the checkout and found through PYTHONPATH, sessions must not see it.
os.environ.pop("PYTHONPATH", None)

from samcheck import facts, matrix  # noqa: E402
from samcheck.environments import machine  # noqa: E402
from samcheck.errors import SamcheckError  # noqa: E402

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["matrix"]

REHEARSAL = "tests/rehearsal"
TESTS = (
    *("tests/unit", REHEARSAL, "tests/docs", "tests/processes"),
    *("tests/container", "tests/cells", "tests/browser"),
)

#: Cell id → its tags in all shipped matrices.
CELLS: dict[str, set[str]] = {}
try:
    for whole in matrix.shipped(ROOT / "matrices", facts.load(), machine.look()):
        for row in whole.cells:
            CELLS.setdefault(row.cell.id, set()).update(row.tags)
except SamcheckError as error:  # the other sessions work anyway
    print(f"noxfile: no cells to list: {error}", file=sys.stderr)


def samcheck(session: nox.Session, *arguments: str) -> None:
    session.install("-e", ".")
    at_hand = {"SAMCHECK_PYTHON": interpreter_at_hand()}
    session.run("python", "-m", "samcheck", *arguments, *session.posargs, env=at_hand)


def interpreter_at_hand() -> str:
    """Return the user's `python3`, not one that nox made."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    outside = os.pathsep.join(folder for folder in folders if ".nox" not in Path(folder).parts)
    return os.environ.get("SAMCHECK_PYTHON") or shutil.which("python3", path=outside) or sys.executable


@nox.session(name="matrix")
def matrix_session(session: nox.Session) -> None:
    """Run a matrix file (default: matrices/default.toml); options go after --."""
    samcheck(session, "matrix")


@nox.session(default=False)
@nox.parametrize("id", [nox.param(id, id=id, tags=sorted(tags)) for id, tags in CELLS.items()])
def cell(session: nox.Session, id: str) -> None:
    """Run one cell of the shipped matrices."""
    samcheck(session, "cell", id)


@nox.session(default=False)
def here(session: nox.Session) -> None:
    """Run the suite in your current interpreter ($SAMCHECK_PYTHON, else python3)."""
    samcheck(session, "here")


@nox.session(default=False)
def carry(session: nox.Session) -> None:
    """Collect what a machine without a network lacks for `here`; options go after --."""
    samcheck(session, "carry")


@nox.session(default=False)
def fast(session: nox.Session) -> None:
    """Run `pytest -m fast` in an environment made for it; options for pytest go after --."""
    samcheck(session, "fast", "--")


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Run all tests of samcheck itself; starts a Docker engine if run as root."""
    session.install("-e", ".", "--group", "test")
    if os.getuid() == 0:
        session.run("dockerfiles/engine-up", external=True)
        session.run("tests/browser/browser-up", external=True, success_codes=[0, 1])  # it says why it failed
    session.run("pytest", *(session.posargs or TESTS))


@nox.session(default=False)
def rehearse(session: nox.Session) -> None:
    """Rehearse CUDA without a GPU, which `tests` does as well; options for pytest go after --."""
    session.install("-e", ".", "--group", "test")
    session.run("pytest", REHEARSAL, *session.posargs)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Seed faults in the packages under test: does the suite catch each? Options go after --."""
    session.install("-e", ".")
    session.run("python", "-m", "tests.faults", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz the readers of foreign files; targets and --seconds go after --."""
    session.install("-e", ".", "--group", "fuzz")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Mutate the modules that decide, one place at a time: does a test fail? Modules go after --."""
    session.install("-e", ".", "--group", "mutants")
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session(default=False)
def power(session: nox.Session) -> None:
    """On recorded A/A series: how often are samcheck's verdicts wrong, and those of other rules?"""
    session.install("-e", ".")
    session.run("python", "-m", "tests.bench.power", *session.posargs)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Run ruff, mypy and shellcheck; code that runs inside environments is checked against Python 3.8."""
    session.install("-e", ".", "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("uv", "tool", "run", "mypy@1.14.1", "--config-file", "tests/python38.ini")
    scripts = ("tests/browser/browser-up", "samcheck/report/assets/update")
    session.run("shellcheck", "dockerfiles/engine-up", "dockerfiles/make-debian-base", ".ci/run", *scripts)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation; `-- --update` first updates what is generated from code and outputs."""
    session.install("-e", ".", "--group", "docs")
    if session.posargs:
        session.run("python", "-m", "tests.docs", *session.posargs)
    session.run("mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build a release and check it: docs/guides/releasing.md; `-- --draft` only shows the changelog entry."""
    session.install("-e", ".", "--group", "release")
    changes = [path for path in (ROOT / "docs" / "changes").glob("*.md") if path.name != "README.md"]
    if changes or session.posargs:
        session.run("towncrier", "build", *(session.posargs or ["--yes"]))
    if session.posargs:
        return
    target = ROOT / ".samcheck" / "dist"
    shutil.rmtree(target, ignore_errors=True)
    session.run("uv", "build", "--quiet", "--out-dir", str(target))
    built = sorted(str(path) for path in target.glob("samcheck-*"))
    session.run("twine", "check", "--strict", *built)
    wheel = next(path for path in built if path.endswith(".whl"))
    session.run("check-wheel-contents", wheel)
    with session.chdir(session.create_tmp()):  # not the checkout, whose samcheck would be found first
        session.run("uvx", "--isolated", "--from", wheel, "samcheck", "--version")
        session.run("uvx", "--isolated", "--from", wheel, "samcheck", "plan", "default")


@nox.session(default=False)
def table(session: nox.Session) -> None:
    """Write results/README.md from the stored results."""
    samcheck(session, "table")


@nox.session(default=False)
def html(session: nox.Session) -> None:
    """Write results/index.html, a page to filter and compare; folders of older results go after --."""
    samcheck(session, "html")


@nox.session(default=False)
def query(session: nox.Session) -> None:
    """Query all results in SQL; a question, or --list for the saved ones, goes after --."""
    session.install("-e", ".[query]")
    samcheck(session, "query")


@nox.session(default=False)
def plan(session: nox.Session) -> None:
    """Show the plan for a matrix file; options, such as --format github, go after --."""
    samcheck(session, "plan")


@nox.session(default=False)
def merge(session: nox.Session) -> None:
    """Merge the results of several runs; their folders go after --."""
    samcheck(session, "merge")


@nox.session(default=False)
def clean(session: nox.Session) -> None:
    """Remove what killed runs left behind."""
    samcheck(session, "clean")


if __name__ == "__main__":  # `uv run noxfile.py -s matrix`
    nox.main()
