"""ONNX Runtime and TensorRT for a cell that runs on a GPU: what goes with its PyTorch and the GPU (pure).

In one process with PyTorch, ONNX Runtime's CUDA provider needs the same major versions of CUDA and cuDNN
(rule ``ort-cuda-major``); otherwise it falls back to the CPU without an error. What the facts do not say is
not taken for a yes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from samcheck.cells import Cell
from samcheck.facts import Build, Facts, version_of
from samcheck.facts.schema import OnnxRuntime, TensorRt
from samcheck.facts.target_machine import Machine


@dataclass(frozen=True)
class BackendChoice:
    """What is installed of a backend for the GPU, and why that.

    Attributes:
        pin: exact requirement; empty if nothing fits.
    """

    pin: str
    why: str

    def __str__(self) -> str:
        return f"{self.pin}: {self.why}" if self.pin else self.why


@dataclass(frozen=True)
class GpuBackends:
    """The choice for each backend; where no ONNX Runtime fits, the cell gets the one for the CPU."""

    onnxruntime: BackendChoice
    tensorrt: BackendChoice

    @property
    def described(self) -> dict[str, str]:
        return {"onnxruntime": str(self.onnxruntime), "tensorrt": str(self.tensorrt)}


def choose(cell: Cell, numpy: str, on: Machine, facts: Facts) -> GpuBackends | None:
    """Return what a cell gets on a machine, with NumPy `numpy` (``2.4.6``); None if it uses no GPU there.

    A CUDA build on a machine without a GPU keeps the small build of ONNX Runtime: its CPU provider is the
    same, it exists for more Pythons, and some releases for GPUs end the process when CUDA is asked for
    without a driver.
    """
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    if build is None or not on.gpus:
        return None
    return GpuBackends(_onnx_runtime(build, cell, numpy, facts), _tensorrt(build, cell.python, on, facts))


def _onnx_runtime(build: Build, cell: Cell, numpy: str, facts: Facts) -> BackendChoice:
    if not build.cudnn:
        return _cpu_provider(f"which cuDNN the {build.tag} build of PyTorch has is not known")
    wanted = _major(build.cuda), _major(build.cudnn)
    majors = f"CUDA {wanted[0]} and cuDNN {wanted[1]}"
    rows = [row for row in facts.onnxruntime if (_major(row.cuda), _major(row.cudnn)) == wanted]
    rows = [row for row in rows if row.status != "unverified"]
    if not rows:
        return _cpu_provider(
            f"no onnxruntime-gpu is built for {majors}, as the {build.tag} build of PyTorch is"
        )
    fitting = [row for row in rows if cell.python in row.pythons]
    named = f"no onnxruntime-gpu for {majors}"
    if not fitting:
        return _cpu_provider(f"{named} has a wheel for Python {cell.python}")
    named = f"{named} and Python {cell.python}"
    fitting = [row for row in fitting if Version(numpy) in SpecifierSet(row.numpy)]
    if not fitting:
        return _cpu_provider(f"{named} works with NumPy {numpy}")
    fitting = [row for row in fitting if _has_libraries(row, build, cell)]
    if not fitting:
        return _cpu_provider(
            f"{named} is known to find CUDA's libraries beside PyTorch {cell.torch}+{build.tag}"
        )
    newest = max(fitting, key=lambda row: Version(row.newest))
    built = f"built for CUDA {newest.cuda} and cuDNN {newest.cudnn}"
    return BackendChoice(_pin(newest), f"{built}; the {build.tag} build of PyTorch has {majors}")


def _has_libraries(row: OnnxRuntime, build: Build, cell: Cell) -> bool:
    """Return whether CUDA's libraries are known to be installed: by a release itself, or by PyTorch."""
    brought = row.torch and build.index == "default" and Version(cell.torch) in SpecifierSet(row.torch)
    return bool(row.extra or brought)


def _pin(row: OnnxRuntime) -> str:
    extra = f"[{row.extra}]" if row.extra else ""
    return f"onnxruntime-gpu{extra}=={row.newest}"


def _cpu_provider(why: str) -> BackendChoice:
    return BackendChoice("", f"CPU provider: {why}")


def _tensorrt(build: Build, python: str, on: Machine, facts: Facts) -> BackendChoice:
    """Choose the newest TensorRT with a wheel.

    The compiled module alone is useless: the package that users install must have a wheel as well.
    """
    compiled = [row for row in facts.tensorrt if row.package == "bindings" and row.newest]
    compiled.sort(key=lambda row: Version(row.newest), reverse=True)
    fitting = [row for row in compiled if not any(_against(row, build, python, on))]
    if not fitting:
        why = "; ".join(_against(compiled[0], build, python, on)) if compiled else "the facts have none"
        newest = f" (of the newest, {compiled[0].newest})" if compiled else ""
        return BackendChoice("", f"none: no TensorRT fits: {why}{newest}")
    name = f"tensorrt-cu{_major(build.cuda)}"
    for row in fitting:
        front = next((each for each in facts.tensorrt if _is_front_of(each, row)), None)
        if front is not None and python in front.pythons and front.status != "unverified":
            return BackendChoice(f"{name}=={row.newest}", f"built for CUDA {_major(build.cuda)}")
    text = f"none: {name} {fitting[0].newest} fits, but has no wheel: it downloads from another index"
    return BackendChoice("", f"{text} during its build (trt-sdist)")


def _is_front_of(front: TensorRt, compiled: TensorRt) -> bool:
    return front.package == "front" and Version(compiled.newest) in SpecifierSet(front.versions)


def _against(row: TensorRt, build: Build, python: str, on: Machine) -> Iterator[str]:
    """Yield what keeps releases of TensorRT from being used; what is unknown counts."""
    major = _major(build.cuda)
    if row.status == "unverified":
        yield "no reliable source says what it needs"
    if major not in row.cuda:
        yield f"it is not built for CUDA {major}"
    if python not in row.pythons:
        yield f"it has no wheel for Python {python}"
    for gpu in on.gpus:
        if not row.capability:
            yield f"whether it supports {gpu.name} is not known"
        elif Version(gpu.capability) < Version(row.capability):
            yield f"it does not support {gpu.name}"
    needed = row.drivers.get(major, 0)
    if major in row.cuda and not needed:
        yield f"which driver it needs for CUDA {major} is not known"
    elif needed and not on.driver:
        yield f"it needs driver R{needed} or newer, and this one is not known"
    elif needed and _major(on.driver) < needed:
        yield f"it needs driver R{needed} or newer, not {on.driver}"


def _major(version: str) -> int:
    return version_of(version).major
