"""No result carries a commit of another repository: neither of a hook's, nor of one around samcheck."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import samcheck
from samcheck import paths, version
from samcheck.analysis.compare import git_archive, git_history, sources
from samcheck.errors import BadInput
from samcheck.storage import results
from tests.unit import made

WHO = ("-c", "user.name=x", "-c", "user.email=x@x.invalid", "-c", "commit.gpgsign=false")


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *WHO, *arguments], check=True, capture_output=True, env=plain()
    )
    return os.fsdecode(done.stdout).strip()


def plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    run(folder, "init", "-q")
    (folder / "file").write_text(str(folder), encoding="utf-8", errors="surrogateescape")
    run(folder, "add", "-A")
    run(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = repository(tmp_path / "checkout")
    monkeypatch.setattr(paths, "ROOT", folder.resolve())
    monkeypatch.delenv("SAMCHECK_VERSION", raising=False)
    return folder


def hook(other: Path) -> dict[str, str]:
    """What git sets for a hook of another repository."""
    return {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_PREFIX": "",
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_COMMON_DIR": str(other / ".git"),
        "GIT_NAMESPACE": "x",
        "GIT_CEILING_DIRECTORIES": str(other.parent),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": str(other),
        "GIT_CONFIG_PARAMETERS": f"'core.worktree'='{other}'",
        "GIT_SHALLOW_FILE": str(other / "shallow"),
        "GIT_TRACE": "1",
    }


@pytest.mark.parametrize("one", [*hook(Path("/x")), "all"])
def test_a_hook_of_another_repository(
    one: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = version.version()
    assert wanted == f"{samcheck.__version__}+{run(checkout, 'rev-parse', '--short', 'HEAD')}"
    for name, value in hook(repository(tmp_path / "other")).items():
        if one in (name, "all"):
            monkeypatch.setenv(name, value)
    assert version.version() == wanted
    (checkout / "samcheck").mkdir()
    (checkout / "samcheck" / "new.py").touch()
    assert version.version() == f"{wanted}.changed"


def test_a_repository_around_an_installed_samcheck(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a virtual environment inside of somebody's project."""
    inside = checkout / "venv" / "site-packages"
    inside.mkdir(parents=True)
    monkeypatch.setattr(paths, "ROOT", inside)
    assert version.version() == samcheck.__version__


def test_a_repository_that_is_no_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repository(tmp_path / os.fsdecode(b"a\xff"))
    monkeypatch.setattr(paths, "ROOT", folder)
    assert version.version().startswith(f"{samcheck.__version__}+")
    path = results.store(folder / "results", made.RESULT, "x")
    run(folder, "add", "-A")
    run(folder, "commit", "-q", "-m", "results")
    path.unlink()
    assert [result.cell for result in sources.read("HEAD", folder / "results")] == [made.RESULT.cell]
    assert [result.cell for result in git_history.versions(folder / "results", 9)] == [made.RESULT.cell]


def test_results_of_a_revision_in_a_hook(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.store(checkout / "results", made.RESULT, "x")
    run(checkout, "add", "-A")
    run(checkout, "commit", "-q", "-m", "results")
    for name, value in hook(repository(tmp_path / "other")).items():
        monkeypatch.setenv(name, value)
    assert [result.cell for result in sources.read("HEAD", checkout / "results")] == [made.RESULT.cell]
    assert len(git_history.versions(checkout / "results", 9)) == 1


def test_without_git_the_version_is_that_of_the_package(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert version.version() == samcheck.__version__
    with pytest.raises(BadInput, match="cannot run git in"):
        sources.read("HEAD", checkout / "results")


def test_a_revision_with_a_link_that_leads_out(checkout: Path) -> None:
    (checkout / "results").mkdir()
    (checkout / "results" / "x.json").symlink_to("/etc/passwd")
    run(checkout, "add", "-A")
    run(checkout, "commit", "-q", "-m", "link")
    with (
        pytest.raises(BadInput, match="cannot be unpacked"),
        git_archive.extracted(checkout, "HEAD", ["results"]),
    ):
        pass
