"""The commands of the guide for the first GPU, as they stand there, as far as they go without one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from samcheck import paths
from samcheck.codec import RecordDecoder
from samcheck.commands.claims import claims_command
from samcheck.commands.merge import merge_command
from samcheck.commands.run import here_command
from samcheck.environments import GuestJob, here
from samcheck.environments.offline import at_hand
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import GROUP_NAMES, CellResult, CheckResult, Fingerprint, Series, result_name
from samcheck.guest.variant_names import VARIANT_TIERS
from samcheck.run import pytest_arguments
from samcheck.run.context import Settings
from samcheck.storage import results
from tests.docs import blocks, commands
from tests.rehearsal.nvml_stand_in import Driver
from tests.rehearsal.played_cell import SEEN, Played

PAGE = blocks.DOCS / "guides" / "first-gpu.md"
#: Minutes of the GPU, and of these what each start may take before its clock runs and after it was stopped.
QUARTER, START = 15.0, 0.2
#: What the played interpreter has, and the cell that it is.
PYTHON = RecordDecoder(Fingerprint).taken({**SEEN, "numpy": "1.26.4"})
CELL = here.cell_of("python3", PYTHON).id


def _typed() -> list[list[str]]:
    pages = (block for block in blocks.blocks(PAGE) if block.language == "sh")
    return [words for block in pages for words in commands.simple(block.text)]


COMMANDS = _typed()
#: What stands behind ``python3 carried``, which starts ``samcheck here``.
STEPS = [words[2:] for words in COMMANDS if words[:2] == ["python3", "carried"]]


def options(step: list[str]) -> dict[str, Any]:
    with here_command.make_context("here", list(step)) as context:
        return context.params


def named(step: list[str], option: str) -> tuple[str, ...]:
    """The comma-separated values of an option, in the order in which a result's name has them."""
    names = options(step)[option].split(",")
    return tuple(name for name in (*VARIANT_TIERS, *GROUP_NAMES) if name in names)


def test_every_command_is_understood() -> None:
    assert [commands.problem(words) for words in COMMANDS] == [""] * len(COMMANDS)
    assert COMMANDS[0][:2] == ["samcheck", "carry"]
    assert len(STEPS) == 5


def test_the_answers_that_are_carried_are_those_that_are_needed() -> None:
    """Else the oracle computes for minutes on the CPU, and the GPU waits."""
    carried = COMMANDS[0][COMMANDS[0].index("--answers") + 1].split(",")
    assert {name for step in STEPS for name in named(step, "variants")} == set(carried)


def test_the_steps_fit_into_a_quarter_of_an_hour() -> None:
    limits = [options(step)["stop_after"] for step in STEPS]
    assert all(limits), "a step without a limit takes all the time that there is"
    assert sum(limits) + START * len(STEPS) <= QUARTER
    assert f"stop after {sum(limits):g} minutes" in PAGE.read_text(encoding="utf-8").replace("\n", " ")


def test_the_most_valuable_comes_first() -> None:
    tiers = [options(step)["tier"] for step in STEPS]
    assert tiers == sorted(tiers), "the fast tier first: it tells what is wrong"
    assert {options(step)["results"] for step in STEPS} == {Path("first-gpu")}


