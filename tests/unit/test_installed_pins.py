"""What installed packages require of each other, and builds that go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from samcheck.environments import companions
from samcheck.facts import load
from samcheck.guest.installed import judgement, pin_rules
from tests.unit.made_packages import found, install, kinds, read

FACTS = load()
LINUX = 'platform_system == "Linux"'


def test_a_pin_of_torch_that_another_version_breaks(tmp_path: Path) -> None:
    old = f"nvidia-cudnn-cu12 (==9.1.0.70) ; {LINUX} and python_version >= '3'"  # as metadata 2.1 was written
    install(
        tmp_path, "torch", "2.4.1", requires=[old, "triton==9; sys_platform == 'win32'", "not a requirement!"]
    )
    install(tmp_path, "nvidia-cudnn-cu12", "9.10.2.21")
    (finding,) = found(tmp_path)
    assert finding.kind == "pins"
    assert finding.sentence.startswith(
        "torch 2.4.1 requires nvidia-cudnn-cu12==9.1.0.70 (9.10.2.21 is installed): "
    )
    assert finding.commands[0].endswith("--no-deps nvidia-cudnn-cu12==9.1.0.70")


def test_pins_behind_extras_hold_too(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.15.0", requires=[f"cuda-toolkit[cublas]==13.2.2; {LINUX}"])
    extras = ["nvidia-cublas==13.4.1.*; extra == 'cublas'", "nvidia-cufft==12.*; extra == 'cufft'"]
    install(tmp_path, "cuda-toolkit", "13.2.2", requires=extras)
    assert "requires nvidia-cublas==13.4.1.* (it is not installed)" in found(tmp_path)[0].sentence
    install(tmp_path, "nvidia-cublas", "13.4.1.3")
    assert found(tmp_path) == []


def test_what_others_require_of_numpy(tmp_path: Path) -> None:
    install(tmp_path, "numba", "0.60", requires=["numpy<2.1,>=1.22", "llvmlite"])
    install(tmp_path, "scipy", "1.14", requires=["numpy>=1.23.5"])
    install(tmp_path, "numpy", "2.4.6")
    (finding,) = found(tmp_path)
    assert finding.sentence == "numba 0.60 requires numpy<2.1,>=1.22 (2.4.6 is installed)."
    assert finding.commands[0].endswith("--no-deps 'numpy<2.1,>=1.22,>=1.23.5'")


def test_a_torchvision_of_another_torch(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.15.0+cu130")
    install(tmp_path, "torchvision", "0.28.0", requires=["torch==2.13.0"])
    (finding,) = found(tmp_path)
    assert (finding.kind, finding.breaks) == ("pins", True)
    assert finding.sentence.startswith(
        "torchvision 0.28.0 is compiled for torch==2.13.0, and 2.15.0+cu130 is installed"
    )
    assert finding.commands[0].endswith(
        "torch==2.15.0 torchvision --index-url https://download.pytorch.org/whl/cu130"
    )


@pytest.mark.parametrize(
    ("torch", "vision", "wrong"),
    [
        ("2.4.1+cu121", "0.19.1+cpu", "have no code for the GPU"),
        ("2.4.1+cu118", "0.19.1+cu121", "refuses to be imported"),
        ("2.4.1+cu121", "0.19.1+cu124", ""),
        ("2.4.0a0+3bcc3cddb5.nv24.7", "0.19.0a0", ""),
        ("2.4.1", "0.19.1", ""),
    ],
)
def test_torchvision_of_another_build(tmp_path: Path, torch: str, vision: str, wrong: str) -> None:
    for name, version in (("torch", torch), ("torchvision", vision)):
        text = f"__version__ = '{version}'\ncuda: Optional[str] = '12.1'\n"
        install(tmp_path, name, version.partition("+")[0], {f"{name}/version.py": text})
    findings = found(tmp_path)
    assert kinds(findings) == ["build"] * bool(wrong)
    assert all(wrong in finding.sentence for finding in findings)


def test_a_foreign_triton(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.15.0", requires=["triton~=3.9.0"])
    install(tmp_path, "triton-rocm", "3.5", {"triton/a.py": "rocm"})
    assert (
        "triton-rocm 3.5 is the Triton here, which torch 2.15.0 does not require"
        in found(tmp_path)[0].sentence
    )
    install(tmp_path, "triton", "3.9.0", {"triton/a.py": "cuda!"})
    (finding,) = found(tmp_path)
    assert (finding.kind, finding.breaks) == ("overlap", False)
    assert "torch requires triton" in finding.cure


def test_a_triton_that_this_torch_requires_is_its_own(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.5.0", requires=["pytorch-triton-rocm==3.1.0"])
    install(tmp_path, "pytorch-triton-rocm", "3.1.0")
    assert found(tmp_path) == []


def test_versions_that_nobody_can_compare_are_not_judged(tmp_path: Path) -> None:
    install(tmp_path, "torch", "2.4.1", requires=["triton==3.0.0"])
    install(tmp_path, "triton", "unknown")
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("coco", "numpy", "python", "wrong"),
    [
        ("2.0.7", "2.4.6", "3.11", True),
        ("2.0.8", "2.4.6", "3.11", False),
        ("2.0.7", "1.26.4", "3.11", False),
        ("2.0.7", "1.24.4", "3.8", False),
    ],
)
def test_a_package_compiled_for_another_numpy(
    tmp_path: Path, coco: str, numpy: str, python: str, wrong: bool
) -> None:
    """Its metadata accepts any: https://github.com/ppwwyyxx/cocoapi/pull/24"""
    install(tmp_path, "pycocotools", coco, requires=["matplotlib >=2.1.0", "numpy"])
    install(tmp_path, "numpy", numpy)
    inventory = read(tmp_path)
    inventory.markers["python_version"] = python
    assert judgement.findings(inventory) == []
    findings = list(companions.findings(inventory, FACTS))
    assert len(findings) == wrong
    for finding in findings:
        assert finding.breaks
        assert finding.sentence.startswith(f"pycocotools {coco} needs NumPy <2, and {numpy} is installed")
        assert "numpy.dtype size changed" in finding.sentence
        assert finding.commands[0].endswith("--upgrade 'pycocotools>=2.0.8'")


def test_what_nothing_requires(tmp_path: Path) -> None:
    """Neither through an extra that is asked for, nor on this platform."""
    install(tmp_path, "sam", "1.0", requires=["torch[opt]", "other; sys_platform == 'win32'"])
    install(tmp_path, "torch", "2.15.0", requires=["numpy", "scipy; extra == 'opt'"])
    for name in ("numpy", "scipy", "other", "pip", "chardet"):
        install(tmp_path, name, "1.0")
    assert pin_rules.required_by_nothing(read(tmp_path)) == ["chardet", "other", "sam"]
