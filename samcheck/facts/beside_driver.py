"""What has to move along with a driver (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.version import Version

from samcheck.facts import Facts, version_of
from samcheck.facts.hardware_schema import DriverCompanion, GpuModel, below
from samcheck.facts.target_machine import GpuDevice


def moves(old: str, new: str, gpus: Sequence[GpuDevice], facts: Facts) -> Iterator[str]:
    """Yield what else to change, or to do again, where it is used; `gpus` are empty if they are not known."""
    models = [facts.gpu(gpu.name) for gpu in gpus]
    without = [model for model in models if model and model.mig and below(new, model.mig)]
    for other in without:
        source = ", ".join(other.source)
        yield f"MIG: {other.name} has it from driver {other.mig} on, not with {new} (source: {source})"
    for row in facts.driver_companions:
        applies = not row.mig and not gpus
        for gpu, model in zip(gpus, models, strict=True):
            applies |= _applies(row, gpu, model) and not (row.mig and model in without)
        change = _change(row, old, new, gpus, facts) if applies else ""
        if change:
            yield f"{change}: {row.text} (source: {', '.join(row.source)})"


def _applies(row: DriverCompanion, gpu: GpuDevice, model: GpuModel | None) -> bool:
    """Return whether a GPU has what moves along; a GPU that the facts do not know by its name may."""
    if row.capability and Version(gpu.capability) < Version(row.capability):
        return False
    if model is None:
        return not row.mig
    return bool(not row.mig or model.mig) and (not row.kinds or model.kind in row.kinds)


def _change(row: DriverCompanion, old: str, new: str, gpus: Sequence[GpuDevice], facts: Facts) -> str:
    """Return what becomes of something; empty if it can stay as it is."""
    if row.follows == "version":
        return f"{row.name} -> {new if '.' in new else 'the full version of the driver'}"
    if row.follows == "setup":
        return row.name
    before, after = (_cuda_major(driver, gpus, facts) for driver in (old, new))
    if not after:
        return f"{row.name}N, with N of the CUDA version that nvidia-smi shows: R{_number(new)} is not known"
    return "" if before == after else f"{row.name}{before or 'N'} -> {row.name}{after}"


def _cuda_major(driver: str, gpus: Sequence[GpuDevice], facts: Facts) -> int:
    """Return the CUDA major version of a driver, as far as its GPUs can use it; 0 if it is not known."""
    branch = facts.branch(driver)
    if branch is None:
        return 0
    majors = [version_of(branch.cuda).major]
    for gpu in gpus:
        architecture = facts.architecture(gpu.capability)
        if architecture is not None and architecture.removed_in_cuda:
            majors.append(version_of(architecture.removed_in_cuda).major - 1)
    return min(majors)


def _number(driver: str) -> str:
    return driver.partition(".")[0]
