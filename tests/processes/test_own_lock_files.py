"""Odd requirements, lock files and interpreters: each becomes an environment, or a sentence says why not.

Installed for real by uv, from tiny wheels on a shelf; what the suite needs is brought only where it succeeds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from samcheck import paths
from samcheck.cells import Cell
from samcheck.environments import here, machine
from samcheck.environments.here import HerePlace
from samcheck.environments.own import anew, brought
from samcheck.environments.own.choose import environment_of
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.environments.own.installed import Installed
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts import requirements
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint
from tests.unit import shelf

PYTHON = "{}.{}".format(*sys.version_info)
WHOLE = "torch==2.4.1\ntorchvision==0.19.1\nnumpy==1.26.4\n"


def nothing_brought(seen: Fingerprint) -> tuple[str, ...]:
    """What is tested has to be there; nothing else is needed by what runs here."""
    brought._require_testable(seen)
    return ()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside a shelf; no index is asked."""
    shelf.with_tested(tmp_path / "shelf")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "shelf"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(brought, "packages_for", nothing_brought)
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def prepared(own: OwnEnvironment, folder: Path) -> HerePlace:
    place = environment_of(own, "venv").prepare(
        Cell("", "", "", own=own.id), requirements.NOTHING, folder / "log"
    )
    assert isinstance(place, HerePlace)
    return place


def declared(folder: Path, source: SourceKind, name: str, text: str, **more: Any) -> OwnEnvironment:
    (folder / name).write_text(text, encoding="utf-8")
    return OwnEnvironment("a", source, str(folder / name), **{"python": PYTHON, **more})


def packages(place: HerePlace) -> dict[str, str]:
    seen: Fingerprint = here.look(place.python)
    return seen.packages


