"""Several changes in one question: their order, what moves along, and the environment that one has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from samcheck.__main__ import cli
from samcheck.analysis.advise import Step, advise, answer, ask, cell_changes
from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.order_of_steps import stages
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import gpu_support, load
from samcheck.facts.target_machine import NO_GPU
from samcheck.matrix.run_history import NONE
from tests.unit import made

FACTS = load()
OLD = Cell("2.4.1", "cu121", "3.10")
A100 = gpu_support.host("A100", "550.54.15", FACTS)


def order(steps: dict[str, Step], before: Cell = OLD, **at: str) -> list[str]:
    question = ask(steps, A100, at, FACTS)
    (change,) = cell_changes(question, [before], FACTS)
    return [str(stage) for stage in stages(change, question, FACTS)]


DRIVER, TORCH, PYTHON = Step("550.54.15", "580.95.05"), Step("2.4.1", "2.15.0"), Step("3.10", "3.13")


def test_the_driver_comes_first_and_what_cannot_change_alone_changes_at_once() -> None:
    together = "PyTorch and Python at once, in a new environment"
    assert order({"python": PYTHON, "torch": TORCH, "driver": DRIVER}) == ["driver", together]
    assert order({"driver": DRIVER, "torch": TORCH}, replace(OLD, python="3.11")) == ["driver", "PyTorch"]
    assert order({"torch": Step("2.4.1", "2.6.0"), "python": Step("3.10", "3.12")}) == ["PyTorch", "Python"]


def test_why_one_alone_cannot_change_is_said() -> None:
    question = ask({"torch": TORCH, "python": PYTHON}, NO_GPU, {}, FACTS)
    (change,) = cell_changes(question, [OLD], FACTS)
    (stage,) = stages(change, question, FACTS)
    assert "2.15.0" in stage.apart[0]
    assert "not 3.10" in stage.apart[0]
    assert "2.4.1" in stage.apart[1]
    assert "not 3.13" in stage.apart[1]


def test_a_driver_that_drops_the_old_build_comes_last() -> None:
    """No fact knows such a driver: the order is looked for, not assumed."""
    older = gpu_support.host("A100", "580.95.05", FACTS)
    question = ask(
        {"driver": Step("580.95.05", "535.183.01"), "torch": Step("2.15.0", "2.4.1")}, older, {}, FACTS
    )
    change = CellChange(Cell("2.15.0", "cu132", "3.11"), Cell("2.4.1", "cu121", "3.11"))
    assert [str(stage) for stage in stages(change, question, FACTS)] == ["PyTorch", "driver"]


def test_there_is_no_order_where_the_end_cannot_work_or_one_thing_changes() -> None:
    assert order({"torch": TORCH, "python": Step("3.10", "3.9")}) == []
    assert order({"driver": DRIVER}) == []


def test_packages_beside_sam_move_along() -> None:
    old = {"torch": Step("2.4.1", "2.2.2")}
    cell = Cell("2.4.1", "cu121", "3.11")
    for installed, expected in (
        ({"opencv-python-headless": "4.13.0.90"}, ["opencv-python-headless 4.13.0.90 -> 4.11.0.86"]),
        ({"opencv-python-headless": "4.11.0.86"}, []),
        ({}, ["opencv-python, if you use it -> 4.11.0.86"]),
    ):
        question = ask(old, NO_GPU, {}, FACTS, installed)
        (change,) = cell_changes(question, [cell], FACTS)
        along = advise(change, question, [], FACTS).implied_changes
        found = [text.partition(":")[0] for text in along if "opencv" in text]
        assert found == expected
    newer = ask({"torch": Step("2.4.1", "2.5.1")}, NO_GPU, {}, FACTS)
    (change,) = cell_changes(newer, [cell], FACTS)
    assert not [text for text in advise(change, newer, [], FACTS).implied_changes if "opencv" in text]


def test_what_is_compiled_for_the_old_numpy_is_named() -> None:
    """https://github.com/ppwwyyxx/cocoapi/pull/24."""
    numpy = {"numpy": Step("1.26.4", "2.4.6")}
    cell = Cell("2.4.1", "cu121", "3.11", numpy="1.26.4")
    for installed, expected in (
        (
            {"pycocotools": "2.0.7"},
            "pycocotools 2.0.7 -> 2.0.8: <2.0.8 needs NumPy <2, not 2.4.6, else ValueError",
        ),
        ({"pycocotools": "2.0.8"}, ""),
        ({}, "pycocotools, if you use it -> 2.0.8"),
    ):
        question = ask(numpy, NO_GPU, {}, FACTS, installed)
        (change,) = cell_changes(question, [cell], FACTS)
        along = [text for text in advise(change, question, [], FACTS).implied_changes if "pycoco" in text]
        assert len(along) == bool(expected)
        assert all(text.startswith(expected) for text in along)


