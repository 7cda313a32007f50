"""An installed samcheck, in an empty folder: what works in a checkout works there."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import uv

from samcheck import paths
from samcheck.environments import docker
from samcheck.errors import EnvironmentUnavailable

CELL = "torch2.4.1-cu121-py3.11"


def run(*command: str | Path, at: Path) -> str:
    """What a command prints, which has to end well."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=at, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(uv.find_uv_bin(), "build", "-q", "--out-dir", folder, paths.ROOT, at=folder)
    return folder


@pytest.fixture(scope="session")
def programs(built: Path) -> Path:
    """The programs of an environment that has the wheel and nothing else."""
    folder = built / "environment"
    (wheel,) = built.glob("*.whl")
    run(uv.find_uv_bin(), "venv", "-q", folder, at=built)
    run(uv.find_uv_bin(), "pip", "install", "-q", "--python", folder / "bin" / "python", wheel, at=built)
    return folder / "bin"


def test_the_source_distribution_holds_what_the_wheel_is_made_of(built: Path) -> None:
    (sources,) = built.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"noxfile.py", "tests/suite/test_imports.py", "matrices/default.toml"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".nox", ".samcheck"))]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "default"), "matrix default: "),
        (("list",), CELL),
        (("why", CELL), "can be installed"),
        (("advise", "--torch", "2.15.0", "--from", "2.4.1"), "PyTorch 2.4.1 -> 2.15.0"),
        (("memory", "vit_b", "--gpu", "8GiB"), "vit_b"),
        (("facts", "torch"), "2.15.0"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_questions_are_answered(words: tuple[str, ...], said: str, programs: Path, tmp_path: Path) -> None:
    assert said in run(programs / "samcheck", *words, at=tmp_path)


@pytest.mark.parametrize("kind", ["venv", "docker"])
def test_the_main_job_runs(kind: str, programs: Path, tmp_path: Path) -> None:
    if kind == "docker":
        try:
            docker.connect()
        except EnvironmentUnavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"on CI a Docker engine must answer: {error}")
            pytest.skip(str(error))
    options = ("--environment", kind, "--only", CELL, "--groups", "imports,dtype")
    run(programs / "samcheck", "matrix", "default", *options, at=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".samcheck", "results"]
    (result,) = tmp_path.glob("results/*/*/*.json")
    assert result.name.startswith(CELL)
    for words in (("table", "--check"), ("html",), ("show", CELL)):
        run(programs / "samcheck", *words, at=tmp_path)
    assert CELL in (tmp_path / "results" / "README.md").read_text()
    assert (tmp_path / "results" / "index.html").stat().st_size > 100_000  # its data are compressed


def test_guests_get_nothing_of_the_packages_beside_it(programs: Path, interpreter: str) -> None:
    """The host's own NumPy must not be found in a cell that has another one, or none."""
    source = run(programs / "python", "-c", "from samcheck import paths; print(paths.source())", at=programs)
    assert sorted(os.listdir(source.strip())) == ["samcheck", "tests"]


def test_pytest_runs_the_suite_where_pytorch_is(built: Path, interpreter: str, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    run(uv.find_uv_bin(), "pip", "install", "-q", "--no-deps", "--target", tmp_path / "only", wheel, at=built)
    command = [interpreter, "-m", "pytest", "--pyargs", "samcheck.suite", "-m", "fast", "-k", "test_imports"]
    environment = dict(os.environ, PYTHONPATH=str(tmp_path / "only"))
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    markers = subprocess.run(
        [interpreter, "-m", "pytest", "--markers"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "@pytest.mark.fast: the tier for everyday use" in markers.stdout
