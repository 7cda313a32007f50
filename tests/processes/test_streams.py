"""Output that is closed, full or not read: a run goes on, stores all and says so. Nothing is obeyed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from samcheck.errors import UNHEARD
from samcheck.guest.outcomes import CellOutcome
from samcheck.storage import results
from tests.processes.rig import Rig, write_suite
from tests.processes.trial import Trial

CHECKOUT = Path(__file__).resolve().parents[2]


@contextmanager
def nowhere(kind: str) -> Iterator[Any]:
    """Something to write to that takes nothing."""
    if kind == "full":
        with open("/dev/full", "wb") as stream:
            yield stream
        return
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def closing(*numbers: int) -> Callable[[], None]:
    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


def whole(rig: Rig) -> None:
    """Everything is stored, and nothing else came into the files."""
    assert [result.outcome for result in rig.results().values()] == ["passed"] * rig.cells
    assert all(f"`{id}`" in rig.table for id in rig.results())
    assert not rig.unfinished
    assert rig.left_over() == []


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path, cells=2)
    rig.steady(2, 0.0)
    return rig


@pytest.mark.parametrize(
    ("kind", "why"),
    [("gone", "Broken pipe"), ("full", "No space left on device"), ("closed", "it is closed")],
)
def test_a_run_outlives_its_standard_output(rig: Rig, kind: str, why: str) -> None:
    if kind == "closed":
        orchestrator = rig.start(preexec_fn=closing(1))
    else:
        with nowhere(kind) as stream:
            orchestrator = rig.start(stdout=stream)
    assert orchestrator.wait(60) == UNHEARD
    whole(rig)
    first, last = rig.said.strip().splitlines()
    assert first == f"samcheck: standard output cannot be written to: {why}; the run continued without"
    assert last == f"samcheck: table: {rig.folder}/results/README.md"


@pytest.mark.parametrize("kind", ["gone", "full", "closed"])
def test_a_run_that_has_nothing_to_say_on_standard_error(rig: Rig, kind: str) -> None:
    if kind == "closed":
        orchestrator = rig.start(preexec_fn=closing(2))
    else:
        with nowhere(kind) as stream:
            orchestrator = rig.start(stderr=stream)
    assert orchestrator.wait(60) == 0
    whole(rig)


@pytest.mark.parametrize("kind", ["gone", "full", "closed"])
def test_a_run_without_any_output(rig: Rig, kind: str) -> None:
    if kind == "closed":
        orchestrator = rig.start(preexec_fn=closing(0, 1, 2))
    else:
        with nowhere(kind) as stream:
            orchestrator = rig.start(stdout=stream, stderr=stream)
    assert orchestrator.wait(60) == UNHEARD
    whole(rig)


def test_a_failed_cell_weighs_more(rig: Rig) -> None:
    write_suite(rig.folder / "suite", "def test_it(variant): assert False\n")
    with nowhere("full") as stream:
        assert rig.start(stdout=stream).wait(60) == 1
    assert "standard output cannot be written to" in rig.said


def test_an_error_is_said_where_it_can_be_heard(rig: Rig) -> None:
    """On standard output, where standard error is lost."""
    with nowhere("full") as stream:
        orchestrator = rig.start(stderr=stream)
        time.sleep(0.1)
        while not any(rig.folder.glob("runs/*/run.json")):
            time.sleep(0.05)
        orchestrator.send_signal(signal.SIGINT)
        assert orchestrator.wait(20) == 130
    assert "samcheck: interrupted; finished results are kept" in rig.said


def test_a_pipe_that_somebody_made_non_blocking(rig: Rig) -> None:
    """Its reader is slow; each line arrives."""
    rig.cells = 1
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"x"):
            pass
    except BlockingIOError:
        pass
    orchestrator = rig.start(stdout=writing)
    os.close(writing)
    time.sleep(1.5)
    with open(reading, "rb") as stream:
        said = stream.read().lstrip(b"x").decode()
    assert orchestrator.wait(60) == 0
    assert said.startswith("matrix stand-in")
    assert said.strip().endswith("README.md")


COMMANDS = {
    "plan": ("plan",),
    "list": ("list",),
    "facts": ("facts",),
    "schema": ("schema",),
    "help": ("--help",),
    "table": ("table", "--results", "{store}"),
    "show": ("show", "torch0.0.0-cpu-py3.11", "--results", "{store}"),
    "query": ("query", "select * from checks", "--results", "{store}"),
    "query-json": ("query", "select * from checks", "--json", "--results", "{store}"),
    "query-csv": ("query", "select * from checks", "--csv", "--results", "{store}"),
    "export": ("export", "--format", "csv", "--results", "{store}"),
    "export-json": ("export", "--format", "json", "--results", "{store}"),
    "parquet": ("export", "--format", "parquet", "--results", "{store}"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trial = Trial(tmp_path_factory.mktemp("store"))
    trial.write("def test_a(variant): pass\n")
    results.store(trial.folder / "results", trial.run(), "machine")
    return trial.folder / "results"


def called(store: Path, name: str, **options: Any) -> tuple[int, str]:
    """A command of samcheck's: its exit code, and what it said on standard error."""
    arguments = [argument.format(store=store) for argument in COMMANDS[name]]
    command = [sys.executable, "-m", "samcheck", *arguments]
    environment = {**os.environ, "SAMCHECK_CACHE": str(store.parent / "cache")}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, stderr=-1, text=True, check=False, **options
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_another_command_ends_like_any_program(store: Path, name: str) -> None:
    """Quietly where its reader has left; with a sentence and a code of its own where there is no room."""
    assert called(store, name, stdout=subprocess.DEVNULL) == (0, "")
    with nowhere("gone") as stream:
        assert called(store, name, stdout=stream) == (-signal.SIGPIPE, "")
    said = "samcheck: standard output cannot be written to: {}\n"
    with nowhere("full") as stream:
        full = (UNHEARD, said.format("No space left on device"))
        assert called(store, name, stdout=stream) == full
    assert called(store, name, preexec_fn=closing(1)) == (UNHEARD, said.format("it is closed"))


