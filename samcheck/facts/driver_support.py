"""What a driver says about a GPU, whatever runs on it (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from samcheck.facts import Facts, version_of
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.hardware_schema import Architecture, GpuModel, KernelModule, below
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import GpuDevice, Machine

#: NVIDIA's packages install the open kernel module by default from this branch on.
OPEN_BY_DEFAULT = 560


def obstacles(gpu: GpuDevice, driver: str, facts: Facts) -> Iterator[Obstacle]:
    """Yield what keeps a driver from using a GPU."""
    architecture, model = facts.architecture(gpu.capability), facts.gpu(gpu.name)
    if architecture is None:
        text = f"which drivers support {gpu.name} is not known"
        yield Obstacle("driver-before-gpu", ObstacleKind.DOUBT, text)
        return
    branch, last = facts.branch(driver), architecture.last_branch
    if last and (branch.number if branch else Version(driver).major) > last:
        text = f"drivers after R{last} do not support {gpu.name}; this is {driver}"
        yield Obstacle("driver-dropped-gpu", ObstacleKind.HOST, text, architecture.source)
        return
    too_old = _too_old(gpu, model, architecture, driver, facts)
    if too_old is not None:
        yield too_old


def conditions(on: Machine, facts: Facts) -> Iterator[Obstacle]:
    """Yield what has to be installed with a machine's driver, whatever runs there."""
    if not on.driver:
        return
    if facts.for_windows(on.driver):
        yield _windows(on.driver, facts)
        return
    for gpu in on.gpus:
        architecture, model = facts.architecture(gpu.capability), facts.gpu(gpu.name)
        if architecture is not None:
            yield from _module(gpu, architecture, Version(on.driver).major)
        if model is not None and model.nvswitch:
            yield Obstacle(
                "fabric-manager",
                ObstacleKind.CONDITION,
                "on a machine with NVSwitches (HGX, DGX) CUDA fails with error 802 unless "
                f"nvidia-fabricmanager has exactly the driver's version, {on.driver}",
                facts.rule("fabric-manager").source,
                f"nvidia-fabricmanager {on.driver} if the machine has NVSwitches",
            )


def unknown(driver: str, facts: Facts) -> Iterator[Obstacle]:
    """Yield a doubt about a driver that is newer than what the facts know."""
    newest = max(facts.branches, key=lambda row: row.number, default=None)
    branch = Version(driver).major if driver else 0
    if newest is not None and branch > newest.number:
        text = f"R{branch} is newer than every driver branch in the facts (up to R{newest.number})"
        yield Obstacle("driver-unknown", ObstacleKind.DOUBT, text, newest.source)


def _windows(driver: str, facts: Facts) -> Obstacle:
    """Return what has to be so for a driver whose number the Linux driver does not have."""
    branch = facts.branch(driver)
    text = f"R{Version(driver).major} is no branch of the Linux driver"
    if branch is not None:
        text += f"; drivers for Windows, as under WSL, have such numbers: one of R{branch.number}"
    source = facts.rule("driver-windows").source
    return Obstacle(
        "driver-windows", ObstacleKind.CONDITION, text, source, f"{driver} as a driver for Windows"
    )


def _too_old(
    gpu: GpuDevice, model: GpuModel | None, architecture: Architecture, driver: str, facts: Facts
) -> Obstacle | None:
    """Return what speaks against a driver's age: what is not known to be new enough is no yes."""
    first = architecture.first_driver
    if first and below(driver, first):
        text = f"{gpu.name} needs driver {first} or newer; this is {driver}"
        return Obstacle("driver-before-gpu", ObstacleKind.HOST, text, architecture.source)
    if model is not None and not model.listed_by(driver):
        source = facts.rule("driver-before-gpu").source
        text = (
            f"NVIDIA's open kernel module of driver {driver} does not list {gpu.name} (the first that do: "
            f"{', '.join(model.drivers)})"
        )
        if _between(driver, model, facts):
            text = (
                f"R{Version(driver).major} is no branch of the Linux driver, so whether it supports "
                f"{gpu.name} is not certain; drivers for Windows, as under WSL, have such numbers ({text})"
            )
            return Obstacle("driver-before-gpu", ObstacleKind.DOUBT, text, source)
        if architecture.kernel_module is KernelModule.OPEN:
            return Obstacle("driver-before-gpu", ObstacleKind.HOST, text, source)
        text += "; whether the proprietary one knows it is not certain"
        return Obstacle("driver-before-gpu", ObstacleKind.DOUBT, text, source)
    if first or (model is not None and model.drivers):
        return None
    return _before_toolkit(gpu, architecture, driver, facts)


def _between(driver: str, model: GpuModel, facts: Facts) -> bool:
    """Return whether a driver's number lies between known ones of which the first supports the GPU."""
    branch = Version(driver).major
    return facts.for_windows(driver) and branch > min(Version(first).major for first in model.drivers)


def _before_toolkit(gpu: GpuDevice, architecture: Architecture, driver: str, facts: Facts) -> Obstacle | None:
    """Return a doubt about a driver that is older than that of the first CUDA with code for the GPU."""
    wanted = version_of(architecture.first_cuda)
    known = (row for row in facts.toolkits if row.driver and version_of(row.version) >= wanted)
    toolkit = min(known, key=lambda row: version_of(row.version), default=None)
    if toolkit is not None and not below(driver, toolkit.driver):
        return None
    text = f"which driver is the first to support {gpu.name} is not known; this is {driver}"
    if toolkit is not None:
        text += f", and CUDA {toolkit.version}, which has code for it, came with {toolkit.driver}"
    return Obstacle("driver-before-gpu", ObstacleKind.DOUBT, text, architecture.source)


def _module(gpu: GpuDevice, architecture: Architecture, branch: int) -> Iterator[Obstacle]:
    """Yield which kernel module to install, where only one can use the GPU."""
    module = architecture.kernel_module
    if module is KernelModule.EITHER or (module is KernelModule.PROPRIETARY and branch < OPEN_BY_DEFAULT):
        return
    why = (
        f"NVIDIA's packages install the open kernel module from R{OPEN_BY_DEFAULT} on, which {gpu.name} "
        "cannot use: choose the proprietary one"
        if module is KernelModule.PROPRIETARY
        else f"the proprietary kernel module cannot use {gpu.name}: choose the open one"
    )
    yield Obstacle(
        "kernel-module", ObstacleKind.CONDITION, why, architecture.source, f"the {module} kernel module"
    )
