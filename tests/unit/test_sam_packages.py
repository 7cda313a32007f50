"""The axis `sam`: what a package needs, what is installed beside it, and what it cannot be combined with."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from samcheck import facts, matrix, paths
from samcheck.cells import Cell
from samcheck.environments import images, venv
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts import compatibility, gpu_support, requirements, sam_packages
from samcheck.facts.sam_schema import SamPackage
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.variant_names import FAMILY_VARIANTS
from samcheck.matrix import explain

FACTS = facts.load()
NEW = Cell("2.15.0", "cu132", "3.13")
SAM2 = replace(NEW, sam="sam2==1.1.0")
MIDDLE = Cell("2.4.1", "cu121", "3.11")


def beside(cell: Cell, name: str) -> str:
    """Return the pinned version of a package in a cell; empty if it has none."""
    pins = requirements.resolve(cell, FACTS).all
    return next((pin.partition("==")[2] for pin in pins if pin.partition("==")[0] == name), "")


@pytest.mark.parametrize("row", FACTS.sam, ids=lambda row: row.requirement)
def test_what_a_row_names_is_among_the_facts(row: SamPackage) -> None:
    known = {dependency.name for dependency in FACTS.dependencies}
    assert {Requirement(need).name for need in row.needs} <= known
    assert set(row.references) <= {other.name for other in FACTS.sam} - {row.name}
    assert not list(sam_packages.clashes(dict.fromkeys([row.name, *row.references, *row.needs], "1"), FACTS))


def test_every_dependency_is_needed_and_no_release_is_there_twice() -> None:
    every = (need for row in FACTS.sam for needs in (row.needs, *row.optional.values()) for need in needs)
    needed = {Requirement(need).name for need in every}
    assert needed == {row.name for row in FACTS.dependencies}
    named = [row.requirement for row in FACTS.sam]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("row", FACTS.sam, ids=lambda row: row.requirement)
def test_each_package_has_a_cell_on_the_newest_pytorch_and_is_in_it(row: SamPackage) -> None:
    fitting = [
        replace(NEW, python=python, sam=row.requirement)
        for python in ("3.13", "3.12", "3.11")
        if not compatibility.obstacles(replace(NEW, python=python, sam=row.requirement), FACTS)
    ]
    if row.version in ("4.46.3", "4.57.6", "5.20.2"):  # older releases, which nothing is known against
        assert fitting
    pins = requirements.resolve(fitting[0], FACTS)
    assert row.requirement in pins.all
    assert "segment-anything==1.0" in pins.all
    assert all("==" in pin for pin in pins.all)
    assert len({Requirement(pin).name for pin in pins.all}) == len(pins.all), "a package is pinned twice"


def test_ultralytics_is_no_dependency_and_imported_only_where_a_model_is_built() -> None:
    """It is AGPL-3.0."""
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [*project["project"].get("optional-dependencies", {}).values()]
    groups += project.get("dependency-groups", {}).values()
    declared = [*project["project"]["dependencies"], *(each for group in groups for each in group)]
    assert not any("ultralytics" in str(requirement) for requirement in declared)
    files = [*(paths.ROOT / "samcheck").rglob("*.py"), *(paths.ROOT / "tests" / "suite").glob("*.py")]
    importing = {path.name for path in files if "ultralytics" in names_imported(path, everywhere=True)}
    assert importing >= {"ultralytics_sam.py", "ultralytics_predictors.py"}
    assert not any("ultralytics" in names_imported(path, everywhere=False) for path in files)


def names_imported(path: Path, everywhere: bool) -> set[str]:
    """Return the packages that a module imports: everywhere in it, or when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def test_a_source_archive_is_installed_last_and_alone() -> None:
    pins = requirements.resolve(SAM2, FACTS)
    assert pins.bare == ("sam2==1.1.0",)
    assert pins.build_environment == ("SAM2_BUILD_CUDA=0",)
    assert "sam2==1.1.0" not in pins.wheels
    assert {"hydra-core==1.3.8", "iopath==0.1.10"} < set(pins.wheels)


def test_pins_of_sam_itself_are_as_ever() -> None:
    pins = requirements.resolve(MIDDLE, FACTS)
    assert (pins.sam, pins.bare, pins.build_environment) == (("segment-anything==1.0",), (), ())


@pytest.mark.parametrize(
    "name", ["segment-anything==1.0", "sam2==1.1.0", "mobilesam-mirror==1.0.0", "segment-anything-hq==0.3"]
)
def test_one_python_has_what_is_imported_only_if_asked_to(name: str) -> None:
    optional = {"opencv-python-headless", "pycocotools"}
    with_both, without = (replace(NEW, python=python, sam=name) for python in ("3.13", "3.12"))
    assert all(beside(with_both, package) for package in optional)
    assert not any(beside(without, package) for package in optional)
    shipped = matrix.plan(paths.MATRICES / "default.toml", FACTS, NO_GPU)
    assert with_both in {row.cell for row in shipped.cells}


