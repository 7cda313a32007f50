"""What is collected for a machine without a network, and what of it is used there."""

from __future__ import annotations

from pathlib import Path

import pytest

from samcheck import facts, paths
from samcheck.environments import here, offline
from samcheck.errors import BadInput

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