def test_each_step_has_its_own_result() -> None:
    """Else the second replaces the first, and `--resume` continues the wrong one."""
    names = [result_name(CELL, named(step, "variants"), named(step, "groups")) for step in STEPS]
    assert len(set(names)) == len(STEPS)


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
def test_there_are_checks_for_all_that_a_step_names(
    step: list[str], interpreter: str, tmp_path: Path
) -> None:
    """The real suite, collected in a real environment."""
    variants, groups = named(step, "variants"), named(step, "groups")
    suite, journal = str(paths.SUITE), tmp_path / "journal.jsonl"
    _, *arguments = pytest_arguments.arguments(suite, options(step)["tier"], variants, suite, groups)
    done = subprocess.run(
        [interpreter, "-m", *arguments, "--collect-only", f"--samcheck-journal={journal}"],
        env={**os.environ, "PYTHONPATH": str(paths.ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    events = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    (found,) = (event["checks"] for event in events if event["event"] == "collected")
    pairs = {(check["group"], check["variant"]) for check in found}
    assert {(group, variant) for group in groups for variant in variants} <= pairs
    assert {group for group, _ in pairs} == set(groups) or not groups
    assert any(variant for _, variant in pairs), "without a check of SAM itself a cell is failed"


@dataclass
class Session:
    """A machine with an H200 for a quarter of an hour; its suite is played, all else is real.

    Attributes:
        late: whether the time of the present step is over.
        stops: what happens when the suite is at its second check.
    """

    folder: Path
    late: bool = False
    stops: Callable[[], object] = lambda: None
    played: Played = field(default_factory=Played)

    def type(self, step: list[str], *more: str) -> Result:
        self.late = False
        return CliRunner().invoke(here_command, [*step, *more])

    def suite(self, job: GuestJob) -> list[dict[str, object]]:
        """A check for each group and variant that the suite is asked for, until the time is over."""
        given = dict(argument.partition("=")[::2] for argument in job.arguments)
        wanted = [
            check(group, variant)
            for group in given.get("--samcheck-groups", "imports,correctness").split(",")
            for variant in given.get("--samcheck-variants", "tiny").split(",")
        ]
        events: list[dict[str, object]] = [
            {"event": "collected", "checks": [{**asdict(one), "outcome": "not-run"} for one in wanted]}
        ]
        for number, one in enumerate(wanted):
            if number == 1:
                self.stops()
            if self.late:
                return events
            events += [{"event": "started", "check": one.check}, {"event": "finished", "result": asdict(one)}]
        return [*events, {"event": "ended", "exit_status": 0}]

    def stored(self) -> dict[str, CellResult]:
        found, problems = results.load(self.folder / "first-gpu")
        assert problems == []
        assert {(entry.device, entry.driver) for entry in found} <= {("nvidia-h200", "580.95.05")}
        return {entry.result.name: entry.result for entry in found}


def check(group: str, variant: str) -> CheckResult:
    timed = [Series({"wall_ms": [1.0]}, rounds=1, warmup=1, stopped="steady")] if group == "latency" else []
    return CheckResult(
        f"test_{group}.py::test_it[{variant}]", group, CheckOutcome.PASSED, variant=variant, series=timed
    )


@pytest.fixture
def lent(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    driver.install().h200()
    session = Session(tmp_path)
    session.played.reports = session.suite
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "RUNS", tmp_path / ".samcheck" / "runs")
    monkeypatch.setattr(here, "default_python", lambda: "python3")
    monkeypatch.setattr(here, "look", lambda python: PYTHON)
    monkeypatch.setattr(here, "Here", lambda python, packages: session.played)
    monkeypatch.setattr(at_hand, "packages", lambda python, seen: nullcontext(()))
    monkeypatch.setattr(Settings, "is_late", property(lambda settings: session.late))
    return session


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
def test_a_step_runs_what_it_names_on_the_gpu(lent: Session, step: list[str]) -> None:
    done = lent.type(step)
    assert done.exit_code == 0, done.output
    variants, groups = named(step, "variants"), named(step, "groups")
    assert list(lent.stored()) == [result_name(CELL, variants, groups)]
    (result,) = lent.stored().values()
    assert (result.cell.id, result.tier, result.outcome) == (CELL, options(step)["tier"], "passed")
    assert (tuple(result.variants), tuple(result.groups)) == (variants, groups)
    assert all("--samcheck-device=cuda" in job.arguments for job in lent.played.suites)


def test_all_steps_one_after_another(lent: Session) -> None:
    """And what follows at home: all five results are merged, and the claims are compared."""
    assert [lent.type(step).exit_code for step in STEPS] == [0] * len(STEPS)
    assert len(lent.stored()) == len(STEPS)
    merge = next(words for words in COMMANDS if words[:2] == ["samcheck", "merge"])
    mine = ["--results", str(lent.folder / "mine")]  # the default was read where this test began
    done = CliRunner().invoke(merge_command, [*merge[2:], *mine])
    assert done.exit_code == 0, done.output
    assert "nvidia-h200" in (lent.folder / "mine" / "README.md").read_text(encoding="utf-8")
    assert CliRunner().invoke(claims_command, mine).exit_code == 0


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
def test_a_step_that_was_stopped_is_resumed(lent: Session, step: list[str]) -> None:
    """The very same command with `--resume`, as the page says; what has finished is not run again."""

    def stop() -> None:
        lent.late = True

    lent.stops = stop
    stopped = lent.type(step)
    (result,) = lent.stored().values()
    if lent.late:
        assert stopped.exit_code == 1
        assert (result.outcome, result.stopped) == ("timed-out", True)
        lent.stops = lambda: None
        assert lent.type(step, "--resume").exit_code == 0
        (result,) = lent.stored().values()
    assert (result.outcome, result.stopped) == ("passed", False)
    assert "with `--resume`" in PAGE.read_text(encoding="utf-8")