def test_what_is_imported_only_if_asked_to_is_among_the_facts() -> None:
    for row in FACTS.sam:
        for python, names in row.optional.items():
            assert row.allows("python", python)
            assert not sam_packages.without_release(row, python, FACTS)
            assert not list(sam_packages.clashes(dict.fromkeys([row.name, *row.needs, *names], "1"), FACTS))


def test_the_reference_is_the_newest_that_fits_the_cell() -> None:
    assert beside(SAM2, "transformers") == "5.23.0"
    assert beside(Cell("2.5.1", "cu124", "3.11", sam="sam2==1.1.0"), "transformers") == "4.57.6"
    assert beside(Cell("2.8.0", "cu128", "3.10", sam="sam2==1.1.0"), "transformers") == "5.20.2"
    assert beside(Cell("2.0.1", "cu117", "3.9", sam="segment-anything-hq==0.3"), "transformers") == "4.46.3"


def test_a_reference_that_fits_nowhere_is_left_out() -> None:
    cell = replace(MIDDLE, sam="transformers==4.57.6")
    assert beside(cell, "sam2") == "", "it needs a newer PyTorch"
    assert beside(cell, "segment-anything-hq") == "0.3"
    assert requirements.compared_with(cell, FACTS) == ("segment-anything-hq==0.3",)


def test_the_package_under_test_decides_on_what_it_shares_with_a_reference() -> None:
    assert beside(replace(MIDDLE, sam="transformers==4.57.6"), "timm") == "1.0.19"
    assert beside(replace(MIDDLE, sam="segment-anything-hq==0.3"), "timm") == "1.0.31"


def test_numpy_is_one_that_the_package_accepts() -> None:
    cell = replace(NEW, sam="sam3==0.1.4")
    assert requirements.resolve(cell, FACTS).numpy == ("numpy==2.3.5",)
    assert requirements.resolve(NEW, FACTS).numpy == ("numpy==2.5.5",)
    (against,) = compatibility.obstacles(replace(cell, numpy="2.5.5"), FACTS)
    assert (against.rule, against.kind) == ("sam-numpy", ObstacleKind.INSTALL)


@pytest.mark.parametrize(
    ("cell", "rule", "said"),
    [
        (
            replace(SAM2, python="3.9", torch="2.8.0", cuda="cu128"),
            "sam-python",
            "needs Python >=3.10, not 3.9",
        ),
        (replace(MIDDLE, sam="sam2==1.1.0"), "sam-torch", "needs PyTorch >=2.5.1, not 2.4.1"),
        (
            replace(NEW, python="3.15", sam="sam2==1.1.0"),
            "sam-python",
            "hydra-core, which sam2==1.1.0 imports",
        ),
        (Cell("2.7.1", "cu118", "3.12", sam="sam3==0.1.4"), "sam-cuda", "needs CUDA >=12.6, not 11.8"),
        (replace(NEW, cuda="cpu", sam="sam3==0.1.4"), "sam-gpu", "works only on an NVIDIA GPU"),
        (replace(NEW, sam="sam9==1.0"), "sam-unknown", "sam9==1.0 is unknown; known: segment-anything==1.0"),
    ],
)
def test_what_cannot_be_together_is_named(cell: Cell, rule: str, said: str) -> None:
    found = {obstacle.rule: obstacle for obstacle in compatibility.obstacles(cell, FACTS)}
    assert said in found[rule].text
    assert found[rule].source or rule == "sam-unknown"


def test_a_package_for_gpus_cannot_run_on_a_machine_without_one() -> None:
    cell = replace(NEW, sam="sam3==0.1.4")
    (without,) = gpu_support.obstacles(cell, NO_GPU, FACTS)
    assert (without.rule, without.kind) == ("sam-gpu", ObstacleKind.HOST)
    h100 = gpu_support.host("H100", "", FACTS)
    assert gpu_support.obstacles(cell, h100, FACTS) == ()
    assert explain.verdict(explain.about(cell, h100, FACTS)).startswith("can run on")


def test_a_python_without_what_a_package_imports_cannot_be_built() -> None:
    with pytest.raises(BuildFailed, match=r"hydra-core, which sam2==1\.1\.0 imports, has no known release"):
        requirements.resolve(replace(SAM2, python="3.15"), FACTS)


def test_only_other_packages_are_in_the_name_of_a_cell() -> None:
    assert SAM2.id == "torch2.15.0-cu132-py3.13-sam2-1.1.0"
    assert NEW.id == "torch2.15.0-cu132-py3.13"
    assert explain.find(SAM2.id, FACTS) == SAM2


def test_another_release_of_the_package_may_do_instead() -> None:
    explained = explain.about(replace(MIDDLE, sam="transformers==5.23.0"), NO_GPU, FACTS)
    assert explained.instead[-1].endswith("-transformers-5.23.0")
    assert "torch2.4.1-cu121-py3.11-transformers-4.57.6" in explained.instead
    assert all("-transformers-" in other for other in explained.instead)


def test_what_is_compared_is_said() -> None:
    said = list(explain.lines(explain.about(SAM2, NO_GPU, FACTS)))
    assert "  compared: sam2==1.1.0 with transformers==5.23.0" in said


