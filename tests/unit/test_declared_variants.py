"""Variants that a matrix file declares: what it may say, and what reaches guests and results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click.testing
import pytest

from samcheck import facts, matrix, paths
from samcheck.cells import Cell
from samcheck.commands.bisect_questions import of_this_device
from samcheck.commands.memory import memory_command
from samcheck.commands.variants import variants_of
from samcheck.environments import GuestJob, confinement, docker, machine, own_variant
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.variant_names import DECLARED_VARIABLE, VARIANT_TIERS
from samcheck.storage import results, runs
from tests.unit import made

CELL = '[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n'
PROJECT = '[project.entry-points."samcheck.variants"]\nacme = "acme_sam.models:VARIANT"\n'


def declared(folder: Path, text: str) -> tuple[OwnVariant, ...]:
    (folder / "mine.toml").write_text(CELL + text)
    return matrix.plan(folder / "mine.toml", facts.load(), NO_GPU).variants


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Beside a matrix file: a module, a package, a project and a checkpoint."""
    (tmp_path / "acme.py").write_text("")
    for package in ("acme_sam", "project/src/acme_sam", "flat/acme_sam"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("")
    for project in ("project", "flat"):
        (tmp_path / project / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "acme.pth").write_bytes(b"weights")
    (tmp_path / "nothing").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("package", "path", "target"),
    [
        ("acme.py", "acme.py", "acme"),
        ("./acme_sam", "acme_sam", "acme_sam"),
        ("project", "project/src/acme_sam", "acme_sam.models:VARIANT"),
        ("flat", "flat/acme_sam", "acme_sam.models:VARIANT"),
    ],
)
def test_a_package_is_a_file_a_folder_or_a_project(
    folder: Path, package: str, path: str, target: str
) -> None:
    (variant,) = declared(folder, f'[variant.acme]\npackage = "{package}"\n')
    assert (variant.path, variant.target, variant.tier) == (folder / path, target, "")


def test_a_checkpoint_has_the_tier_of_its_base_unless_the_file_gives_one(folder: Path) -> None:
    text = '[variant.{}]\nbase = "{}"\ncheckpoint = "acme.pth"\n'
    rows = text.format("small", "tiny") + text.format("large", "vit_b")
    rows += text.format("quick", "vit_b") + 'tier = "fast"\n'
    tiers = {variant.name: variant.tier for variant in declared(folder, rows)}
    assert tiers == {"small": "fast", "large": "full", "quick": "fast"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "variant.acme.package: is missing: a variant needs a package, or a base and a checkpoint"),
        ('base = "vit_b"', "variant.acme.checkpoint: is missing"),
        ('checkpoint = "acme.pth"', "variant.acme.base: is missing"),
        ('package = "acme.py"\nbase = "tiny"', "variant.acme.package: a variant has either a package, or"),
        ('base = "vit_c"\ncheckpoint = "acme.pth"', "is called 'vit_c'; did you mean vit_"),
        ('base = "vit_b"\ncheckpoint = "acme.pt"', "variant.acme.checkpoint: there is no file"),
        ('package = "acme_sm"', "variant.acme.package: there is no"),
        ('package = "nothing"', "has neither __init__.py nor pyproject.toml"),
        ('package = "acme.py"\ntier = "slow"', "variant.acme.tier: Input should be 'fast' or 'full'"),
        ('package = "acme.py"\nteir = "fast"', "variant.acme.teir: unknown key; did you mean tier"),
        ("package = 3", "variant.acme.package: Input should be a valid string, not 3"),
    ],
)
def test_every_problem_has_its_path(folder: Path, table: str, message: str) -> None:
    with pytest.raises(BadInput) as problem:
        declared(folder, f"[variant.acme]\n{table}\n")
    assert message in str(problem.value)
    assert str(problem.value).startswith("mine.toml: variant.acme.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[variant.tiny]\npackage = "acme.py"', "variant.tiny.package: samcheck has a variant of this name"),
        ('[variant."A b"]\npackage = "acme.py"', "is not of the form lower-case letters, digits, _ and ."),
        ('[variant.other]\npackage = "flat"', "has no entry point other in the group samcheck.variants; it"),
    ],
)
def test_names_that_cannot_be(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as problem:
        declared(folder, text)
    assert message in str(problem.value)


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        ('package = "acme_sam"', "acme_sam/heads.py"),
        ('package = "project"', "project/src/acme_sam/__init__.py"),
        ('base = "tiny"\ncheckpoint = "acme.pth"', "acme.pth"),
    ],
)
def test_the_digest_is_of_the_contents(folder: Path, row: str, changed: str) -> None:
    (before,) = declared(folder, f"[variant.acme]\n{row}\n")
    told = own_variant.details([before])
    (folder / "acme_sam" / "__pycache__").mkdir()
    (folder / "acme_sam" / "__pycache__" / "a.pyc").write_text("compiled")
    assert own_variant.details(declared(folder, f"[variant.acme]\n{row}\n")) == told
    (folder / changed).write_text("changed = True")
    assert own_variant.details(declared(folder, f"[variant.acme]\n{row}\n")) != told


