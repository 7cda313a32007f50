"""What the facts say against a combination, in a small world and in the real one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from samcheck.cells import Cell
from samcheck.facts import compatibility
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from tests.unit.small_world import WORLD


def said(torch: str, cuda: str, python: str, numpy: str = "") -> list[str]:
    return [f"{obstacle.kind}: {obstacle}" for obstacle in against(torch, cuda, python, numpy)]


def against(torch: str, cuda: str, python: str, numpy: str = "") -> tuple[Obstacle, ...]:
    return compatibility.obstacles(Cell(torch, cuda, python, numpy), WORLD)


@pytest.mark.parametrize(
    "cell",
    [
        ("2.4.0", "cu121", "3.9"),
        ("2.4.0", "cu121", "3.9", "2.0.2"),
        ("2.4.0", "cu121", "3.9", "1.26.4"),
        ("2.4.0", "cpu", "3.9"),
        # Python 3.13 has no NumPy 1, which a release that works under NumPy 2 does not need.
        ("2.4.0", "cu121", "3.13"),
        ("2.0.0", "cu117", "3.9", "1.26.4"),
        # An export needs NumPy 2.0.1 under Python 3.10, and no particular one under 3.9.
        ("2.4.0", "cu121", "3.9", "2.0.0"),
        ("2.4.0", "cu121", "3.10", "2.0.1"),
    ],
)
def test_nothing_is_said_against_what_exists(cell: tuple[str, ...]) -> None:
    assert against(*cell) == ()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (
            ("2.3.0", "cu121", "3.9"),
            "install: PyTorch 2.3.0 is unknown; known: 1.9.0 to 2.4.0 (torch-unknown)",
        ),
        (
            ("2.0.0", "cu117", "3.11"),
            "install: PyTorch 2.0.0 has a wheel for Python 3.11, but torchvision 0.15.0 has none "
            "(python-no-torchvision; source: page of 2.0)",
        ),
        (
            ("2.0.0", "cu117", "3.12"),
            "install: PyTorch 2.0.0 with torchvision 0.15.0 has wheels for Python 3.9, 3.10, 3.13, not 3.12 "
            "(python-no-wheel; source: page of 2.0)",
        ),
        (
            ("2.4.0", "cu121", "3.14"),
            "install: samcheck's own tools have no release for Python 3.14 (guest-python)",
        ),
        (
            ("2.0.0", "cu117", "3.13"),
            "install: PyTorch 2.0.0 needs NumPy 1, which has no wheel for Python 3.13 "
            "(numpy1-new-python; source: page of 2.0)",
        ),
        (
            ("2.0.0", "cu124", "3.9"),
            "install: PyTorch 2.0.0 was built for cu117, cu118, cu121, not cu124 "
            "(cuda-build-absent; source: page of 2.0)",
        ),
        (
            ("2.4.0", "cu124", "3.9"),
            "doubt: no reliable source says that PyTorch 2.4.0 has a cu124 build "
            "(build-unverified; source: cu124)",
        ),
        (
            ("2.0.0", "cu117", "3.9", "2.0.2"),
            "run: PyTorch 2.0.0 was compiled against NumPy 1 and does not work with NumPy 2.0.2 "
            "(numpy2-old-torch; source: pt132179)",
        ),
        (
            ("2.4.0", "cu121", "3.9", "3.0.0"),
            "doubt: NumPy 3.0.0 is unknown; known series: 1.26, 2.0 (numpy-no-wheel)",
        ),
        (
            ("2.4.0", "cu121", "3.13", "2.0.2"),
            "install: NumPy 2.0 has wheels for Python 3.9, 3.10, not 3.13 (numpy-no-wheel; source: NumPy 2)",
        ),
        (
            ("2.4.0", "cu121", "3.10", "2.0.0"),
            "install: onnx 1.18, pinned for Python 3.10, needs NumPy 2.0.1 or newer, not 2.0.0 "
            "(export-needs-numpy; source: index of onnx)",
        ),
    ],
)
def test_what_is_against_a_combination_is_said_in_a_sentence(cell: tuple[str, ...], expected: str) -> None:
    assert said(*cell) == [expected]


def test_all_obstacles_of_a_cell_are_named_together() -> None:
    rules = [obstacle.rule for obstacle in against("1.9.0", "cu124", "3.13", "2.0.2")]
    assert rules == ["python-no-wheel", "cuda-build-absent", "numpy2-old-torch", "numpy-no-wheel"]


def test_an_unknown_release_has_one_obstacle_whatever_else_is_asked_of_it() -> None:
    rules = [obstacle.rule for obstacle in against("2.3.0", "cu999", "3.9", "2.0.2")]
    assert rules == ["torch-unknown"]


def test_several_sources_stand_side_by_side() -> None:
    assert str(Obstacle("a-rule", ObstacleKind.SOFT, "It limps", ("one", "other"))) == (
        "It limps (a-rule; source: one, other)"
    )


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"torch": "2.0.0", "python": "3.12"}, "python-no-wheel"),
        ({"torch": "2.0.0", "cuda": "cu124"}, "cuda-build-absent"),
        ({"torch": "2.0.0", "numpy": "2.0.2"}, "numpy2-old-torch"),
        ({"python": "3.13", "numpy": "2.0.2"}, "numpy-no-wheel"),
    ],
)
def test_a_planner_hears_of_an_obstacle_once_both_of_its_axes_have_a_value(
    values: dict[str, str], rule: str
) -> None:
    (constraint,) = (row for row in compatibility.constraints(WORLD) if row.axes == tuple(values))
    obstacle = constraint.check(values)
    assert obstacle is not None
    assert obstacle.rule == rule
    assert constraint.check({**values, "sam": "any"}) is obstacle, "answers are kept"
    for axis, value in values.items():
        assert constraint.check({axis: value, "sam": "any"}) is None


def test_a_package_that_exports_nothing_does_not_limit_numpy() -> None:
    """Only what is installed to export a model shares an environment with the cell's NumPy."""
    tools = tuple(row.model_copy(update={"role": "tool"}) for row in WORLD.packages)
    world = replace(WORLD, packages=tools)
    assert compatibility.obstacles(Cell("2.4.0", "cu121", "3.10", "2.0.0"), world) == ()


def test_a_cell_has_a_value_on_each_axis() -> None:
    assert compatibility.fields(Cell("2.4.0", "cu121", "3.9")) == {
        "torch": "2.4.0",
        "cuda": "cu121",
        "python": "3.9",
        "numpy": "",
        "sam": "segment-anything==1.0",
    }
