"""One result in the terminal, found by its name; and the line that runs a check of it again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck import paths, version
from samcheck.__main__ import cli
from samcheck.cells import Cell
from samcheck.environments import confinement
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord, Series
from samcheck.report import lookup
from samcheck.report.fields import SEVERITY
from samcheck.run import reproduce
from samcheck.storage import results
from tests.unit import hostile, made

ID = hostile.RESULT.cell.id
CHECK = CheckResult(
    "test_dtype.py::test_naive_cast[tiny-point-half]", "dtype", CheckOutcome.KNOWN, reason="x"
)
IMAGE = "samcheck:torch2.4.1-cu121-py3.11-ade489dd1731"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(version, "version", lambda: "0.1.0")
    monkeypatch.setenv("COLUMNS", "200")
    results.store(tmp_path, hostile.RESULT, "unused")
    results.store(tmp_path, replace(hostile.RESULT, variants=["vit_b"]), "unused")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_a_run_of_some_groups_is_found_by_its_cell(tmp_path: Path) -> None:
    """And stands apart where there is a whole run too."""
    part = replace(hostile.RESULT, variants=["vit_b"], groups=["peaks", "recovery"])
    results.store(tmp_path, part, "unused")
    assert lookup.place(lookup.single(lookup.cells(tmp_path, ID))) == (
        f"cpu-amd-epyc/none/{ID}+vit_b@peaks@recovery"
    )
    assert lookup.cells(tmp_path, f"{ID}+vit_b@peaks@recovery")
    results.store(tmp_path, replace(part, variants=[]), "unused")
    results.store(tmp_path, hostile.RESULT, "unused")
    assert [stored.result.only for stored in lookup.cells(tmp_path, ID)] == [""]
    shown = run("show", f"{ID}@peaks@recovery", "--results", str(tmp_path)).stdout
    assert f"{hostile.RESULT.tier}, only groups peaks, recovery" in shown


def test_a_cell_is_shown_with_its_reasons(store: Path) -> None:
    shown = run("show", ID, "--results", str(store)).stdout
    assert f"cpu-amd-epyc/none/{ID}\n✗ failed: 2 of 11 checks failed" in shown
    assert "vit_b" not in shown
    assert "venv, because: not recorded" in shown
    assert "≈ known [some-defect]: because of known" in shown
    assert "✗ failed: because of failed\n  test_dtype.py::test_failed[tiny-fp16]\n    Traceback ..." in shown
    assert ", ".join(f"1 {outcome}" for outcome in SEVERITY) in shown


def test_checks_that_fit_are_shown_with_everything(store: Path) -> None:
    shown = run("show", f"{ID}+vit_b", "--check", "*[tiny-fp32]", "--results", str(store)).stdout
    assert "test_latency.py::test_encoder[tiny-fp32]\n✓ passed" in shown
    assert "test_peaks.py::test_peak[tiny-fp32]" in shown
    assert "no interval: the only process was disturbed" in shown
    assert "12.34" not in shown
    assert "2 rounds, steady, shared" in shown
    assert "fp16" not in shown


def finding(name: str, outcome: str, defect: str | None = None) -> CheckResult:
    return CheckResult(f"test_{name}.py::test_it", name, CheckOutcome(outcome), reason="x", defect=defect)


def other(torch: str, *checks: CheckResult) -> CellResult:
    outcome = CellOutcome.FAILED if any(check.outcome.is_bad for check in checks) else CellOutcome.PASSED
    cell = Cell(torch, "cu121", "3.11").record(())
    return replace(made.RESULT, cell=cell, outcome=outcome, checks=list(checks))


def test_what_all_environments_find_is_only_counted_unless_asked_for(tmp_path: Path) -> None:
    """A failure elsewhere can have any cause: it is no other finding."""
    here = (
        *(finding("dtype", "known", "alike"), finding("inputs", "known", "apart")),
        *(finding("state", "skipped"), finding("leaks", "skipped")),
        finding("memory", "known", "only here"),
    )
    there = (
        *(finding("dtype", "known", "alike"), finding("inputs", "passed")),
        *(finding("state", "skipped"), finding("leaks", "passed")),
    )
    broken = finding("dtype", "failed"), finding("inputs", "failed"), finding("state", "failed")
    some = finding("inputs", "known", "apart")
    for result in (
        *(other("2.1.0", *here), other("2.2.0", *there)),
        *(other("2.3.0", *broken), other("2.4.0", some)),
    ):
        results.store(tmp_path, result, "unused")
    cell = other("2.1.0").cell.id
    shown = run("show", cell, "--results", str(tmp_path)).stdout
    assert "[alike]" not in shown
    assert "test_state.py" not in shown
    assert "≈ known [apart]" in shown
    assert "≈ known [only here]" in shown
    assert "test_leaks.py" in shown
    assert "passed, or as in the others: dtype, state" in shown
    assert (
        "as in all of 3 other environments of this machine that tried them: 1 known, 1 skipped (--all"
        in shown
    )
    every = run("show", cell, "--all", "--results", str(tmp_path)).stdout
    assert "≈ known [alike]" in every
    assert "test_state.py" in every
    assert "others" not in every


def test_times_of_a_check_have_intervals_or_are_not_shown(tmp_path: Path) -> None:
    metrics = {
        "median_ms": 77.0,
        "rounds": 9.0,
        "time_ratio": 0.7,
        "time_ratio_low": 0.6,
        "claimed_time_ratio": 0.5,
    }
    timed = replace(
        CHECK,
        outcome=CheckOutcome.PASSED,
        metrics={**metrics, "time_ratio_high": 0.8, "load_s": 3.0, "load_s_low": 1.0, "load_s_high": 9.0},
        series=[Series({"wall_ms": [77.0]}, 9, 1, "steady") for _ in range(3)],
    )
    results.store(tmp_path, other("2.1.0", timed), "unused")
    arguments = ("--check", timed.check, "--results", str(tmp_path))
    shown = " ".join(run("show", other("2.1.0").cell.id, *arguments).stdout.split())
    assert "measured time 70.22 to 84.44 ms (3 processes)" in shown
    assert "measured time_ratio 0.6 to 0.8" in shown
    assert "measured load_s not measurable on this machine" in shown
    assert "measured claimed_time_ratio 0.5" in shown
    assert "measured rounds 9" in shown
    assert "not shown median_ms: times without an interval" in shown
    assert "77 " not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "torch2.4.1-cu121-py3.1"), f"did you mean {ID}"),
        (("show", "zzz"), f"it has the cells {ID}, {ID}+vit_b"),
        (
            ("show", ID, "--check", "test_dtype.py::test_know[tiny-fp16]"),
            "did you mean test_dtype.py::test_known[",
        ),
        (
            ("repro", ID, "test_dtype.py::test_fail[tiny-fp16]"),
            "did you mean test_dtype.py::test_failed[tiny-fp16]",
        ),
        (("repro", ID, "*"), "it has the checks test_dtype.py::"),
    ],
)
def test_what_is_not_there_has_near_names(store: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments, "--results", str(store))
    assert isinstance(done.exception, BadInput)
    assert message in str(done.exception)


def test_one_of_several_devices_is_named_by_its_folder(store: Path) -> None:
    other = replace(made.SEEN, cpu="Other")
    results.store(store, replace(hostile.RESULT, observed=other), "unused")
    assert len(lookup.cells(store, ID)) == 2
    with pytest.raises(BadInput, match=f"cpu-amd-epyc/none/{ID}, cpu-other/none/{ID}"):
        lookup.single(lookup.cells(store, ID))
    assert lookup.single(lookup.cells(store, f"cpu-other/none/{ID}")).device == "cpu-other"


def test_repro_in_a_container() -> None:
    """Words are words for the shell, and the image is never looked for in a registry."""
    environment = EnvironmentRecord("docker", details={"image": IMAGE})
    words = shlex.split(
        reproduce.line(replace(hostile.RESULT, environment=environment, variants=["tiny"]), CHECK)
    )
    assert words[:3] == ["docker", "run", "--rm"]
    assert {"--pull=never", "--network=none", "--read-only", "--cap-drop=ALL"} <= set(words)
    assert "--gpus=all" not in words
    assert words[words.index(IMAGE) + 1 :][:3] == [
        "python",
        f"{confinement.SOURCE_MOUNT}/samcheck/guest/launch.py",
        "pytest",
    ]
    assert f"{confinement.SOURCE_MOUNT}/tests/suite/{CHECK.check}" in words
    assert "--samcheck-variants=tiny" in words
    on_gpu = replace(made.SEEN, device="cuda")
    assert "--gpus=all" in reproduce.line(
        replace(hostile.RESULT, environment=environment, observed=on_gpu), CHECK
    )


def test_repro_in_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "home", lambda: tmp_path / "a home")
    with pytest.raises(BadInput, match=r"the venv environment of .* is not on this machine"):
        reproduce.line(hostile.RESULT, CHECK)
    python = tmp_path / "a home" / "python"
    python.parent.mkdir()
    python.touch(mode=0o755)
    here = EnvironmentRecord("here", details={"interpreter": str(python)})
    line = reproduce.line(replace(hostile.RESULT, environment=here), CHECK)
    assert f"'{python}' {paths.ROOT}/samcheck/guest/launch.py pytest" in line
    assert f"'{paths.ROOT}/tests/suite/{CHECK.check}'" in line
    assert "\n" not in line


@pytest.mark.parametrize("image", ["", "--privileged", "samcheck:x --privileged", "elsewhere/x:y"])
def test_an_image_is_one_of_samchecks(image: str) -> None:
    environment = EnvironmentRecord("docker", details={"image": image})
    with pytest.raises(BadInput, match="does not say which image"):
        reproduce.line(replace(hostile.RESULT, environment=environment), CHECK)


@pytest.mark.parametrize(
    "check", ["../x.py::test", "test_none.py::test_x", "test_dtype.py\x1b::x", "test_dtype.py::\x1b"]
)
def test_a_check_is_one_of_this_suite(check: str) -> None:
    environment = EnvironmentRecord("docker", details={"image": IMAGE})
    with pytest.raises(BadInput):
        reproduce.line(replace(hostile.RESULT, environment=environment), replace(CHECK, check=check))
