"""What is collected for a machine without a network, and what of it is used there."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import facts, owned, paths
from samcheck.environments import here, offline
from samcheck.environments.offline import at_hand
from samcheck.errors import BadInput, BuildFailed, EnvironmentUnavailable
from samcheck.guest.outcomes import FailureCause
from samcheck.storage import disk_usage
from tests.unit import made

FROZEN = """# a comment
numpy==2.5.2
-e git+https://example.org/thing.git#egg=thing
my-torch @ file:///somewhere/my_torch.whl
Typing_Extensions==4.15.0
"""


def test_what_pip_freeze_says_bounds_and_is_not_collected() -> None:
    spec = offline.bundle_spec("3.12", FROZEN.splitlines(), facts.load())
    assert [str(requirement) for requirement in spec.has] == [
        "numpy==2.5.2",
        "my-torch",
        "Typing_Extensions==4.15.0",
    ]
    pins = ["typing-extensions==4.15.0", "numpy==2.5.2", "rich==15.0.0", "torch==2.11.0"]
    assert offline.missing(pins, spec.has) == ["rich==15.0.0"]


def test_sam_and_the_tools_are_for_the_suite() -> None:
    spec = offline.bundle_spec("3.12", [], facts.load())
    assert "segment-anything==1.0" in spec.guest
    assert "pytest-benchmark" in spec.guest
    assert any(requirement.startswith("pydantic") for requirement in spec.host)
    assert not any(requirement.startswith(("uv", "docker")) for requirement in spec.host)


def test_packages_to_test_come_with_what_they_import() -> None:
    rows = [row for row in facts.load().sam if row.name in ("mobilesam-mirror", "segment-anything-hq")]
    spec = offline.bundle_spec("3.12", [], facts.load(), rows)
    assert {"mobilesam-mirror==1.0.0", "segment-anything-hq==0.3", "timm==1.0.31"} < set(spec.guest)
    assert len(spec.guest) == len(set(spec.guest))


@pytest.mark.parametrize(
    ("requirement", "python", "said"),
    [
        ("sam2==1.1.0", "3.12", "has no wheel.*SAM2_BUILD_CUDA=0 python3 -m pip install"),
        ("transformers==5.23.0", "3.10", "is for Python >=3.11, not 3.10"),
    ],
)
def test_a_package_that_cannot_be_carried_says_what_to_do(requirement: str, python: str, said: str) -> None:
    rows = [row for row in facts.load().sam if row.requirement == requirement]
    with pytest.raises(BadInput, match=said):
        offline.bundle_spec(python, [], facts.load(), rows)


def test_another_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="is not in the checkout"):
        offline._require(tmp_path / "new")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").touch()
    with pytest.raises(BadInput, match="contains something else"):
        offline._require(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis").exists()


def test_the_guest_gets_what_was_found_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMCHECK_PACKAGES", "/carried/guest/segment-anything:/carried/guest/pytest")
    assert here.carried_packages() == ["/carried/guest/segment-anything", "/carried/guest/pytest"]
    monkeypatch.delenv("SAMCHECK_PACKAGES")
    assert here.carried_packages() == []


SEEN = replace(
    made.SEEN,
    torchvision="0.19.1",
    numpy="1.26.4",
    packages={"torch": "2.4.1", "torchvision": "0.19.1", "numpy": "1.26.4", "pytest": "8.3.3"},
)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for instead of being downloaded."""
    asked: list[str] = []

    def unpack(spec: offline.BundleSpec, requirements: list[str], folder: Path) -> list[str]:
        assert spec.python == "3.11"
        asked.extend(requirements)
        for name in requirements:
            (folder / name.partition("=")[0]).mkdir()
        return requirements

    monkeypatch.setattr(offline, "unpack", unpack)
    return asked


def test_what_the_interpreter_at_hand_lacks_is_there_for_one_run(unpacked: list[str]) -> None:
    with at_hand.packages("py", SEEN) as folders:
        assert "segment-anything==1.0" in unpacked
        assert "pytest" not in unpacked
        assert {Path(folder).name for folder in folders} >= {"segment-anything", "pytest-benchmark"}
        place = Path(folders[0]).parent
        assert owned.is_own(place)
        assert any(place.match(pattern) for _, pattern in disk_usage.TEMPORARY)
    assert not place.exists()


def test_an_interpreter_that_has_everything_gets_nothing(unpacked: list[str]) -> None:
    spec = offline.bundle_spec("3.11", [], facts.load())
    packages = {**SEEN.packages, **{name.partition("==")[0]: "1" for name in spec.guest}}
    with at_hand.packages("py", replace(SEEN, packages=packages)) as folders:
        assert folders == ()
    assert not unpacked


@pytest.mark.parametrize("name", ["torchvision", "numpy"])
def test_what_is_tested_is_not_brought(name: str, unpacked: list[str]) -> None:
    lacking = replace(SEEN, torchvision=None) if name == "torchvision" else replace(SEEN, numpy=None)
    wanted = pytest.raises(EnvironmentUnavailable, match=f"py has no {name}.*py -m pip install {name}")
    with wanted, at_hand.packages("py", lacking):
        pass
    assert not unpacked


def test_what_cannot_be_had_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: object) -> list[str]:
        raise BuildFailed(FailureCause.NETWORK, "no route to the index")

    monkeypatch.setattr(offline, "unpack", unpack)
    wanted = pytest.raises(EnvironmentUnavailable, match=r"py lacks .*no route to the index.*samcheck carry")
    with wanted, at_hand.packages("py", SEEN):
        pass


def interpreter(folder: Path, name: str = "python3") -> str:
    path = folder / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> set[str]:
    """The interpreters that have PyTorch; no other folder than one of this test is searched."""
    have: set[str] = set()
    monkeypatch.setattr(here, "_has_torch", lambda python: python in have)
    for name in ("SAMCHECK_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "first" / "bin"))
    return have


def test_the_python_at_hand_is_the_first_that_has_pytorch(
    with_torch: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path, active = interpreter(tmp_path / "first"), interpreter(tmp_path / "venv", "python")
    assert here.default_python() == sys.executable  # none has it: what is wrong with this one is told
    with_torch.add(on_path)
    assert here.default_python() == on_path
    with_torch.add(active)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    assert here.default_python() == active
    with_torch.add(sys.executable)
    assert here.default_python() == sys.executable
    monkeypatch.setenv("SAMCHECK_PYTHON", "/mine")
    assert here.default_python() == "/mine"
