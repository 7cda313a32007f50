"""Cell → exact requirements and their index (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from samcheck.cells import Cell
from samcheck.errors import BuildFailed
from samcheck.facts import Facts, Release, gpu_backends, sam_packages
from samcheck.facts.target_machine import NO_GPU, Machine
from samcheck.guest.outcomes import FailureCause

#: PyTorch's own index holds one folder per build.
PYTORCH_INDEX = "https://download.pytorch.org/whl/"


@dataclass(frozen=True)
class Requirements:
    """Exact pins, by image layer.

    Attributes:
        tools: pytest and what the guest needs besides SAM; the same for all cells of a Python.
        torch: torch and torchvision, always from one source: mixing sources gives
            ``operator torchvision::nms does not exist``.
        torch_index: the index for `torch`; empty for the user's default index.
        numpy: NumPy; resolved together with `torch`, which would otherwise bring the newest.
        export: ONNX and its runtime; resolved together with `numpy` for the same reason.
        sam: segment-anything, the package under test, and the packages installed beside it; resolved with
            their dependencies, together with `numpy` and `torch`.
        bare: those of these packages that are installed last, without their dependencies, and are built in
            the environment if the index has no wheel of them.
        build_environment: variables for these builds, ``NAME=value``.
    """

    tools: tuple[str, ...]
    torch: tuple[str, ...]
    torch_index: str
    numpy: tuple[str, ...]
    export: tuple[str, ...]
    sam: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    build_environment: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.wheels, *self.bare)

    @property
    def wheels(self) -> tuple[str, ...]:
        """What is installed first, in one resolution."""
        return (*self.tools, *self.torch, *self.numpy, *self.export, *self.sam)


NOTHING = Requirements((), (), "", (), ())


def resolve(cell: Cell, facts: Facts, on: Machine = NO_GPU) -> Requirements:
    """Return the pins of a cell; on a machine with GPUs, a CUDA build gets the backends that use them.

    Raises:
        BuildFailed: the release, build, NumPy or what SAM's package imports is not in the facts.
    """
    release = facts.release(cell.torch)
    if release is None:
        raise BuildFailed(
            FailureCause.FACTS,
            f"PyTorch {cell.torch} is not a known release: add it to samcheck/facts/torch.toml with a source",
        )
    index, suffix = _source(cell, release)
    numpy = _numpy(cell, release, facts)
    package = sam_packages.find(cell.sam, facts)
    missing = sam_packages.without_release(package, cell.python, facts) if package else ""
    if missing:
        text = f"{missing}, which {cell.sam} imports, has no known release for Python {cell.python}"
        raise BuildFailed(FailureCause.FACTS, f"{text}: add it to samcheck/facts/sam.toml")
    sam = sam_packages.pins(cell, release, _version(numpy), facts)
    return Requirements(
        tools=tuple(facts.pin("tool", cell.python)),
        torch=(f"torch=={release.version}{suffix}", f"torchvision=={release.torchvision}{suffix}"),
        torch_index=index,
        numpy=(numpy,),
        export=_export(cell, numpy, facts, on),
        sam=sam.whole,
        bare=sam.bare,
        build_environment=sam.build_environment,
    )


def _export(cell: Cell, numpy: str, facts: Facts, on: Machine) -> tuple[str, ...]:
    """Return the pins for exporting, with ONNX Runtime and TensorRT for the GPU where they fit."""
    pins = facts.pin("export", cell.python)
    chosen = gpu_backends.choose(cell, _version(numpy), on, facts)
    if chosen is None:
        return tuple(pins)
    if chosen.onnxruntime.pin:  # both have the same module: never together
        pins = [pin for pin in pins if pin.partition("==")[0] != "onnxruntime"]
    return (*pins, *filter(None, (chosen.onnxruntime.pin, chosen.tensorrt.pin)))


def size(cell: Cell, pins: Requirements, facts: Facts) -> tuple[int, int]:
    """Return what a cell's environment takes at most, in MiB: to download, and installed."""
    rows = [facts.size(cell.cuda)]
    if any(pin.startswith("onnxruntime-gpu") for pin in pins.export):
        rows.append(facts.size_of("onnxruntime-gpu"))
    if len(pins.sam) + len(pins.bare) > 1:
        rows.append(facts.size_of("sam"))
    return sum(row.download_mib for row in rows), sum(row.installed_mib for row in rows)


def backends_of(cell: Cell, facts: Facts, on: Machine) -> dict[str, str]:
    """Return what a cell gets of each backend on the GPUs of a machine, and why; empty if it uses none."""
    chosen = gpu_backends.choose(cell, numpy_of(cell, facts) or "0", on, facts)
    return chosen.described if chosen else {}


def numpy_of(cell: Cell, facts: Facts) -> str:
    """Return the NumPy that a cell gets, even if it names none; empty if the facts have none for it."""
    if cell.numpy:
        return cell.numpy
    try:
        return _version(resolve(cell, facts).numpy[0])
    except BuildFailed:
        return ""


def compared_with(cell: Cell, facts: Facts) -> tuple[str, ...]:
    """Return the packages beside the one under test that have the same models, for comparison."""
    row, release = sam_packages.find(cell.sam, facts), facts.release(cell.torch)
    if row is None or release is None:
        return ()
    others = sam_packages.references(row, release, cell, numpy_of(cell, facts), facts)
    return tuple(other.requirement for other in others)


def _version(pin: str) -> str:
    return pin.partition("==")[2]


def _source(cell: Cell, release: Release) -> tuple[str, str]:
    """Return the index and the local version suffix of the wanted build."""
    if cell.cuda == release.default_build.tag:
        return "", ""
    return f"{PYTORCH_INDEX}{cell.cuda}", f"+{cell.cuda}"


def _numpy(cell: Cell, release: Release, facts: Facts) -> str:
    if cell.numpy:
        return f"numpy=={cell.numpy}"
    pins = facts.pin("numpy" if release.numpy2 else "numpy1", cell.python)
    if not pins:
        raise BuildFailed(
            FailureCause.FACTS,
            f"PyTorch {cell.torch} needs NumPy 1, which has no wheel for Python {cell.python}",
        )
    usual = _version(pins[0])
    return f"numpy=={sam_packages.newest_numpy(cell.sam, cell.python, usual, facts)}"