def test_resume_goes_on_only_with_the_same_contents(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    rows = '[variant.acme]\nbase = "tiny"\ncheckpoint = "acme.pth"\n'

    def manifest() -> runs.RunManifest:
        contents = own_variant.contents(declared(folder, rows))
        return runs.RunManifest("mine", "venv", "fast", (), "1", ("cell",), own_variants=contents)

    begun = runs.open_folder(manifest(), resume=False)
    assert runs.open_folder(manifest(), resume=True) == begun
    (folder / "acme.pth").write_bytes(b"other weights")
    with pytest.raises(BadInput, match=r"nothing to resume: .* these contents"):
        runs.open_folder(manifest(), resume=True)


CELL_OF = Cell("2.4.1", "cu121", "3.11")
SMALL = OwnVariant("acme_small", Path("/models/a/acme.pth"), base="tiny")
LARGE = OwnVariant("acme_large", Path("/models/b/acme.pth"), base="vit_b")
CODE = OwnVariant("acme_code", Path("/models/acme_sam"), target="acme_sam")
GIVEN = replace(CODE, name="acme_given", given_tier="fast")


def test_a_declared_variant_is_known() -> None:
    every = (LARGE, SMALL, CODE, GIVEN)
    assert variants_of("acme_small,tiny,acme_given", "fast", False, every) == (
        *("tiny", "acme_given"),
        "acme_small",
    )
    assert variants_of("acme_large,acme_code", "full", False, every) == ("acme_code", "acme_large")
    with pytest.raises(BadInput) as problem:
        variants_of("acme_smal", "fast", False, every)
    known = ", ".join(("acme_large", "acme_small", "acme_code", "acme_given", *VARIANT_TIERS))
    assert "'acme_smal'; did you mean acme_small" in str(problem.value)
    assert f"Known: {known}" in str(problem.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("acme_large", "it is of the tier full, since its base vit_b is"),
        ("acme_code", "its package says how large it is only once an environment is built"),
    ],
)
def test_what_no_fast_check_would_run_on_is_refused_before_anything_is_built(name: str, why: str) -> None:
    for own in (False, True):
        with pytest.raises(BadInput) as problem:
            variants_of(name, "fast", own, (LARGE, CODE))
        assert why in str(problem.value)
        assert "add --tier full, or, " in str(problem.value)
        assert f'tier = "fast" to [variant.{name}]' in str(problem.value)


def test_a_container_sees_them_read_only_where_the_variable_says() -> None:
    variants = (SMALL, LARGE, CODE, GIVEN)
    mounts = confinement.variant_mounts(variants)
    assert {mount["mode"] for mount in mounts.values()} == {"ro"}
    assert len({mount["bind"] for mount in mounts.values()}) == 3  # two files of one name, one package twice
    told = json.loads(confinement.guest_environment((), variants)[DECLARED_VARIABLE])
    for variant, entry in zip(variants, told, strict=True):
        assert entry["path"] == mounts[str(variant.path)]["bind"]
        assert entry["path"].endswith(f"/{variant.path.name}")
    assert DECLARED_VARIABLE not in confinement.guest_environment()
    place = docker.DockerPlace(None, "image", CELL_OF, mounts={})
    job = GuestJob((), Path("/given"), Path("/work"), Path("/log"), variants=variants)
    assert set(place._volumes(job)) == {*mounts, "/given"}


def test_a_bisect_takes_no_results_of_other_contents(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "device_name", lambda: "cpu-amd-epyc")
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    (variant,) = declared(folder, '[variant.acme]\nbase = "tiny"\ncheckpoint = "acme.pth"\n')
    result = made.RESULT
    kept = replace(result.environment, details=own_variant.details([variant]))
    results.store(tmp_path / "store", replace(result, environment=kept), machine.device_name())
    check = "test_dtype.py::test_naive_cast[{}-fp16]"
    (folder / "acme.pth").write_bytes(b"other weights")
    (changed,) = declared(folder, '[variant.acme]\nbase = "tiny"\ncheckpoint = "acme.pth"\n')
    asked = {
        (name, number): of_this_device(tmp_path / "store", check.format(name), [one])
        for name in ("acme", "tiny")
        for number, one in enumerate((variant, changed))
    }
    assert {key for key, found in asked.items() if not found} == {("acme", 1)}


def test_memory_of_a_checkpoint_is_its_bases(folder: Path) -> None:
    rows = '[variant.acme]\nbase = "vit_b"\ncheckpoint = "acme.pth"\n[variant.code]\npackage = "acme.py"\n'
    declared(folder, rows)
    runner, option = click.testing.CliRunner(), ["--matrix", str(folder / "mine.toml")]
    of_base = runner.invoke(memory_command, ["vit_b"])
    assert of_base.exit_code == 0
    assert runner.invoke(memory_command, ["acme", *option]).output == of_base.output
    refused = runner.invoke(memory_command, ["code", *option])
    assert "code is a package's, whose shape samcheck does not know" in refused.output
