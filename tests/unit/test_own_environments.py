"""Environments of the user's own: what a matrix may say of them, and what is known before they are built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import facts, matrix, paths
from samcheck.analysis import contradictions
from samcheck.cells import Cell
from samcheck.environments.own import anew, image_contents, locks, recipes, steps
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.outcomes import CellOutcome, CheckOutcome, FailureCause
from samcheck.guest.record import CheckResult
from samcheck.matrix import Plan, run_history
from samcheck.matrix.planner import against
from samcheck.run import cell_runner, redaction
from samcheck.storage.results import Stored
from tests.unit.made import RESULT, SEEN

UV_LOCK = """
version = 1
[[package]]
name = "torch"
version = "2.4.1"
source = { registry = "somewhere" }
[[package]]
name = "NumPy"
version = "1.26.4"
[[package]]
name = "acme-sam"
version = "1.0"
source = { directory = "acme_sam" }
[[package]]
name = "sympy"
version = "1.13"
[[package]]
name = "sympy"
version = "1.12"
"""
POETRY_LOCK = """
[[package]]
name = "torch"
version = "2.4.1"
optional = false
groups = ["main"]
markers = "sys_platform == 'linux'"
[[package]]
name = "pytest"
version = "8.0.0"
groups = ["dev"]
[[package]]
name = "colorama"
version = "0.4"
optional = true
[[package]]
name = "acme-sam"
version = "1.0"
[package.source]
type = "directory"
url = "acme_sam"
"""


def planned(folder: Path, text: str) -> Plan:
    (folder / "own.toml").write_text(text, encoding="utf-8")
    return matrix.plan(folder / "own.toml", facts.load(), NO_GPU)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("torch==2.4.1  # pinned\n-r more.txt\n./acme_sam\n")
    (tmp_path / "more.txt").write_text("numpy==1.26.4 \\\n  --hash=sha256:00\nrequests>=2\n")
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    (tmp_path / "poetry.lock").write_text(POETRY_LOCK)
    (tmp_path / "acme_sam").mkdir()
    (tmp_path / "acme_sam" / "pyproject.toml").write_text('[project]\nname = "acme-sam"\nversion = "1.0"\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def test_pins_are_declared_and_the_facts_speak_of_them(folder: Path) -> None:
    (row,) = planned(
        folder, '[[environment]]\nname = "a"\nrequirements = "requirements.txt"\npython = "3.13"'
    ).cells
    assert (row.cell.torch, row.cell.cuda, row.cell.numpy) == ("2.4.1", "cu121", "1.26.4")
    rules = {obstacle.rule for obstacle in against(row, NO_GPU, facts.load())}
    assert rules == {"python-no-wheel", "numpy-no-wheel"}


def test_of_what_is_not_pinned_nothing_is_known(folder: Path) -> None:
    text = '[[environment]]\nname = "a"\nrequirements = "requirements.txt"\npython = "3.11"\n'
    text += '[[environment]]\nname = "b"\nbase = "a"\nupgrade = ["pip install -U torch"]'
    _, upgraded = planned(folder, text).cells
    assert upgraded.cell == Cell("", "", "", own=upgraded.cell.id)
    assert against(upgraded, NO_GPU, facts.load()) == ()
    assert upgraded.why == "requirements requirements.txt, upgraded by pip install -U torch"


@pytest.mark.parametrize(
    "change", ["requirements.txt", "more.txt", "acme_sam/pyproject.toml", "python", "upgrade"]
)
def test_the_id_changes_with_what_is_installed(folder: Path, change: str) -> None:
    def own(python: str = "3.11", upgrade: tuple[str, ...] = ()) -> OwnEnvironment:
        path = str(folder / "requirements.txt")
        return OwnEnvironment("a", SourceKind.REQUIREMENTS, path, python, upgrade=upgrade)

    before = own().id
    assert before == own().id
    if change == "python":
        assert own(python="3.12").id != before
    elif change == "upgrade":
        assert own(upgrade=("pip install x",)).id != before
    else:
        with (folder / change).open("a") as stream:
            stream.write("\n# more\n")
        assert own().id != before


def test_a_dockerfile_counts_with_its_context_but_not_with_its_repository(folder: Path) -> None:
    own = OwnEnvironment("a", SourceKind.DOCKERFILE, str(folder / "Dockerfile"), context=folder)
    before = own.digest
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    assert own.digest == before
    (folder / ".dockerignore").write_text("results\n")
    before = own.digest
    (folder / "results").mkdir()
    (folder / "results" / "README.md").write_text("a table")
    assert own.digest == before
    (folder / "model.py").write_text("")
    assert own.digest != before


def test_results_beside_a_project_do_not_change_its_id(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project]\nname = 'acme'\nversion = '1'\n")
    own = OwnEnvironment("a", SourceKind.PYPROJECT, str(folder / "pyproject.toml"), "3.11")
    before = own.digest
    (folder / "README.md").write_text("a table")
    assert own.digest == before
    (folder / "acme_sam" / "model.py").write_text("")
    assert own.digest != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "a"', "environment[0].name: 'a' needs exactly one of image"),
        ('name = "a"\nimage = "x"\nlock = "uv.lock"', "it has image, lock"),
        ('name = "a"\nlock = "nowhere/uv.lock"', "environment[0].lock: "),
        ('name = "a"\nlock = "requirements.txt"', "is none of uv.lock"),
        ('name = "a"\nrequirements = "missing.txt"', "missing.txt: cannot be read"),
        ('name = "a"\nimage = "x"\nfresh = true', "environment[0].fresh: has no effect"),
        ('name = "a"\nimage = "x"\ncontext = "."', "environment[0].context: belongs to a dockerfile"),
        (
            'name = "a"\nbase = "b"\nupgrade = ["x"]',
            "environment[0].base: no environment above is called 'b'",
        ),
        (
            'name = "a"\npython = "/usr/bin/python3"\nupgrade = ["pip install x"]',
            "upgrade: an interpreter is used",
        ),
        ('name = "a"\nlokc = "uv.lock"', "environment[0].lokc: unknown key; "),
        ('name = "A b"\nimage = "x"', "environment[0].name: "),
    ],
)
def test_problems_have_a_path(folder: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        planned(folder, f"[[environment]]\n{text}\n")
    assert said in str(caught.value)
    assert str(caught.value).startswith("own.toml: ")


def test_what_a_base_cannot_have_is_said_with_all_other_problems(folder: Path) -> None:
    text = '[[environment]]\nname = "a"\nimage = "x"\n[[environment]]\nname = "a"\nimage = "y"\n'
    text += '[[environment]]\nname = "b"\nbase = "a"\n[[environment]]\nname = "c"\nbase = "a"\nimage = "z"\n'
    text += 'upgrade = ["x"]\n[[environment]]\nname = "d"\nbase = "a"\nupgrade = ["x"]\nfresh = true\n'
    with pytest.raises(BadInput) as caught:
        planned(folder, text)
    said = str(caught.value)
    assert "[1].name: 'a' is declared more than once" in said
    assert "[2].upgrade: is missing" in said
    assert "[3].base: an environment with a base has no image of its own" in said
    assert "[4].fresh: what is in image cannot be installed anew" in said


def test_what_an_installation_writes_beside_a_package_does_not_change_the_id(folder: Path) -> None:
    own = OwnEnvironment("a", SourceKind.REQUIREMENTS, str(folder / "requirements.txt"), "3.11")
    before = own.id
    (folder / "acme_sam" / "acme_sam.egg-info").mkdir()
    (folder / "acme_sam" / "acme_sam.egg-info" / "PKG-INFO").write_text("")
    again = OwnEnvironment("a", SourceKind.REQUIREMENTS, str(folder / "requirements.txt"), "3.11")
    assert again.id == before


def test_lock_files_are_read(folder: Path) -> None:
    pins = locks.pins_of_lock(folder / "uv.lock")
    assert pins == {"torch": "2.4.1", "numpy": "1.26.4", "acme-sam": "1.0"}  # of sympy there are two
    assert list(locks.folders_of_lock(folder / "uv.lock")) == [folder / "acme_sam"]
    wanted = list(locks.poetry_requirements(folder / "poetry.lock"))
    assert wanted == ["torch==2.4.1 ; sys_platform == 'linux'", str(folder / "acme_sam")]


@pytest.mark.parametrize("content", ["", "[[package]]\nversion = '1'\n", "package = 1", "not = [toml"])
def test_a_file_that_is_no_lock_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "uv.lock").write_text(content)
    with pytest.raises(BadInput, match=r"uv\.lock: is not"):
        locks.packages_of(tmp_path / "uv.lock")


def test_requirements_that_include_each_other_are_refused(folder: Path) -> None:
    (folder / "more.txt").write_text("-r requirements.txt\n")
    with pytest.raises(BadInput, match="include each other"):
        planned(folder, '[[environment]]\nname = "a"\nrequirements = "requirements.txt"')


def test_the_python_is_asked_for_where_nothing_says_it(folder: Path) -> None:
    own = OwnEnvironment("a", SourceKind.LOCK, str(folder / "uv.lock"))
    with pytest.raises(BuildFailed, match=r'Add python = "3\.12" to the environment a'):
        steps.python_of(own)
    (folder / ".python-version").write_text("3.10\n")
    assert steps.python_of(own) == "3.10"


def test_what_commands_install_is_named() -> None:
    commands = [
        "pip install -U 'torch>=2.8' torchvision && pip uninstall -y triton",
        "uv pip install a[b]==1",
    ]
    assert list(anew.named(commands)) == ["torch", "torchvision", "a"]


def test_an_upgrade_of_an_image_keeps_its_commands_together() -> None:
    recipe = recipes.upgrading("acme:1", ["pip install -U 'a' && echo \"$HOME\""])
    assert recipe.startswith("FROM acme:1\nRUN ")
    assert recipe.count("\n") == 2
    assert '\\"$HOME\\""]' in recipe


def test_a_result_has_no_value_of_an_images_variables() -> None:
    attributes = {"Config": {"Env": ["PATH=/usr/bin:/bin", "ACME_TOKEN=s3cr3t-value", "DEBUG=1"]}}
    assert image_contents.variables(attributes) == ["ACME_TOKEN", "DEBUG", "PATH"]
    check = CheckResult(
        "test_x.py::test_y", "imports", CheckOutcome.FAILED, details="token s3cr3t-value refused"
    )
    result = replace(RESULT, outcome=CellOutcome.FAILED, reason="s3cr3t-value", checks=[check])
    clean = redaction.without_secrets(result, image_contents.secrets(attributes))
    assert clean.reason == "<value of ACME_TOKEN>"
    assert clean.checks[0].details == "token <value of ACME_TOKEN> refused"
    assert redaction.without_secrets(result, {}) is result


def test_a_row_has_what_was_found_inside() -> None:
    cell = cell_runner.found_in(Cell("", "", "", own="a-1"), replace(SEEN, numpy="1.26.4"))
    assert (cell.id, cell.own, cell.torch, cell.numpy) == ("a-1", "a-1", "2.4.1", "1.26.4")
    assert Cell.of(cell.record(())) == cell


def test_results_of_own_environments_are_no_evidence_for_others() -> None:
    own = replace(RESULT, cell=replace(RESULT.cell, own=True))
    assert run_history.of([own]).tried == frozenset()
    unbuilt = replace(
        RESULT, outcome=CellOutcome.BUILD_FAILED, reason="no wheel", cause=FailureCause.NO_WHEEL
    )
    found = [
        contradictions.contradictions(facts.load(), [Stored("cpu", "none", replace(unbuilt, cell=cell))])
        for cell in (RESULT.cell, own.cell)
    ]
    assert [len(one) for one in found] == [1, 0]


@pytest.mark.parametrize(
    "path", sorted((paths.ROOT / "examples" / "own-environments").glob("*.toml")), ids=lambda path: path.stem
)
def test_the_examples_can_be_planned(path: Path) -> None:
    rows = matrix.plan(path, facts.load(), NO_GPU).cells
    assert rows
    assert all(row.own for row in rows)
