"""``samcheck bisect`` between two environments of the user's own: over packages, and over commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from samcheck import paths, version
from samcheck.analysis.bisect import mixed_environments, package_groups, package_search
from samcheck.analysis.bisect.bisection import BisectionQuestion, CheckRun
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.check_prober import CheckProber
from samcheck.analysis.bisect.package_groups import PackageGroup
from samcheck.analysis.bisect.package_search import PackageSearch
from samcheck.analysis.package_changes import PackageChange
from samcheck.cells import Cell
from samcheck.commands import bisect
from samcheck.environments import machine
from samcheck.environments.own import locks
from samcheck.errors import BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.storage import results
from tests.unit.made import RESULT, SEEN

CHECK = "test_imports.py::test_numpy_bridge"
GOOD = "torch==2.0.1\nnumpy==1.26.4\nrequests==2.31.0\npillow==10.4.0\nidna==3.10\n"
BAD = "torch==2.0.1\nnumpy==2.0.2\nrequests==2.32.5\npillow==11.3.0\nidna==3.11\n"


def result_of(candidate: Candidate, outcome: CheckOutcome | None) -> CellResult:
    checks = [CheckResult(CHECK, "imports", outcome, reason="it broke")] if outcome else []
    return replace(RESULT, cell=candidate.cell.record(()), checks=checks)


# The search itself, over made-up packages.


Verdict = Callable[[frozenset[int]], CheckOutcome | None]


def searched(count: int, verdict: Verdict) -> tuple[PackageSearch, int]:
    """Search over packages 0, 1, ..., and count the environments."""
    groups = [PackageGroup((PackageChange(str(at), "1", "2"),)) for at in range(count)]
    taken: dict[str, frozenset[int]] = {}

    def mix(moved: Any) -> Candidate:
        numbers = frozenset(int(group.changes[0].name) for group in moved)
        id = "-".join(map(str, sorted(numbers))) or "good"
        taken[id] = numbers
        return Candidate("", Cell("", "", "", own=id))

    tried: list[str] = []

    def probe(candidate: Candidate, number: int) -> CheckRun:
        assert tried.count(candidate.cell.id) == number - 1, "the kept result of an earlier run was asked for"
        tried.append(candidate.cell.id)
        return CheckRun(result_of(candidate, verdict(taken[candidate.cell.id])))

    question = package_search.first_question(BisectionQuestion(CHECK, "packages", ()), groups, mix)
    return package_search.run_search(question, groups, mix, probe), len(set(tried))


def names(search: PackageSearch) -> set[int]:
    return {int(group.changes[0].name) for group in search.needed}


@given(st.integers(1, 24), st.data())
def test_what_is_needed_together_is_found_and_nothing_else(count: int, data: st.DataObject) -> None:
    wanted = data.draw(st.frozensets(st.integers(0, count - 1), min_size=1, max_size=4))
    search, built = searched(
        count, lambda taken: CheckOutcome.FAILED if wanted <= taken else CheckOutcome.PASSED
    )
    assert search.sufficient
    assert names(search) == wanted
    assert search.fails is not None
    assert search.fails.cell.id == "-".join(map(str, sorted(wanted)))
    assert search.passes is not None
    lacking = set() if search.passes.cell.id == "good" else set(map(int, search.passes.cell.id.split("-")))
    assert lacking == wanted - {int(search.needed[-1].changes[0].name)}
    for done in search.rounds:
        ids = [candidate.cell.id for candidate in done.question.candidates]
        assert len(set(ids)) == len(ids)
    assert built <= 2 + len(wanted) * (count.bit_length() + 1)


def test_one_of_two_causes_is_found() -> None:
    search, _ = searched(6, lambda taken: CheckOutcome.FAILED if {1, 4} & taken else CheckOutcome.PASSED)
    assert names(search) == {1}


def test_what_cannot_be_installed_is_not_blamed() -> None:
    def verdict(taken: frozenset[int]) -> CheckOutcome | None:
        if 2 in taken and 3 not in taken:  # they require each other
            return None
        return CheckOutcome.FAILED if 3 in taken else CheckOutcome.PASSED

    search, _ = searched(5, verdict)
    assert search.needed == []
    assert not search.sufficient


def test_another_failure_is_not_the_good_outcome() -> None:
    """From the second chain on, whose first environment fails already, what counts as bad is kept."""
    search, _ = searched(5, lambda taken: CheckOutcome.CRASHED if {0, 3} <= taken else CheckOutcome.PASSED)
    assert names(search) == {0, 3}


def test_what_is_mended_is_found_too() -> None:
    search, _ = searched(5, lambda taken: CheckOutcome.PASSED if {1, 3} <= taken else CheckOutcome.FAILED)
    assert names(search) == {1, 3}
    assert search.sufficient


def test_a_flaky_answer_is_none() -> None:
    runs: list[frozenset[int]] = []

    def verdict(taken: frozenset[int]) -> CheckOutcome:
        runs.append(taken)
        alone = taken == {2} and runs.count(taken) > 1
        return CheckOutcome.FAILED if 2 in taken and not alone else CheckOutcome.PASSED

    search, _ = searched(4, verdict)
    assert not search.sufficient


def test_what_pytorch_pins_moves_with_it() -> None:
    before = {"torch": "2.4.1", "nvidia-cudnn-cu12": "9.1", "triton": "3.0.0", "numpy": "1", "a": "1"}
    after = {"torch": "2.15.0", "nvidia-cudnn-cu13": "9.26", "triton": "3.9", "numpy": "2", "a": "2"}
    *alone, last = package_groups.groups(before, after)
    assert [group.title for group in alone] == ["a 1 -> 2", "numpy 1 -> 2"]
    assert last.title == "torch 2.4.1 -> 2.15.0 with 3 that it pins"
    assert package_groups.mixed(before, [last]) == {**after, "numpy": "1", "a": "1"}
    del before["torch"], after["torch"]
    assert len(package_groups.groups(before, after)) == 5


# The command.


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(version, "version", lambda: "0.1.0")
    monkeypatch.setattr(machine, "device_name", lambda: "cpu AMD EPYC")
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.txt").write_text(GOOD)
    (tmp_path / "bad.txt").write_text(BAD)
    (tmp_path / "results").mkdir()


def played(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Candidate], bool]) -> list[str]:
    tried: list[str] = []

    def call(_: CheckProber, candidate: Candidate, number: int) -> CheckRun:
        assert candidate.own is not None
        tried.append(candidate.own.id)
        outcome = CheckOutcome.FAILED if fails(candidate) else CheckOutcome.PASSED
        return CheckRun(result_of(candidate, outcome), built=number == 1)

    monkeypatch.setattr(CheckProber, "__call__", call)
    return tried


def numpy_2(candidate: Candidate) -> bool:
    assert candidate.own is not None
    path = candidate.own.path
    pins = locks.pins_of_lock(path) if path.suffix == ".lock" else locks.pins_of_requirements([path])
    return pins["numpy"].startswith("2")


def command(*arguments: str) -> Result:
    given = ["--check", CHECK, "--environment", "venv", "--results", "results", *arguments]
    return CliRunner().invoke(bisect.bisect_command, given)


def test_the_package_to_blame_is_named_with_both_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    played(monkeypatch, numpy_2)
    done = command("--axis", "packages", "--good", "./good.txt", "--bad", "./bad.txt", "--python", "3.9")
    assert done.exit_code == 0, done.output
    assert "to blame: numpy 1.26.4 -> 2.0.2\n" in done.output
    (folder,) = (tmp_path / "runs").glob("bisect-*")
    fails, passes = ((folder / name / "requirements.txt").read_text() for name in ("fails", "passes"))
    assert sorted(fails.split()) == sorted(GOOD.replace("1.26.4", "2.0.2").split())
    assert sorted(passes.split()) == sorted(GOOD.split())


def test_what_requirements_leave_open_is_kept_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("good.txt").write_text("--extra-index-url https://example.org/simple\n" + GOOD + "scipy\nonnx>=1\n")
    Path("bad.txt").write_text(BAD + "scipy>=1.9\nonnx>=1\nsam @ https://example.org/sam.whl\n")
    played(monkeypatch, numpy_2)
    done = command("--axis", "packages", "--good", "./good.txt", "--bad", "./bad.txt", "--python", "3.9")
    assert "scipy any -> >=1.9" in done.output
    assert "  sam https://example.org/sam.whl\n" in done.output
    (folder,) = (tmp_path / "runs").glob("bisect-*")
    lines = (folder / "fails" / "requirements.txt").read_text().splitlines()
    assert lines[0] == "--extra-index-url https://example.org/simple"
    assert {"scipy", "onnx>=1", "numpy==2.0.2"} <= set(lines)
    address = {"sam": "https://example.org/sam.whl"}
    own = mixed_environments.MixedEnvironments(tmp_path, address, "3.9", False)(()).own
    assert own is not None
    assert own.path.read_text() == "sam @ https://example.org/sam.whl\n"


def test_lock_files_are_installed_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("good", GOOD), ("bad", BAD)):
        Path(name).mkdir()
        rows = (line.split("==") for line in text.split())
        tables = (f'[[package]]\nname = "{package}"\nversion = "{version}"\n' for package, version in rows)
        Path(name, "uv.lock").write_text("".join(tables))
    played(monkeypatch, numpy_2)
    done = command("--axis", "packages", "--good", "good/uv.lock", "--bad", "bad/uv.lock", "--python", "3.9")
    assert done.exit_code == 0, done.output
    (folder,) = (tmp_path / "runs").glob("bisect-*")
    assert locks.pins_of_lock(folder / "passes" / "poetry.lock") == dict(
        line.split("==") for line in GOOD.split()
    )


def test_json_is_all_of_the_output_and_resume_asks_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    played(monkeypatch, numpy_2)
    arguments = ["--axis", "packages", "--good", "./good.txt", "--bad", "./bad.txt", "--python", "3.9"]
    document = json.loads(command(*arguments, "--json").stdout)
    assert document["answer"]["to_blame"] == [[{"name": "numpy", "old": "1.26.4", "new": "2.0.2"}]]
    (folder,) = (tmp_path / "runs").glob("bisect-*")
    state = json.loads((folder / "bisect.json").read_text())
    assert state["finished"]
    again = command(*arguments, "--resume")
    assert "nothing to resume" in str(again.exception)
    (folder / "bisect.json").write_text(json.dumps({**state, "finished": False}))
    assert command(*arguments, "--resume").exit_code == 0
    assert [path.name for path in (tmp_path / "runs").glob("bisect-*")] == [folder.name]


def test_environments_with_results_are_bisected_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("production-00000001", GOOD), ("upgraded-00000002", BAD)):
        packages = dict(line.split("==") for line in text.split())
        row = replace(RESULT, observed=replace(SEEN, packages=packages))
        row = replace(row, cell=replace(RESULT.cell, id=name, own=True))
        results.store(Path("results"), row, "cpu")
    played(monkeypatch, numpy_2)
    done = command("--axis", "packages", "--good", "production", "--bad", "upgraded")
    assert done.exit_code == 0, done.output
    assert "to blame: numpy 1.26.4 -> 2.0.2" in done.output


def test_an_upgrade_that_fails_by_its_files_only_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, lambda _: False)
    done = command("--axis", "packages", "--good", "./good.txt", "--bad", "./bad.txt", "--python", "3.9")
    assert done.exit_code == 1
    assert "installed anew, are good: what is to blame there is not a version" in done.output


MATRIX = """
[[environment]]
name = "production"
requirements = "good.txt"
python = "3.9"
[[environment]]
name = "upgraded"
base = "production"
upgrade = ["pip install -U requests", "pip install numpy==2.0.2", "pip install -U idna", "pip list"]
[[environment]]
name = "other"
requirements = "bad.txt"
python = "3.9"
[[environment]]
name = "anew"
base = "production"
upgrade = ["pip install -U requests"]
fresh = true
"""


def test_the_first_command_after_which_the_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own.toml").write_text(MATRIX)
    tried = played(monkeypatch, lambda row: row.own is not None and len(row.own.upgrade) >= 2)
    ends = ("--axis", "upgrade", "--good", "production", "--bad", "upgraded")
    done = command(*ends, "--matrix", "own.toml")
    assert done.exit_code == 0, done.output
    assert "first bad: upgrade 2: after `pip install numpy==2.0.2`" in done.output
    assert len(set(tried)) <= 5
    assert tried[1].startswith("upgraded-")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("packages --good ./good.txt --bad ./good.txt --python 3.9", "differ in no package"),
        ("packages --good ./good.txt --bad ./bad.txt", "for which Python is it installed? Add --python"),
        ("packages --good ./nowhere.txt --bad ./bad.txt", "--good ./nowhere.txt: there is no such file"),
        ("packages --good ./good.txt --bad ./bad.txt --torch 2.0.1", "--torch: has no meaning for --axis"),
        ("packages --good ./good.txt --bad ./bad.txt --any-python", "--any-python: has no meaning"),
        ("upgrade --good production --bad upgraded", "--matrix is missing"),
        ("upgrade --good production --bad nobody --matrix own.toml", "--bad nobody: own.toml declares"),
        ("upgrade --good production --bad other --matrix own.toml", "is no upgrade of production in place"),
        ("upgrade --good production --bad anew --matrix own.toml", "is no upgrade of production in place"),
        ("upgrade --good production --bad production --matrix own.toml", "is the same as production"),
    ],
)
def test_bad_input_is_said_and_starts_no_run(tmp_path: Path, arguments: str, said: str) -> None:
    Path("own.toml").write_text(MATRIX)
    failed = command("--axis", *arguments.split())
    assert isinstance(failed.exception, BadInput), failed.output
    assert said in str(failed.exception)
    assert not (tmp_path / "runs").exists()
