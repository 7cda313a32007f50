"""What was carried to a machine without a network is used there, and nothing that the machine has itself."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from samcheck import paths
from samcheck.environments import offline
from samcheck.environments.offline import bundle_main
from tests.processes.trial import Trial, outcomes


def test_here_imports_nothing_that_is_not_carried() -> None:
    """Without what is left at home: else the first line on the other machine would be a traceback."""
    carried = {bundle_main.key(name) for name in offline.HOST}
    own = {bundle_main.key(Requirement(text).name) for text in metadata.requires("samcheck") or ()}
    modules = metadata.packages_distributions().items()
    left = sorted(name for name, of in modules if {bundle_main.key(name) for name in of} & (own - carried))
    assert {"uv", "docker", "numpy"} <= set(left)
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({left!r}))\n"  # importing them fails
        "from samcheck.__main__ import cli\n"
        "cli(['here', '--python', '/nowhere/python', '--tier', 'fast'], standalone_mode=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1].startswith("samcheck.errors.EnvironmentUnavailable: /nowhere/python")


def package(folder: Path, name: str, version: str) -> None:
    """An installed distribution with a module that says where it is from."""
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / f"{name.lower()}.py").write_text(f"FROM = {str(folder)!r}\n")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A checkout on another machine whose Python has `torch` and lacks `lost`; both were carried."""
    package(tmp_path / "site", "Torch", "2.11.0")
    for half in ("host", "guest"):
        for name in ("torch", "lost"):
            package(tmp_path / "checkout" / "carried" / half / name, name, "9")
    (tmp_path / "checkout" / "samcheck" / "guest").mkdir(parents=True)
    (tmp_path / "checkout" / "samcheck" / "__init__.py").touch()
    (tmp_path / "checkout" / "samcheck" / "__main__.py").write_text(
        "import os, sys\nimport lost, torch\n"
        "print(torch.FROM, lost.FROM, os.environ['SAMCHECK_PACKAGES'], *sys.argv[1:])\n"
    )
    told = f"0.1+abc {bundle_main.code(tmp_path / 'checkout')}"
    (tmp_path / "checkout" / "carried" / "version").write_text(told)
    (tmp_path / "checkout" / "carried" / "__main__.py").write_text(Path(bundle_main.__file__).read_text())
    return tmp_path


def test_only_what_the_python_lacks_is_taken_from_the_folder(other: Path) -> None:
    carried = other / "checkout" / "carried"
    done = subprocess.run(
        [sys.executable, "carried", "--tier", "full"],
        cwd=other / "checkout",
        env={"PYTHONPATH": str(other / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [
        str(other / "site"),
        str(carried / "host" / "lost"),
        f"{carried / 'guest' / 'lost'}:{other / 'site'}",
        *("here", "--python", sys.executable, "--tier", "full"),
    ], done.stderr


def test_a_version_is_told_of_the_code_that_it_was_given_for(other: Path) -> None:
    checkout = other / "checkout"
    assert bundle_main.version(checkout / "carried", checkout) == "0.1+abc"
    (checkout / "samcheck" / "__main__.py").write_text("other code")
    assert bundle_main.version(checkout / "carried", checkout) == "0.1+abc.changed"


def test_a_guest_has_a_home_that_it_can_write_to(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """On nodes where the user's is not there, Triton and inductor would fail for that."""
    monkeypatch.setenv("HOME", "/nowhere/home")
    trial.write("import pathlib\n\ndef test_it(): (pathlib.Path.home() / 'kernel').touch()\n")
    assert outcomes(trial.run()) == {"it": "passed"}
