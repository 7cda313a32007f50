"""``samcheck advise``: what it is asked, and what it leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck import facts, matrix
from samcheck.__main__ import cli
from samcheck.cells import Cell
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.storage import results
from tests.unit import made

OLD, NEW = Cell("2.4.1", "cu121", "3.11"), Cell("2.15.0", "cu132", "3.11")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("--torch 2.15.0", "--from is missing"),
        ("--from 2.4.1", "give what to change: one or several of --driver, --torch"),
        ("--torch 2.15.0 --python 3.13 --from 3.11", "of several changes, name each: --from torch=OLD"),
        ("--torch 2.15.0 --python 3.13 --from torch=2.4.1", "as in --python 3.13 --from python=OLD"),
        ("--torch 2.15.0 --from torch=2.4.1,python=3.10", "nothing says what python changes to"),
        ("--torch 2.15.0 --from torhc=2.4.1", "'torhc=2.4.1' names none of driver, torch"),
        ("--torch 2.15.0 --from torch=2.4.1 --from torch=2.5.1", "torch is given twice"),
        ("--torch 2.15.0 --from-env --from 2.4.1", "name what you give"),
        ("--torch 2.15.0 --from-env --at-python 3.11", "--from-env already says what stays"),
        ("--torch 2.15 --from 2.4.1", "did you mean 2.15.0?"),
        ("--torch 2.15.0 --from 2.4.99", "did you mean 2.4."),
        ("--torch 2.15.0 --from 2.15.0", "changes nothing"),
        ("--torch \x1b[2J --from 2.4.1", "'\\\\x1b[2J'"),
        ("--python 3.13 --from three", "--from: unknown Python 'three'"),
        ("--numpy 2 --from 1.26.4", "--numpy: unknown NumPy '2'"),
        ("--numpy 9.9.9 --from 1.26.4", "--numpy: NumPy 9.9.9 is newer than all that the facts know"),
        ("--numpy 1.26.99 --from 1.26.98x", "--from: unknown NumPy '1.26.98x'"),
        ("--torch 2.7.0+cu128 --from 2.4.1", "--torch: PyTorch 2.7.0+cu128 names a build: give"),
        ("--torch 2.16.0.dev20261101+cu132 --from 2.4.1", "is a nightly build"),
        ("--torch 2.6.0a0+df5bbc09d1.nv24.11 --from 2.4.1", "is NVIDIA's own build"),
        ("--torch 2.8.0+xpu --from 2.4.1", "is a build for Intel's GPUs"),
        ("--torch 2.9.0rc1 --from 2.4.1", "is a preview"),
        ("--torch 2.15.1 --from 2.15.0", "--torch: PyTorch 2.15.1 is newer than all that the facts know"),
        ("--torch 2.8.0 --from 2.4.1 --at-cuda rocm6.4", "rocm6.4 is a build for ROCm"),
        ("--python 3.14t --from 3.13", "--python: Python 3.14t is a free-threaded Python"),
        ("--python 3.12.4 --from 3.11", "--python: Python 3.12.4 is a release of Python 3.12: give that"),
        (
            "--python 3.14.1 --from 3.13",
            "give that (torchvision 0.26 and newer exclude Python 3.14.1 by name)",
        ),
        ("--sam sam2==9.9 --from sam2", "--sam: 'sam2==9.9' is unknown; did you mean sam2==1.1.0?"),
        ("--sam sam2 --from sam2==1.1.0", "changes nothing"),
        ("--torch 2.15.0 --from 2.4.1 --at-sam sma2", "--at-sam: 'sma2' is unknown; did you mean sam2?"),
        ("--driver 12.4 --from 550", "looks like a CUDA version"),
        ("--driver 580 --from rm", "--from: 'rm' is not a version like"),
        ("--driver 580 --from 550 --at-driver 570", "--at-driver"),
        ("--torch 2.15.0 --from 2.4.1 --at-driver x", "--at-driver: 'x' is not a version like"),
        ("--torch 2.15.0 --from 2.4.1 --at-torch 2.4.1", "--at-torch"),
        ("--torch 2.15.0 --from 2.4.1 --at-cuda cu999", "--at-cuda: unknown CUDA build 'cu999'"),
        (
            "--torch 2.15.0 --from 2.4.1 --at-python 3.15",
            "--from: by the facts, what you have now cannot be installed",
        ),
        ("--driver 580 --from 550 --gpu nonsense", "--gpu: unknown GPU 'nonsense'"),
        ("--driver 580 --from 550 --gpu MI300X", "MI300X is no GPU of NVIDIA but of AMD"),
        ("--torch 2.15.0 --from 2.4.1 --gpu RX7900", "RX7900 is no GPU of NVIDIA but of AMD"),
        ("--torch 2.15.0 --from 2.4.1 --gpu M1", "M1 is no GPU of NVIDIA but of Apple"),
        ("--torch 2.15.0 --from 2.4.1 --json --markdown", "do not go together"),
        ("--driver 580 --from 550 --gpu T4,V100 --write x.toml", "--write: a matrix file is for one GPU"),
        ("--driver 580 --from 550 --gpu T4,nonsense", "--gpu: unknown GPU 'nonsense'"),
    ],
)
def test_questions_that_cannot_be_are_refused(arguments: str, hint: str) -> None:
    failed = run(arguments)
    assert isinstance(failed.exception, BadInput), failed.output
    assert hint in str(failed.exception)
    assert "\x1b" not in str(failed.exception)


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samcheck.environments.machine.look", lambda: NO_GPU)


def run(arguments: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["advise", *arguments.split(" "), *more], standalone_mode=False)


def test_the_command_reads_stores(tmp_path: Path) -> None:
    bad = CheckResult("test_a.py::test_one", "correctness", CheckOutcome.FAILED, reason="the mask is empty")
    for cell, outcome, check in (
        (OLD, "passed", replace(bad, outcome=CheckOutcome.PASSED)),
        (NEW, "failed", bad),
    ):
        row = replace(made.RESULT, cell=cell.record(()), outcome=CellOutcome(outcome), checks=[check])
        results.store(tmp_path, row, "cpu")
    done = run("--torch 2.15.0 --from 2.4.1 --json --results", str(tmp_path))
    shown = json.loads(done.output)
    assert shown["exit_code"] == CELLS_FAILED
    (cell,) = shown["cells"]
    assert (cell["basis"], cell["verdict"]) == ("measured", "breaks")
    (file,) = (result["file"] for result in cell["measured"]["after"])
    assert Path(file).exists()
    assert file.endswith(f"{NEW.id}.json")


def test_a_numpy_that_was_pinned_to_see_it_fail_speaks_against_no_python(tmp_path: Path) -> None:
    """The example of Python 3.14 with PyTorch 2.9.1: it works, without torch.compile."""
    pinned = replace(made.RESULT, cell=Cell("2.4.1", "cu121", "3.11", "2.2.6").record(()))
    own = replace(made.RESULT, cell=replace(Cell("2.2.2", "cu121", "3.12", own="a-1").record(()), id="a-1"))
    for row in (pinned, own):
        results.store(tmp_path, row, "cpu")
    done = run("--python 3.14 --from 3.12 --at-torch 2.9.1 --json --results", str(tmp_path))
    shown = json.loads(done.output)
    assert shown["exit_code"] == 0
    assert shown["headline"].startswith("YES, WITHOUT torch.compile, BUT ONLY PREDICTED")
    assert [cell["after"] for cell in shown["cells"]] == ["torch2.9.1-cu128-py3.14"]


def test_a_package_of_sam_can_change(tmp_path: Path) -> None:
    arguments = "--at-torch 2.4.1 --at-python 3.11 --from transformers==4.57.6 --json"
    refused = run(f"--sam transformers==5.23.0 {arguments} --results {tmp_path}")
    assert refused.exit_code == CELLS_FAILED
    (change,) = json.loads(refused.stdout)["cells"]
    assert "transformers==5.23.0 needs PyTorch >=2.6, not 2.4.1" in json.dumps(change)
    together = run(
        f"--torch 2.15.0 --sam sam2 --from torch=2.4.1,sam=segment-anything --at-python 3.11 --json "
        f"--write {tmp_path}/confirm.toml --results {tmp_path}"
    )
    assert together.exit_code == 0, together.output
    plan = matrix.plan(tmp_path / "confirm.toml", facts.load(), NO_GPU)
    assert "torch2.15.0-cu132-py3.11-sam2-1.1.0" in [row.cell.id for row in plan.cells]


def test_the_command_writes_a_matrix_that_can_be_planned(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    file = tmp_path / "sure.toml"
    where = ["--results", str(tmp_path / "empty"), "--write", str(file)]
    done = run("--numpy 2.2.6 --from 1.26.4 --at-torch 2.2.2 --at-python 3.10 --markdown", *where)
    assert f"`nox -s matrix -- {file}`" in done.output
    again = run("--numpy 2.2.6 --from 1.26.4 --at-torch 2.2.2 --at-python 3.10", *where)
    assert "already exists" in str(again.exception)
    planned = CliRunner().invoke(cli, ["plan", str(file), "--json"], standalone_mode=False)
    ids = {row["id"] for row in json.loads(planned.output)["cells"]}
    assert "torch2.3.1-cu121-py3.10-numpy2.2.6" in ids


def test_what_keeps_most_cells_from_being_is_said_first(tmp_path: Path) -> None:
    for torch in ("1.13.1", "2.0.1", "2.4.1"):
        results.store(tmp_path, replace(made.RESULT, cell=Cell(torch, "cu117", "3.10").record(())), "x")
    asked = [
        "advise",
        "--numpy",
        "2.2.6",
        "--from",
        "1.26.4",
        "--at-python",
        "3.13",
        "--results",
        str(tmp_path),
    ]
    said = str(CliRunner().invoke(cli, asked, standalone_mode=False).exception)
    assert "now cannot be installed: NumPy 1.26 has wheels for Python 3.9, 3.10, 3.11, 3.12, not 3.13" in said
    assert said.endswith("other reasons")


def test_several_gpus_have_a_line_each_and_the_worst_decides() -> None:
    asked = "--driver 590.44.01 --from 550.54.15 --gpu T4,V100 --gpu A100"
    several = run(asked)
    assert isinstance(several.exception, SystemExit)
    assert several.exception.code == CELLS_FAILED
    said = " ".join(several.output.split())
    assert "T4: YES, BUT ONLY PREDICTED" in said
    assert "V100: NO" in said
    assert "drivers after R580 do not support V100" in said
    assert "A100: YES, WITH nvidia-fabricmanager 590.44.01" in said
    found = json.loads(run(asked, "--json").output)
    assert [document["exit_code"] for document in found] == [0, CELLS_FAILED, 0]
    assert "- **V100**: NO" in run(asked, "--markdown").output


def test_gpus_with_the_same_answer_share_a_line() -> None:
    assert "  T4, L4: YES" in run("--driver 580.95.05 --from 550.54.15 --gpu", "T4, L4, T4").output
