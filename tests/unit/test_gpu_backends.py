"""What a cell on a GPU gets of ONNX Runtime and TensorRT; what is not known is not taken for a yes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from samcheck import facts
from samcheck.cells import Cell
from samcheck.facts import gpu_support, requirements
from samcheck.facts.gpu_backends import choose
from samcheck.facts.target_machine import NO_GPU, GpuDevice, Machine
from samcheck.matrix import explain

FACTS = facts.load()
H200 = gpu_support.host("H200", "580.95.05", FACTS)
V100 = gpu_support.host("V100", "535.104.05", FACTS)
CELL = Cell("2.4.1", "cu121", "3.11")


def onnx_runtime(cell: Cell, on: Machine = H200, known: facts.Facts = FACTS) -> list[str]:
    return [pin for pin in requirements.resolve(cell, known, on).export if pin.startswith("onnxruntime")]


@pytest.mark.parametrize(
    ("torch", "cuda", "python", "pin"),
    [
        ("2.15.0", "cu132", "3.13", "onnxruntime-gpu[cuda,cudnn]==1.31.1"),
        ("2.4.1", "cu121", "3.11", "onnxruntime-gpu[cuda,cudnn]==1.26.0"),
        ("2.4.1", "cu124", "3.10", "onnxruntime-gpu[cuda,cudnn]==1.23.2"),
        ("2.4.1", "cu121", "3.8", "onnxruntime-gpu==1.19.2"),
        ("2.0.1", "cu117", "3.9", "onnxruntime-gpu==1.18.1"),
    ],
)
def test_the_newest_for_the_majors_of_pytorch_replaces_the_one_for_cpus(
    torch: str, cuda: str, python: str, pin: str
) -> None:
    assert onnx_runtime(Cell(torch, cuda, python)) == [pin]


@pytest.mark.parametrize(
    ("torch", "cuda", "python", "why"),
    [
        ("2.4.1", "cu118", "3.11", "no onnxruntime-gpu is built for CUDA 11 and cuDNN 9"),
        ("2.2.2", "cu121", "3.10", "no onnxruntime-gpu is built for CUDA 12 and cuDNN 8"),
        ("2.11.0", "cu130", "3.10", "for CUDA 13 and cuDNN 9 has a wheel for Python 3.10"),
        ("2.3.1", "cu118", "3.11", "works with NumPy 2.4.6"),
        ("1.13.1", "cu117", "3.8", "is known to find CUDA's libraries beside PyTorch 1.13.1+cu117"),
        ("2.0.1", "cu118", "3.9", "is known to find CUDA's libraries beside PyTorch 2.0.1+cu118"),
    ],
)
def test_where_none_fits_the_cpu_provider_remains_and_says_why(
    torch: str, cuda: str, python: str, why: str
) -> None:
    cell = Cell(torch, cuda, python)
    (pin,) = onnx_runtime(cell)
    assert pin.startswith("onnxruntime==")
    said = requirements.backends_of(cell, FACTS, H200)["onnxruntime"]
    assert said.startswith("CPU provider: ")
    assert why in said


def test_an_unknown_cudnn_is_not_one_that_fits() -> None:
    release = FACTS.release("2.4.1")
    assert release is not None
    builds = tuple(build.model_copy(update={"cudnn": ""}) for build in release.builds)
    unknown = replace(FACTS, releases=(release.model_copy(update={"builds": builds}),))
    assert onnx_runtime(CELL, H200, unknown) == ["onnxruntime==1.32.0"]
    assert (
        "which cuDNN the cu121 build of PyTorch has is not known"
        in (requirements.backends_of(CELL, unknown, H200)["onnxruntime"])
    )


def test_facts_without_a_reliable_source_are_not_used() -> None:
    rows = tuple(row.model_copy(update={"status": "unverified"}) for row in FACTS.onnxruntime)
    assert onnx_runtime(CELL, H200, replace(FACTS, onnxruntime=rows)) == ["onnxruntime==1.32.0"]


@pytest.mark.parametrize("on", [NO_GPU, Machine(driver="580.95.05")])
def test_without_a_gpu_a_cuda_build_gets_what_it_always_had(on: Machine) -> None:
    assert requirements.resolve(CELL, FACTS, on) == requirements.resolve(CELL, FACTS)
    assert requirements.backends_of(CELL, FACTS, on) == {}


def test_a_cpu_build_gets_no_backends_for_gpus_even_beside_one() -> None:
    cell = Cell("2.4.1", "cpu", "3.11")
    assert requirements.resolve(cell, FACTS, H200) == requirements.resolve(cell, FACTS)


def test_environments_with_and_without_a_gpu_are_not_taken_for_each_other() -> None:
    assert requirements.resolve(CELL, FACTS, H200).all != requirements.resolve(CELL, FACTS).all


def test_a_gpu_cell_needs_more_disk() -> None:
    plain, larger = (
        requirements.size(CELL, requirements.resolve(CELL, FACTS, on), FACTS) for on in (NO_GPU, H200)
    )
    assert larger[0] > plain[0]
    assert larger[1] > plain[1]


def test_every_choice_can_be_installed_by_its_row() -> None:
    """For every build and Python: of the wanted majors, with a wheel for the Python, for the NumPy."""
    for release in FACTS.releases:
        for build in release.builds:
            for python in set(release.pythons) - {"3.7"}:
                cell = Cell(release.version, build.tag, python)
                numpy = requirements.numpy_of(cell, FACTS)
                chosen = choose(cell, numpy or "0", H200, FACTS)
                assert chosen is not None
                if not chosen.onnxruntime.pin:
                    assert chosen.onnxruntime.why.startswith("CPU provider: ")
                    continue
                version = chosen.onnxruntime.pin.partition("==")[2]
                (row,) = [row for row in FACTS.onnxruntime if Version(version) in SpecifierSet(row.versions)]
                assert row.newest == version
                assert python in row.pythons
                assert Version(numpy) in SpecifierSet(row.numpy)
                majors = [Version(text).major for text in (row.cuda, row.cudnn, build.cuda, build.cudnn)]
                assert majors[:2] == majors[2:]


def test_the_newest_of_a_row_is_one_of_it() -> None:
    for row in FACTS.onnxruntime:
        assert Version(row.newest) in SpecifierSet(row.versions)
    for other in FACTS.tensorrt:
        assert not other.newest or Version(other.newest) in SpecifierSet(other.versions)


def tensorrt(on: Machine, cell: Cell = CELL, known: facts.Facts = FACTS) -> str:
    return requirements.backends_of(cell, known, on)["tensorrt"]


def with_wheels() -> facts.Facts:
    """Facts in which the package that users install has wheels, as its bindings have."""
    rows = tuple(
        row.model_copy(update={"pythons": ("3.11",)}) if row.package == "front" and not row.pythons else row
        for row in FACTS.tensorrt
    )
    front = next(row for row in rows if row.package == "front" and "3.11" in row.pythons)
    newer = front.model_copy(update={"versions": ">=8.6.1"})
    return replace(FACTS, tensorrt=(*(row for row in rows if row != front), newer))


def test_tensorrt_without_a_wheel_is_not_installed() -> None:
    assert tensorrt(H200) == (
        "none: tensorrt-cu12 11.4.0.106 fits, but has no wheel: it downloads from another index during its "
        "build (trt-sdist)"
    )
    assert not any(pin.startswith("tensorrt") for pin in requirements.resolve(CELL, FACTS, H200).all)


def test_tensorrt_is_the_newest_for_cuda_python_gpu_and_driver() -> None:
    known = with_wheels()
    assert "tensorrt-cu12==11.4.0.106" in requirements.resolve(CELL, known, H200).export
    assert "tensorrt-cu12==10.4.0" in requirements.resolve(CELL, known, V100).export
    both = Machine((*H200.gpus, *V100.gpus), "535.104.05")
    assert "tensorrt-cu12==10.4.0" in requirements.resolve(CELL, known, both).export


@pytest.mark.parametrize(
    ("on", "cell", "why"),
    [
        (Machine(H200.gpus), CELL, "it needs driver R535 or newer, and this one is not known"),
        (Machine(H200.gpus, "530.30.02"), CELL, "it needs driver R535 or newer, not 530.30.02"),
        (Machine((GpuDevice("P100", "6.0"),), "535"), CELL, "it does not support P100"),
        (H200, Cell("2.4.1", "cu118", "3.11"), "it is not built for CUDA 11"),
    ],
)
def test_a_tensorrt_that_does_not_fit_says_why(on: Machine, cell: Cell, why: str) -> None:
    assert why in tensorrt(on, cell)


def test_why_names_what_is_chosen_for_a_gpu() -> None:
    lines = list(explain.lines(explain.explain(CELL.id, H200, FACTS)))
    (chosen,) = (line for line in lines if line.startswith("  onnxruntime: "))
    assert chosen == (
        "  onnxruntime: onnxruntime-gpu[cuda,cudnn]==1.26.0: built for CUDA 12.8 and cuDNN 9; the cu121 "
        "build of PyTorch has CUDA 12 and cuDNN 9"
    )
    assert "onnxruntime-gpu[cuda,cudnn]==1.26.0" in lines[-1].split()
    without = explain.lines(explain.explain(CELL.id, NO_GPU, FACTS))
    assert not any("onnxruntime: " in line for line in without)