def test_what_is_compiled_for_the_old_pytorch_and_the_c_library_are_named() -> None:
    """https://github.com/Dao-AILab/flash-attention/issues/1644, https://github.com/pytorch/pytorch/issues/156215."""
    cell = Cell("2.6.0", "cu124", "3.11")
    for new, installed, expected in (
        ("2.7.0", {"flash-attn": "2.7.4.post1"}, ["flash-attn 2.7.4.post1 is compiled for PyTorch 2.6.0"]),
        ("2.7.0", {"timm": "1.0.17"}, []),
        ("2.5.1", {"timm": "1.0.17"}, []),
    ):
        question = ask({"torch": Step("2.6.0", new)}, NO_GPU, {}, FACTS, installed)
        (change,) = cell_changes(question, [cell], FACTS)
        along = advise(change, question, [], FACTS).implied_changes
        assert [text.partition(":")[0] for text in along if "compiled" in text] == expected
        assert any("glibc 2.28" in text for text in along) == (new == "2.7.0")
    driver = ask({"driver": DRIVER}, A100, {}, FACTS, {"flash-attn": "2.7.4.post1"})
    (change,) = cell_changes(driver, [cell], FACTS)
    assert not [text for text in advise(change, driver, [], FACTS).implied_changes if "compiled" in text]


def test_several_changes_are_one_answer() -> None:
    question = ask({"torch": TORCH, "python": PYTHON, "driver": DRIVER}, A100, {}, FACTS)
    advices = [advise(change, question, [], FACTS) for change in cell_changes(question, [OLD], FACTS)]
    found = answer(question, advices, NONE, FACTS)
    assert [run.cell.id for run in found.to_run] == ["torch2.15.0-cu132-py3.13"]
    assert found.exit_code == 0
    assert str(question).startswith("driver 550.54.15 -> 580.95.05, PyTorch 2.4.1 -> 2.15.0, Python 3.10")


@pytest.fixture
def my_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An active Python with PyTorch 2.2.2, NumPy 1 and a new OpenCV."""
    seen = replace(
        made.SEEN,
        python="3.10.4",
        torch="2.2.2",
        torch_cuda="12.1",
        numpy="1.26.4",
        packages={"torch": "2.2.2", "numpy": "1.26.4", "opencv-python": "4.12.0.88"},
    )
    monkeypatch.setattr("samcheck.environments.here.default_python", lambda: "/my/python")
    monkeypatch.setattr("samcheck.environments.here.look", lambda python: seen)


def run(arguments: str) -> Result:
    return CliRunner().invoke(cli, ["advise", *arguments.split()])


def test_from_the_environment_that_one_has(my_environment: None) -> None:
    shown = run("--torch 2.15.0 --python 3.13 --from-env --gpu T4 --at-driver 580.95.05")
    assert shown.exit_code == 0, shown.output
    assert "PyTorch 2.2.2 -> 2.15.0, Python 3.10 -> 3.13 on T4" in " ".join(shown.output.split())
    assert "1. PyTorch and Python at once, in a new environment" in shown.output
    document = json.loads(run("--python 3.11 --torch 2.2.2 --from-env --gpu T4 --json").stdout)
    assert document["changes"] == {"python": {"from": "3.10", "to": "3.11"}}
    along = document["cells"][0]["predicted"]["along"]
    assert any(text.startswith("opencv-python 4.12.0.88 -> 4.11.0.86") for text in along)


def test_a_driver_that_the_machine_does_not_have_is_asked_for(my_environment: None) -> None:
    refused = run("--driver 580.95.05 --from-env --gpu T4")
    assert isinstance(refused.exception, BadInput)
    assert "as in --driver 580.95.05 --from driver=OLD" in str(refused.exception)
    given = run("--driver 580.95.05 --from-env --from driver=550.54.15 --gpu T4")
    assert given.exit_code == 0, given.output
    assert "driver 550.54.15 -> 580.95.05" in given.output


def test_an_environment_and_a_matrix_exclude_each_other(my_environment: None) -> None:
    refused = run("matrices/pr.toml --torch 2.15.0 --from-env")
    assert "do not go together" in str(refused.exception)
