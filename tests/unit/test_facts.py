"""The facts are consistent in themselves, and found by the names that people use."""

from __future__ import annotations

import ast
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import ValidationError

from samcheck import facts
from samcheck.errors import BadInput
from samcheck.facts.schema import ObstacleKind

FACTS = facts.load()
ROWS = [(name, row) for name in facts.TABLES for row in getattr(FACTS, name)]
BUILDS = [(release, build) for release in FACTS.releases for build in release.builds]
PYTHONS = {f"3.{minor}" for minor in range(7, 16)}


def test_every_source_is_explained() -> None:
    used = {source for _, row in ROWS for source in row.source}
    used |= {source for _, build in BUILDS for source in build.source}
    assert used <= set(FACTS.sources)


def test_every_file_has_a_date_and_says_what_its_fields_mean() -> None:
    for name, day in FACTS.as_of.items():
        assert day.count("-") == 2
        assert (facts.FOLDER / f"{name}.toml").read_text(encoding="utf-8").startswith("# ")


def test_no_two_rows_are_about_the_same() -> None:
    keys = {
        "releases": "version",
        "floors": "cuda_major",
        "toolkits": "version",
        "branches": "number",
        "forward": "cuda",
        "gpus": "name",
        "architectures": "capability",
        "numpy": "series",
        "rules": "id",
        "claims": "id",
    }
    for table, key in keys.items():
        values = [getattr(row, key) for row in getattr(FACTS, table)]
        assert len(values) == len(set(values)), table


@pytest.mark.parametrize(("release", "build"), BUILDS, ids=lambda row: getattr(row, "tag", None))
def test_builds_are_consistent(release: facts.Release, build: facts.Build) -> None:
    assert build.tag == f"cu{build.cuda.replace('.', '')}"
    assert (build.index == "default") == (build == release.default_build)
    assert list(build.archs) == sorted(set(build.archs), key=Version)
    assert not build.ptx or build.ptx in build.archs
    for arch in build.archs:
        row = FACTS.architecture(arch)
        assert row is not None
        assert Version(row.first_cuda) <= Version(build.cuda)
        assert not row.removed_in_cuda or Version(build.cuda) < Version(row.removed_in_cuda)


@pytest.mark.parametrize("release", FACTS.releases, ids=lambda row: row.version)
def test_releases_are_consistent(release: facts.Release) -> None:
    assert sum(build.index == "default" for build in release.builds) == 1
    assert release.default_build.status != "unverified"
    assert set(release.pythons) | set(release.torch_only) <= PYTHONS
    assert not set(release.pythons) & set(release.torch_only)
    assert release.numpy2 == (Version(release.version) >= Version("2.3"))
    assert (release.platform == "manylinux_2_28") == (Version(release.version) >= Version("2.7"))


def test_releases_stand_in_order_and_later_ones_never_have_an_older_torchvision() -> None:
    versions = [Version(row.version) for row in FACTS.releases]
    partners = [Version(row.torchvision) for row in FACTS.releases]
    assert versions == sorted(versions)
    assert partners == sorted(partners)


def test_toolkits_and_driver_floors_agree() -> None:
    known = [row for row in FACTS.toolkits if row.driver]
    by_version = sorted(known, key=lambda row: Version(row.version))
    drivers = [Version(row.driver) for row in by_version]
    assert drivers == sorted(drivers), "a newer toolkit came with an older driver"
    for floor in FACTS.floors:
        first = FACTS.first_toolkit(f"{floor.cuda_major}.0")
        if first is not None:  # of the older majors only later toolkits are listed
            assert first.driver == floor.driver
    assert {row.status for row in FACTS.toolkits if not row.driver} == {"unverified"}


def test_toolkit_of_a_minor_version() -> None:
    first, newest = FACTS.first_toolkit("12.4"), FACTS.toolkit("12.4")
    assert first is not None
    assert newest is not None
    assert (first.driver, newest.driver) == ("550.54.14", "550.54.15")
    assert FACTS.toolkit("12.4.1") == newest
    assert FACTS.toolkit("13.0") == next(row for row in FACTS.toolkits if row.version == "13.0.2")
    assert FACTS.toolkit("13.4") is None  # there, but its driver is not known
    assert FACTS.toolkit("99.9") is None


def test_a_driver_belongs_to_a_branch() -> None:
    branch = FACTS.branch("535.104.05")
    assert branch is not None
    assert (branch.number, branch.cuda, branch.state) == (535, "12.2", "ended")
    assert FACTS.branch("999.1") is None


@pytest.mark.parametrize("row", FACTS.forward, ids=lambda row: row.cuda)
def test_forward_compatibility_agrees_with_the_branches(row: facts.Forward) -> None:
    for number, state in row.branches.items():
        branch = FACTS.branch(str(number))
        assert branch is not None
        own, wanted = Version(branch.cuda), Version(row.cuda)
        expected = "supported" if own < wanted else "not-needed" if own == wanted else "newer-driver"
        assert state == expected
        assert FACTS.forward_for(row.cuda, f"{number}.10.01") == state


def test_forward_compatibility_of_what_is_not_listed() -> None:
    assert FACTS.forward_for("13.0", "535.104.05") == "supported"
    assert FACTS.forward_for("13.0", "525.60.13") is None  # ended: NVIDIA's table has no column for it
    assert FACTS.forward_for("11.8", "535.104.05") is None