#: Source, file's name, its text, the cause and words of the reason.
ODD = {
    "pins that exclude each other": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        WHOLE + "nvidia-cudnn-cu12==9.9",
        FailureCause.NO_WHEEL,
        "torch<=2.4.1 depends on nvidia-cudnn-cu12==9.1",
    ),
    "a package that is nowhere": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        WHOLE + "acme-sam==1.0",
        FailureCause.NO_WHEEL,
        "acme-sam",
    ),
    "a wheel for another Python": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        WHOLE + "elsewhere==1.0",
        FailureCause.NO_WHEEL,
        "elsewhere",
    ),
    "a hash that does not match": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        f"numpy==1.26.4 --hash=sha256:{'0' * 64}\n",
        FailureCause.INSTALLER,
        "[Hh]ash",
    ),
    "no PyTorch": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        "numpy==1.26.4",
        FailureCause.CONTENT,
        "it has no PyTorch and no torchvision, which SAM needs",
    ),
    "PyTorch for another system": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        "torch==2.4.1; sys_platform == 'win32'\nnumpy\ntorchvision",
        FailureCause.CONTENT,
        "it has no PyTorch, which",
    ),
    "an empty file": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        "",
        FailureCause.CONTENT,
        "it has no PyTorch",
    ),
    "a line that is none": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        WHOLE + "numpy = 1.26",
        FailureCause.INSTALLER,
        "requirements.txt",
    ),
    "a folder that is missing": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        WHOLE + "./acme_sam",
        FailureCause.INSTALLER,
        "acme_sam",
    ),
    "a uv.lock without its project": (
        SourceKind.LOCK,
        "uv.lock",
        'version = 1\nrequires-python = ">=3.9"\n[[package]]\nname = "torch"\nversion = "2.4.1"\n'
        'source = { registry = "https://index.example/simple" }\n',
        FailureCause.INSTALLER,
        "Frozen lockfile discovery|pyproject.toml",
    ),
    "a uv.lock that uv cannot read": (
        SourceKind.LOCK,
        "uv.lock",
        'version = 1\n[[package]]\nname = "torch"\nversion = 2\n',
        FailureCause.INSTALLER,
        "Failed to parse lockfile",
    ),
    "a pylock.toml of another version": (
        SourceKind.LOCK,
        "pylock.toml",
        'lock-version = "9.0"\ncreated-by = "x"\npackages = []\n',
        FailureCause.INSTALLER,
        "lock",
    ),
    "a poetry.lock from Git": (
        SourceKind.LOCK,
        "poetry.lock",
        '[[package]]\nname = "acme"\nversion = "1"\n[package.source]\ntype = "git"\n'
        'url = "file:///nowhere/acme"\nreference = "main"\n',
        FailureCause.NETWORK,
        "Git repository",
    ),
    "a pyproject.toml without a project": (
        SourceKind.PYPROJECT,
        "pyproject.toml",
        "[tool.acme]\n",
        FailureCause.INSTALLER,
        "Metadata field Name not found|setuptools|resolve",
    ),
    "a conda file without conda": (
        SourceKind.CONDA,
        "environment.yml",
        "dependencies: [python=3.11]\n",
        FailureCause.INSTALLER,
        "none of which is on PATH: install micromamba",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_installed_is_said(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, file, text, cause, words = ODD[name]
    if source is SourceKind.CONDA:
        monkeypatch.setattr("samcheck.environments.own.installed.CONDAS", ("no-conda-is-called-this",))
        words = "none of which is on PATH"
    shelf.put(folder.parent / "shelf", "elsewhere", "1.0", tag="cp27-cp27m-manylinux1_x86_64")
    with pytest.raises(BuildFailed, match=words) as caught:
        prepared(declared(folder, source, file, text), folder)
    assert caught.value.cause is cause


@pytest.mark.parametrize("python", ["3.99", "2.7"])
def test_a_python_that_is_nowhere_is_said(python: str, folder: Path) -> None:
    own = declared(folder, SourceKind.REQUIREMENTS, "requirements.txt", WHOLE, python=python)
    with pytest.raises(BuildFailed) as caught:
        prepared(own, folder)
    assert caught.value.cause in (FailureCause.INTERPRETER, FailureCause.INSTALLER, FailureCause.PROBE)


POETRY = "".join(
    f'[[package]]\nname = "{name}"\nversion = "{version}"\noptional = false\n'
    for name, version in (("torch", "2.4.1"), ("torchvision", "0.19.1"), ("numpy", "1.26.4"))
)
GOOD = {
    "pins": (SourceKind.REQUIREMENTS, "requirements.txt", WHOLE),
    "comments and options": (
        SourceKind.REQUIREMENTS,
        "requirements.txt",
        "# ours\n--prefer-binary\n" + WHOLE.replace("\n", "  # why\n"),
    ),
    "no pins": (SourceKind.REQUIREMENTS, "requirements.txt", "torch<2.5\ntorchvision<0.20\nnumpy<2\n"),
    "a folder of one's own": (SourceKind.REQUIREMENTS, "requirements.txt", WHOLE + "./acme_sam\n"),
    "an editable folder": (SourceKind.REQUIREMENTS, "requirements.txt", WHOLE + "-e ./acme_sam\n"),
    "an old poetry.lock": (SourceKind.LOCK, "poetry.lock", POETRY),
    "a new poetry.lock": (
        SourceKind.LOCK,
        "poetry.lock",
        POETRY.replace("optional = false", 'groups = ["main"]') + '[[package]]\nname = "x"\nversion = "1"\n'
        'groups = ["dev"]\n',
    ),
    "a pyproject.toml": (
        SourceKind.PYPROJECT,
        "pyproject.toml",
        "[project]\nname = 'acme'\nversion = '1'\ndependencies = ['torch==2.4.1', 'torchvision==0.19.1', "
        "'numpy==1.26.4']\n",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_declared_is_installed(name: str, folder: Path) -> None:
    source, file, text = GOOD[name]
    if "acme_sam" in text:
        (folder / "acme_sam").mkdir()
        (folder / "acme_sam" / "acme_sam.py").write_text("")
        # Without a build backend from an index: setuptools is what pip's own isolation would fetch.
        (folder / "acme_sam" / "pyproject.toml").write_text(
            "[project]\nname = 'acme-sam'\nversion = '1.0'\n[build-system]\nrequires = []\n"
            "build-backend = 'backend'\nbackend-path = ['.']\n"
        )
        (folder / "acme_sam" / "backend.py").write_text(BACKEND)
    own = declared(folder, source, file, text)
    found = packages(prepared(own, folder))
    assert (found["torch"], found["torchvision"], found["numpy"]) == ("2.4.1", "0.19.1", "1.26.4")
    assert ("acme-sam" in found) == ("acme_sam" in text)
    assert "x" not in found
    assert Installed(own).need(Cell("", "", ""), requirements.NOTHING).reused


BACKEND = """
import pathlib, zipfile

def _wheel(folder, module):
    path = pathlib.Path(folder, "acme_sam-1.0-py3-none-any.whl")
    info = "acme_sam-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(module, "")
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: acme-sam\\nVersion: 1.0\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return path.name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, "acme_sam.py")

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, "acme_sam.pth")
"""


def test_an_upgrade_in_place_leaves_behind_what_a_new_installation_does_not_have(folder: Path) -> None:
    change = ("uv pip install -U torch==2.15.0 torchvision==0.30.0",)
    own = declared(folder, SourceKind.REQUIREMENTS, "requirements.txt", WHOLE)
    before, after, fresh = (
        packages(
            prepared(OwnEnvironment("a", own.source, own.given, PYTHON, upgrade=upgrade, fresh=anew_), folder)
        )
        for upgrade, anew_ in (((), False), (change, False), (change, True))
    )
    assert (before["torch"], after["torch"], fresh["torch"]) == ("2.4.1", "2.15.0", "2.15.0")
    assert {"nvidia-cudnn-cu12", "nvidia-cudnn-cu13"} <= set(after)
    assert "nvidia-cudnn-cu13" in fresh
    assert "nvidia-cudnn-cu12" not in fresh
    assert (before["numpy"], fresh["numpy"]) == ("1.26.4", "1.26.4")


def test_an_upgrade_changes_its_own_environment_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("UV_PYTHON", "UV_TARGET", "PIP_TARGET"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    change = ("uv pip install -U numpy==2.1.0",)
    own = declared(folder, SourceKind.REQUIREMENTS, "requirements.txt", WHOLE, upgrade=change)
    assert packages(prepared(own, folder))["numpy"] == "2.1.0"
    assert not (tmp_path / "elsewhere").exists()


def test_an_upgrade_that_fails_is_said_with_its_last_words(folder: Path) -> None:
    command = "echo 'no such channel' >&2; exit 3"
    own = declared(folder, SourceKind.REQUIREMENTS, "requirements.txt", WHOLE, upgrade=(command,))
    with pytest.raises(BuildFailed, match=r"the upgrade `echo .*` failed: no such channel"):
        prepared(own, folder)
    assert not Installed(own).need(Cell("", "", ""), requirements.NOTHING).reused


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!/bin/sh\nexit 3\n", "cannot run samcheck's probe"),
        ("#!/nowhere/python\n", "cannot be run|is no interpreter"),
        ("", "is no interpreter that can be run"),
    ],
)
def test_an_interpreter_that_does_not_run_is_said(text: str, words: str, folder: Path) -> None:
    python = folder / "python"
    if text:
        python.write_text(text)
        python.chmod(0o755)
    with pytest.raises(BuildFailed, match=words):
        prepared(OwnEnvironment("a", SourceKind.PYTHON, str(python)), folder)


@pytest.mark.parametrize("python", ["2.7", "3.6"])
def test_an_interpreter_that_is_too_old_is_said(python: str, folder: Path) -> None:
    found = machine.interpreter(python)
    if not found:
        pytest.skip(f"there is no Python {python} on this machine")
    with pytest.raises(
        BuildFailed, match=r"cannot run samcheck's probe|for which samcheck knows no pytest|has no"
    ):
        prepared(OwnEnvironment("a", SourceKind.PYTHON, found), folder)


def test_the_roots_of_an_installation_are_what_nothing_else_requires(folder: Path) -> None:
    own = declared(folder, SourceKind.REQUIREMENTS, "requirements.txt", WHOLE)
    python = prepared(own, folder).python
    assert set(anew.requirements(python, python, ())) == {
        "torch==2.4.1",
        "torchvision==0.19.1",
        "numpy==1.26.4",
    }


def test_a_file_that_is_not_text_is_bad_input(folder: Path) -> None:
    (folder / "requirements.txt").write_bytes(b"\xff\xfet\x00o\x00r\x00c\x00h\x00")
    with pytest.raises(BadInput, match="not UTF-8"):
        _ = OwnEnvironment("a", SourceKind.REQUIREMENTS, str(folder / "requirements.txt")).id
    assert paths.home().name == "home"
