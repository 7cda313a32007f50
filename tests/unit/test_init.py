"""What `samcheck init` writes into a repository."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck import facts, matrix, paths
from samcheck.commands.init import init_command
from samcheck.errors import BadInput
from samcheck.facts.target_machine import Machine
from samcheck.matrix import starter
from samcheck.matrix.starter import CiEngine, Starter

FACTS = facts.load()


def init(folder: Path, *options: str, answers: str = "") -> Result:
    return CliRunner().invoke(init_command, [*options, "--folder", str(folder)], input=answers)


def written(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.mark.parametrize("engine", [engine for engine in CiEngine if engine is not CiEngine.NONE])
def test_the_examples_are_what_it_writes(engine: CiEngine) -> None:
    example = paths.ROOT / "examples" / engine
    wanted = starter.files(Starter(engine), FACTS)
    assert written(example) == wanted, f"samcheck init --ci {engine} --folder {example}, once that is empty"


def test_without_options_and_without_anybody_to_ask_there_is_no_workflow(tmp_path: Path) -> None:
    done = init(tmp_path)
    assert done.exit_code == 0
    assert set(written(tmp_path)) == {"samcheck.toml", "noxfile.py"}


def test_the_matrix_is_one_that_can_be_planned(tmp_path: Path) -> None:
    assert init(tmp_path, "--torch", "2.4.1", "--torch", "2.15.0").exit_code == 0
    plan = matrix.plan(tmp_path / "samcheck.toml", FACTS, Machine())
    assert [planned.cell.torch for planned in plan.cells] == ["2.4.1", "2.15.0"]
    assert not plan.left_out


def test_the_matrix_names_the_packages_that_are_asked_for(tmp_path: Path) -> None:
    done = init(
        tmp_path, "--torch", "2.5.1", "--torch", "2.15.0", "--sam", "sam2", "--sam", "transformers==4.57.6"
    )
    assert done.exit_code == 0, done.output
    plan = matrix.plan(tmp_path / "samcheck.toml", FACTS, Machine())
    assert [(row.cell.torch, row.cell.sam) for row in plan.cells] == [
        ("2.5.1", "sam2==1.1.0"),
        ("2.5.1", "transformers==4.57.6"),
        ("2.15.0", "sam2==1.1.0"),
        ("2.15.0", "transformers==4.57.6"),
    ]


@pytest.mark.parametrize("variant", ["", "my_sam=my_package.models:SAM"])
def test_the_noxfile_has_the_main_job(variant: str) -> None:
    text = starter.files(Starter(CiEngine.NONE, variant=variant), FACTS)["noxfile.py"]
    sessions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert sessions == ["samcheck", "matrix", "plan", "merge", *(["here"] if variant else [])]
    assert ("my_package.models:SAM" in text) == bool(variant)


def test_labels_reach_the_workflow_and_the_plan() -> None:
    text = starter.files(Starter(CiEngine.GITHUB, gpu_labels=("a100", "linux")), FACTS)[
        CiEngine.GITHUB.workflow
    ]
    assert "runs-on: [self-hosted, a100, linux]" in text
    assert "--gpu-label a100 --gpu-label linux" in text


@pytest.mark.parametrize("name", ["samcheck.toml", "noxfile.py", ".gitlab-ci.yml"])
def test_nothing_is_overwritten_and_then_nothing_is_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/nowhere")
    done = init(tmp_path, "--ci", "gitlab")
    assert isinstance(done.exception, BadInput)
    assert str(done.exception).startswith(f"{name}: already exists")
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (Starter(CiEngine.GITHUB, gpu_labels=("gpu]\nowned",)), "is not a runner label"),
        (
            Starter(CiEngine.NONE, torch=("2.4.9",)),
            "not a release of PyTorch that samcheck knows; similar: 2.4.1",
        ),
        (Starter(CiEngine.NONE, sam=("sma2",)), "--sam: 'sma2' is unknown; did you mean sam2"),
        (Starter(CiEngine.NONE, torch=("2.4.1",), sam=("sam2",)), "sam2==1.1.0 needs PyTorch >=2.5.1"),
        (Starter(CiEngine.NONE, variant="my_sam"), "is not of the form my_sam=package.module:OBJECT"),
        (
            Starter(CiEngine.NONE, variant='x=a:b"\nimport os'),
            "is not of the form my_sam=package.module:OBJECT",
        ),
    ],
)
def test_answers_that_cannot_be_are_refused(answers: Starter, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        starter.files(answers, FACTS)