def test_the_image_has_a_layer_for_what_is_built_in_it() -> None:
    arguments = images.image(
        SAM2, requirements.resolve(SAM2, FACTS), "base:1", "sha256:aa", "FROM x"
    ).arguments
    assert arguments["BARE"] == "sam2==1.1.0"
    assert arguments["BUILD_ENVIRONMENT"] == "SAM2_BUILD_CUDA=0"
    assert arguments["SAM"].endswith(" numpy==2.5.5"), "the NumPy of the cell stays"


def test_environments_are_told_apart_by_how_they_are_built() -> None:
    pins = requirements.resolve(SAM2, FACTS)
    assert venv.Venv().folder(SAM2, pins) != venv.Venv().folder(SAM2, replace(pins, build_environment=()))


def test_modules_that_two_packages_install_are_found_by_any_spelling() -> None:
    ((clash, names),) = sam_packages.clashes({"sam2": "1.1.0", "rf_sam_2": "1.0.3", "numpy": "2.0"}, FACTS)
    assert (clash.module, names) == ("sam2", ["sam2", "rf-sam-2"])
    assert not list(sam_packages.clashes({"sam2": "1.1.0", "opencv-python": "4.10"}, FACTS))


def plan(tmp_path: Path, text: str) -> matrix.Plan:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return matrix.plan(path, FACTS, NO_GPU)


def test_a_matrix_with_the_axis_leaves_out_what_cannot_exist(tmp_path: Path) -> None:
    planned = plan(
        tmp_path,
        'strategy = "all"\n[axes]\ntorch = ["2.4.1", "2.15.0"]\npython = "3.11"\ncuda = "default"\n'
        'sam = ["segment-anything==1.0", "sam2", "transformers==4.57.6", "transformers==5.23.0"]\n',
    )
    assert sorted((row.cell.torch, row.cell.sam) for row in planned.cells) == [
        ("2.15.0", "sam2==1.1.0"),
        ("2.15.0", "segment-anything==1.0"),
        ("2.15.0", "transformers==4.57.6"),
        ("2.15.0", "transformers==5.23.0"),
        ("2.4.1", "segment-anything==1.0"),
        ("2.4.1", "transformers==4.57.6"),
    ]
    assert planned.coverage is not None
    said = planned.coverage.impossible[(("torch", "2.4.1"), ("sam", "sam2==1.1.0"))]
    assert str(said) == "sam2==1.1.0 needs PyTorch >=2.5.1, not 2.4.1 (sam-torch; source: sam2-sdist)"


def test_a_listed_cell_may_name_a_package_without_a_release(tmp_path: Path) -> None:
    planned = plan(tmp_path, '[[cell]]\ntorch = "2.15.0"\npython = "3.13"\nsam = "sam2"\n')
    assert [row.cell.sam for row in planned.cells] == ["sam2==1.1.0"]


@pytest.mark.parametrize(
    ("sam", "said"),
    [
        ("sam2==9.9.9", r"cell\[0\].sam: 'sam2==9.9.9' is unknown; did you mean sam2==1.1.0\? Known"),
        ("sam2>=1.0", r"cell\[0\].sam: 'sam2>=1.0' is not of the form sam2==1.1.0"),
        ("sam2 ; rm -rf /", r"is not of the form"),
        ("--index-url=x", r"is not of the form"),
        ("-r==1.0", r"is not of the form"),
        ("sam2==1.1.0", r"cell\[0\].sam: sam2==1.1.0 needs PyTorch >=2.5.1, not 2.4.1"),
        ("rf-sam-2==1.0.3", r"installs the module sam2 as sam2 does"),
    ],
)
def test_a_matrix_is_refused_before_anything_runs(tmp_path: Path, sam: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        plan(tmp_path, f'[[cell]]\ntorch = "2.4.1"\npython = "3.11"\nsam = "{sam}"\n')


def test_the_newest_release_of_each_package_is_what_a_name_means() -> None:
    for name in {row.name for row in FACTS.sam}:
        versions = [Version(row.version) for row in sam_packages.releases_of(name, FACTS)]
        assert versions == sorted(versions, reverse=True)


@pytest.mark.parametrize("name", ["default", "family"])
def test_the_suite_has_checks_of_what_the_shipped_matrices_name(name: str) -> None:
    planned = matrix.plan(paths.MATRICES / f"{name}.toml", FACTS, NO_GPU)
    packages = {sam_packages.name_of(row.cell.sam) for row in planned.cells}
    assert (
        {"sam2", "transformers", "mobilesam-mirror", "segment-anything-hq"} <= packages <= {*FAMILY_VARIANTS}
    )


@pytest.mark.parametrize("value", ["a b", "$(id)", "x;y", ""])
def test_what_is_written_into_a_command_line_has_no_special_characters(value: str) -> None:
    row = FACTS.sam[0].model_dump() | {"build_environment": {"NAME": value}}
    with pytest.raises(ValueError, match="letters and digits"):
        SamPackage.model_validate(row)