def test_sql_from_a_closed_standard_input(store: Path) -> None:
    command = [sys.executable, "-m", "samcheck", "query", "-", "--results", str(store)]
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, check=False, preexec_fn=closing(0)
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("samcheck: -: standard input is closed")


#: What a guest might print to name the window, clear the screen, hide or reverse a line, or play another one.
HOSTILE = (
    "\x1b]0;pwned\x07\x1b[2J\x1b[31m\x9b2J\x9d0;pwned\x9c \u202edesrever\u2066 \x08\x08\x7f \x0e\x1bc "
    "\x1bP$q\x1b\\ \u200b\ufeff\U000e0041 [bold]x[/bold] :smile:"
)
#: What begins a line, in the eyes of one program or another.
LINES = "a\rb\x0b\x0c\u2028c"
#: What rich itself writes to draw its bar: colours, lines, the cursor.
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r\n|\r(?=\x1b\[|[^\n]*\r?$)")


def on_a_terminal(rig: Rig) -> tuple[int, str]:
    """A run on a pseudo-terminal: exit code, and each character that it was sent."""
    rig.environment |= {"TERM": "xterm-256color", "COLUMNS": "150"}
    return sent_to_a_terminal(rig.start)


def sent_to_a_terminal(start: Callable[..., subprocess.Popen[Any]]) -> tuple[int, str]:
    master, slave = pty.openpty()
    started = start(stdout=slave, stderr=slave, stdin=slave)
    os.close(slave)
    sent = b""
    while select.select([master], [], [], 60)[0]:
        try:
            sent += os.read(master, 65536)
        except OSError:  # its other end is closed
            break
    os.close(master)
    return started.wait(60), sent.decode()


def obeyed(sent: str) -> set[str]:
    """What a terminal would obey, or not show, beside what the display itself does."""
    left = OURS.sub("", sent)
    return {sign for sign in left if not sign.isprintable() and sign not in "\n\r\t"} | set(
        re.findall(r"\r(?!\n|\x1b)", left)
    )


SUITES = {
    "outside a check": "import os\nos.write(1, {text!r}.encode('utf-8') + b'\\x9b2J'); os._exit(3)\n",
    "when it is imported": "raise RuntimeError({text!r})\n",
    "in a check": "def test_it(variant):\n    raise AssertionError({text!r})\n",
    "in a name": "import pytest\n@pytest.mark.parametrize('n', [1], ids=[{text!r}])\n"
    "def test_it(n, variant):\n    import os; os._exit(3)\n",
    "as a reason to exit": "import pytest\npytest.exit({text!r})\n",
}


@pytest.mark.parametrize("where", SUITES)
def test_nothing_of_a_guest_reaches_the_terminal(tmp_path: Path, where: str) -> None:
    rig = Rig(tmp_path)
    # What was printed last is told; what was raised, from its first line on.
    text = f"{LINES} {HOSTILE}" if where == "outside a check" else f"{HOSTILE} {LINES}"
    body = SUITES[where].format(text=text)
    write_suite(tmp_path / "suite", body)
    if where == "outside a check":  # nor in a module, which would be blamed
        (tmp_path / "suite" / "conftest.py").write_text(body)
    code, sent = on_a_terminal(rig)
    assert code == 1
    assert obeyed(sent) == set()
    if where == "outside a check":  # and it is not hidden
        assert "outside of a check: exit status 3" in sent
        assert r"\x9b2J" in sent or "\ufffd2J" in sent


@pytest.mark.parametrize(
    "name", ["show", "query", "query-json", "query-csv", "export-json", "parquet", "table"]
)
def test_nothing_in_a_result_reaches_the_terminal(store: Path, tmp_path: Path, name: str) -> None:
    """Not even what is written as bytes for other programs."""
    (path,) = store.glob("*/*/*.json")
    result = results.read(path)
    checks = [replace(check, reason=HOSTILE, details=HOSTILE) for check in result.checks]
    hostile = replace(result, outcome=CellOutcome.FAILED, reason=HOSTILE, checks=checks, samcheck=HOSTILE)
    results.store(tmp_path / "results", hostile, "machine")
    arguments = [argument.format(store=tmp_path / "results") for argument in COMMANDS[name]]
    environment = {**os.environ, "SAMCHECK_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "samcheck", *arguments]
    _, sent = sent_to_a_terminal(partial(subprocess.Popen, command, cwd=CHECKOUT, env=environment))
    assert obeyed(sent) == set()