def test_every_gpu_has_an_architecture() -> None:
    for gpu in FACTS.gpus:
        assert FACTS.architecture(gpu.capability) is not None, gpu.name
    for row in FACTS.architectures:
        assert not row.last_branch or FACTS.branch(str(row.last_branch)) is not None
        assert bool(row.last_branch) == bool(row.removed_in_cuda)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A100 80GB PCIe", "A100"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "A100"),
        ("rtx4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090"),
        ("Tesla V100-SXM2-16GB", "V100"),
        ("NVIDIA GeForce RTX 2080 Ti", "RTX 2080 Ti"),
        ("rtx2080ti", "RTX 2080 Ti"),
        ("GeForce RTX 2080", "RTX 2080"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA GH200 480GB", "GH200"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("l40s", "L40S"),
        ("A6000", "RTX A6000"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "RTX PRO 6000 Blackwell"),
        ("NVIDIA Thor", "Jetson Thor"),
        ("DGX Spark", "GB10"),
    ],
)
def test_gpu_by_the_name_that_a_driver_or_a_person_gives(said: str, name: str) -> None:
    gpu = FACTS.gpu(said)
    assert gpu is not None
    assert gpu.name == name


@pytest.mark.parametrize("said", ["", "NVIDIA", "A10X", "V100S", "RTX 3080 Super", "Quadro RTX 6000", "100"])
def test_a_gpu_that_is_not_listed_is_not_taken_for_another(said: str) -> None:
    assert FACTS.gpu(said) is None


@given(
    st.sampled_from(FACTS.gpus),
    st.sampled_from(["", "NVIDIA ", "nvidia-", "NVIDIA GeForce ", "Tesla "]),
    st.sampled_from(["", " 80GB", "-SXM4-40GB", " PCIe", " GPU", "_pcie 16 gb"]),
    st.randoms(use_true_random=False),
)
def test_decoration_and_case_do_not_matter(
    row: facts.GpuModel, before: str, after: str, random: Random
) -> None:
    name = f"{before}{row.name}{after}"
    name = "".join(random.choice([letter.lower(), letter.upper()]) for letter in name)
    assert FACTS.gpu(name) == row


@given(st.text(max_size=60))
def test_any_text_can_be_looked_up(text: str) -> None:
    gpu = FACTS.gpu(text)
    assert gpu is None or any(character.isalnum() for character in text)


def test_numpy_series_are_consistent() -> None:
    for row in FACTS.numpy:
        assert row.newest.startswith(f"{row.series}.")
        assert set(row.pythons) <= PYTHONS
        assert FACTS.series(row.newest) == row
    assert FACTS.series("1.5.0") is None
    for package in FACTS.packages:
        for python, version in package.versions.items() if package.role.startswith("numpy") else ():
            series = FACTS.series(version)
            assert series is not None
            assert python in series.pythons
            assert Version(version) <= Version(series.newest)


def test_backends_cover_each_version_once() -> None:
    for version in ("1.11.0", "1.18.1", "1.23.2", "1.27.0", "1.31.1"):
        assert sum(Version(version) in SpecifierSet(row.versions) for row in FACTS.onnxruntime) == 1
    for version in ("10.4.0", "10.8.0", "10.13.0", "10.14.1.48", "10.14.1.48.post1", "11.4.0.106"):
        bindings = [row for row in FACTS.tensorrt if row.package == "bindings"]
        assert sum(Version(version) in SpecifierSet(row.versions) for row in bindings) == 1
    assert not any("3.15" in row.pythons for row in FACTS.onnxruntime)
    assert not any("3.15" in row.pythons for row in FACTS.tensorrt)


def test_rules_are_found_by_id() -> None:
    assert FACTS.rule("numpy2-old-torch").kind == "run"
    with pytest.raises(BadInput, match=r"no rule 'numpy3'.*known: .*python-no-wheel"):
        FACTS.rule("numpy3")


def named_rules() -> set[tuple[str, ObstacleKind]]:
    """Rule and kind of every obstacle that the program can raise by itself."""
    rules = set()
    for module in ("compatibility", "driver_support", "gpu_support"):
        tree = ast.parse((facts.FOLDER / f"{module}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Obstacle":
                rule, kind = node.args[:2]
                assert isinstance(rule, ast.Constant)
                assert isinstance(kind, ast.Attribute)
                rules.add((str(rule.value), ObstacleKind[kind.attr]))
    return rules


def test_every_rule_that_the_program_names_is_among_the_facts() -> None:
    """And has the kind it is used with, or is softened."""
    for rule, kind in named_rules():
        assert kind in (FACTS.rule(rule).kind, ObstacleKind.SOFT, ObstacleKind.DOUBT), rule


def test_rules_say_whether_they_are_checked() -> None:
    assert {row.id for row in FACTS.rules if row.checked} == {rule for rule, _ in named_rules()}


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.x"},
        {"pythons": ["2.7"]},
        {"colour": "red"},
        {"source": []},
        {"status": "probably"},
        {"platform": "windows"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_rows_are_read_strictly(change: dict[str, object]) -> None:
    row = FACTS.releases[0].model_dump()
    assert facts.Release.model_validate(row) == FACTS.releases[0]
    with pytest.raises(ValidationError):
        facts.Release.model_validate({**row, **change})


def test_facts_load_with_little_at_hand() -> None:
    """The noxfile reads them before anything is installed."""
    allowed = {"packaging", "pydantic", "samcheck", *sys.stdlib_module_names}
    for path in facts.FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).partition(".")[0] in allowed
            elif isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
