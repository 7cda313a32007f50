from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck import facts, matrix
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts.gpu_support import has_code_for
from samcheck.facts.target_machine import GpuDevice, Machine

FACTS = facts.load()
BARE = Machine()


def plan(tmp_path: Path, text: str, machine: Machine = BARE) -> matrix.Plan:
    path = tmp_path / "some.toml"
    path.write_text(text, encoding="utf-8")
    return matrix.plan(path, FACTS, machine)


def ids(whole: matrix.Plan) -> list[str]:
    return [row.cell.id for row in whole.cells]


CELL = '[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n'


def test_shipped_matrices_are_valid() -> None:
    plans = matrix.shipped(Path(__file__).resolve().parents[2] / "matrices", FACTS, BARE)
    assert plans[0].name == "default"
    assert len({row.cell.torch for row in plans[0].cells}) >= 2
    assert len({row.cell.python for row in plans[0].cells}) >= 2


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(), "cu121"),
        (Machine(pytorch_index=True), "cpu"),
        (Machine(gpus=(GpuDevice("NVIDIA H200", "9.0"),), driver="580.159.03"), "cu121"),
        # A driver too old for CUDA 12: the CUDA 11.8 build of the same release.
        (Machine(gpus=(GpuDevice("Tesla T4", "7.5"),), driver="470.82.01"), "cu118"),
        # Nothing has code for this GPU: the default, whose failure is then on record.
        (Machine(gpus=(GpuDevice("NVIDIA B200", "10.0"),), driver="580.95.05"), "cu121"),
    ],
)
def test_without_a_build_the_machine_decides(tmp_path: Path, machine: Machine, expected: str) -> None:
    assert ids(plan(tmp_path, CELL, machine)) == [f"torch2.4.1-{expected}-py3.11"]


@pytest.mark.parametrize(
    ("archs", "capability", "runs"),
    [
        (["8.0", "8.6"], "8.9", True),
        (["9.0"], "8.0", False),
        (["8.6"], "8.0", False),
        (["12.0"], "12.1", True),
        ([], "8.0", False),
    ],
)
def test_which_capabilities_code_runs_on(archs: list[str], capability: str, runs: bool) -> None:
    assert has_code_for(archs, capability) is runs


def test_all_problems_in_one_report(tmp_path: Path) -> None:
    text = (
        'tire = "fast"\n'
        '[[cell]]\ntorch = "2.4.9"\npython = "3.11"\n'
        '[[cell]]\ntorhc = "2.4.1"\npython = 3.11\n'
        '[[cell]]\ntorch = "2.4.1"\npython = "3.13"\ncuda = "cu130"\n'
        '[[exclude]]\nmatch = "x"\n'
    )
    with pytest.raises(BadInput) as caught:
        plan(tmp_path, text)
    lines = str(caught.value).splitlines()
    for expected in (
        "some.toml: tire: unknown key; did you mean tier?",
        "some.toml: cell[0].torch: '2.4.9' is unknown: known are 1.12.1 to 2.15.0; did you mean",
        "some.toml: cell[1].torhc: unknown key; did you mean torch?",
        "some.toml: cell[1].torch: is missing",
        "some.toml: cell[1].python: ",
        "some.toml: cell[2].python: PyTorch 2.4.1 with torchvision 0.19.1 has wheels for Python",
        "some.toml: cell[2].cuda: PyTorch 2.4.1 was built for cu121, cu118, cu124, not cu130",
        "some.toml: exclude[0].reason: is missing",
    ):
        assert any(line.startswith(expected) for line in lines), (expected, lines)


@pytest.mark.parametrize(
    "value", ["2.4.1; rm -rf /", "../../etc", "2.4.1\u202e", "2.4.1\n", "٢.٤.١", "$(id)", "", "x" * 10**6]
)
def test_hostile_values_are_refused(tmp_path: Path, value: str) -> None:
    import json

    with pytest.raises(BadInput) as caught:
        plan(tmp_path, f'[[cell]]\ntorch = {json.dumps(value)}\npython = "3.11"\n')
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text", ["not toml [", CELL + 'torch = "2.4.1"\n', "", "cell = 3", "x = " + "[" * 5000, 'a = "\x00"']
)
def test_a_malformed_file_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"some\.toml"):
        plan(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        matrix.plan(tmp_path / "absent.toml", FACTS, BARE)


def test_a_cell_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"more than once: torch2\.4\.1-cu121-py3\.11"):
        plan(tmp_path, CELL + CELL)


def test_exclusion_keeps_its_reason(tmp_path: Path) -> None:
    text = CELL + '[[cell]]\ntorch = "2.0.1"\npython = "3.9"\n'
    whole = plan(tmp_path, text + '[[exclude]]\nmatch = "torch2.0*"\nreason = "too old"\n')
    assert ids(whole) == ["torch2.4.1-cu121-py3.11"]
    assert whole.left_out == (matrix.LeftOut("torch2.0.1-cu117-py3.9", "too old"),)


def test_cells_are_selected_by_patterns_with_a_hint_where_none_fits(tmp_path: Path) -> None:
    whole = plan(tmp_path, CELL + '[[cell]]\ntorch = "2.0.1"\npython = "3.9"\n')
    assert ids(matrix.select(whole, ["torch2.4*"])) == ["torch2.4.1-cu121-py3.11"]
    assert matrix.select(whole, []).cells == whole.cells
    with pytest.raises(EmptySelection, match=r"did you mean torch2\.4\.1-cu121-py3\.11\?"):
        matrix.select(whole, ["torch2.4.1-cu121-py3.12"])


def test_spare_cells_are_marked_unless_named(tmp_path: Path) -> None:
    text = "wanted = 1\n" + CELL + '[[cell]]\ntorch = "2.0.1"\npython = "3.9"\nspare = true\n'
    whole = plan(tmp_path, text)
    assert [row.spare for row in whole.cells] == [False, True]
    assert whole.wanted == 1
    assert not matrix.select(whole, ["torch2.0*"]).cells[0].spare


def test_spare_cells_need_a_number(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="wanted: is missing"):
        plan(tmp_path, CELL + "spare = true\n")


def test_everything_excluded_is_an_error(tmp_path: Path) -> None:
    whole = plan(tmp_path, CELL + '[[exclude]]\nmatch = "*"\nreason = "none today"\n')
    with pytest.raises(EmptySelection):
        matrix.select(whole, [])


@given(st.text(max_size=200))
def test_no_text_ends_in_a_traceback(text: str) -> None:
    """Whatever a file holds, it is a plan or a `BadInput`."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.toml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(BadInput):
            matrix.plan(path, FACTS, BARE)
