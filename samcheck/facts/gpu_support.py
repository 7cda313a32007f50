"""The builds that a driver and a GPU can run by the facts, on this machine or any other (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.version import Version

from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Build, Facts, Release, driver_support, sam_packages, unlisted
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.hardware_schema import below
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import GpuDevice, Machine
from samcheck.suggestions import similar

#: Obstacles of these kinds keep nothing from running.
PASSABLE = (ObstacleKind.CONDITION, ObstacleKind.SOFT, ObstacleKind.DOUBT)
# Every module of these families has an Arm CPU, also those that the facts do not name.
_ON_ARM = re.compile(r"\b(jetson|tegra|xavier)\b", re.IGNORECASE)
#: Driver versions begin with their branch; no known PyTorch runs on an older one.
OLDEST_BRANCH = 300


def host(gpu: str, driver: str, facts: Facts) -> Machine:
    """Return the machine that a user asks about.

    Raises:
        BadInput: the GPU is not in the facts, or the driver is not a version.
    """
    driver = driver_version("--driver", driver)
    if not gpu:
        return Machine(driver=driver)
    row = facts.gpu_called(gpu)
    if row is None and _ON_ARM.search(gpu):
        raise BadInput(f"--gpu: {gpu} comes with an Arm CPU; samcheck's facts cover x86_64 machines only")
    if row is None and (vendor := unlisted.vendor_of(gpu)):
        raise BadInput(
            f"--gpu: {gpu} is no GPU of NVIDIA but of {vendor}; samcheck's facts cover NVIDIA's only"
        )
    if row is None:
        return Machine((_by_capability(gpu, facts),), driver)
    if row.host != "x86_64":
        raise BadInput(
            f"--gpu: {row.name} comes with an Arm CPU; samcheck's facts cover x86_64 machines only"
        )
    return Machine((GpuDevice(row.name, row.capability),), driver)


def driver_version(option: str, text: str) -> str:
    """Return a driver version as the driver writes it; ``R535`` is a branch. `option` is for messages.

    Raises:
        BadInput: it is not a driver version.
    """
    version = text.strip().removeprefix("R")
    if not version:
        return ""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}", version):
        raise BadInput(f"{option}: {text!r} is not a version like 535.104.05, or 535 for its branch")
    if int(version.partition(".")[0]) < OLDEST_BRANCH:
        raise BadInput(
            f"{option}: {text!r} looks like a CUDA version; `nvidia-smi` shows the driver's as Driver Version"
        )
    return version


def _by_capability(text: str, facts: Facts) -> GpuDevice:
    """Return a GPU without a known name by its compute capability: ``8.6`` or ``sm_86``.

    Raises:
        BadInput: the capability is not in the facts.
    """
    wanted = text.strip().lower().removeprefix("sm_").removeprefix("cc ").replace(".", "")
    for row in facts.architectures:
        if row.capability.replace(".", "") == wanted:
            return GpuDevice(f"a GPU of compute capability {row.capability}", row.capability)
    names = [row.name for row in facts.gpus if row.host == "x86_64"]
    near = similar(text.upper(), names, most=3)
    hint = f"; similar: {', '.join(near)}" if near else f"; known: {', '.join(names)}"
    raise BadInput(
        f"--gpu: unknown GPU {text!r}{hint}. You can also give its compute capability, as in --gpu 8.6"
    )


def obstacles(cell: Cell, on: Machine, facts: Facts) -> tuple[Obstacle, ...]:
    """Return what keeps a cell from using the GPU of a machine; ``soft`` obstacles only limit it."""
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    if release is None or build is None:
        return ()  # a CPU build runs everywhere, and a build that does not exist is not the host's problem
    against = [*_driver(build, on, facts), *_without_gpu(cell, on, facts)]
    for gpu in on.gpus:
        against += [*_gpu(release, build, gpu, on, facts)]
    return tuple(against)


def _without_gpu(cell: Cell, on: Machine, facts: Facts) -> Iterator[Obstacle]:
    row = sam_packages.find(cell.sam, facts)
    if row is not None and row.gpu and not on.gpus:
        text = f"{cell.sam} works only on an NVIDIA GPU, and none is known here"
        yield Obstacle("sam-gpu", ObstacleKind.HOST, text, row.source)


def hard(obstacles: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    """Return the obstacles that cannot be worked around."""
    return tuple(obstacle for obstacle in obstacles if obstacle.kind not in PASSABLE)


def _driver(build: Build, on: Machine, facts: Facts) -> Iterator[Obstacle]:
    if not on.driver:
        return
    yield from driver_support.unknown(on.driver, facts)
    floor = facts.floor(build.cuda)
    if floor is not None and below(on.driver, floor.driver):
        text = f"CUDA {build.cuda} needs driver {floor.driver} or newer, not {on.driver}"
        if _forward(build, on, facts):
            text += (
                f"; the package cuda-compat-{build.cuda.replace('.', '-')}, which samcheck does not install, "
                "would work around that on this GPU"
            )
        yield Obstacle("driver-too-old", ObstacleKind.HOST, text, floor.source)
        return
    toolkit = facts.first_toolkit(build.cuda)
    if toolkit is not None and below(on.driver, toolkit.driver):
        text = (
            f"CUDA {build.cuda} came with driver {toolkit.driver}; on {on.driver} it runs by minor-version "
            "compatibility, without compiling PTX"
        )
        gate = next((rule for rule in facts.rules if rule.id == "image-gate"), None)
        if gate is not None:
            text += (
                f", and a container from an image nvidia/cuda of {build.cuda} may refuse to start "
                "(NVIDIA_DISABLE_REQUIRE=1 lets it)"
            )
        source = (*toolkit.source, *(gate.source if gate else ()))
        yield Obstacle("driver-needs-exact", ObstacleKind.SOFT, text, source)


def _forward(build: Build, on: Machine, facts: Facts) -> bool:
    """Return whether a forward-compatibility package helps; it works on data-center GPUs only."""
    rows = [facts.gpu(gpu.name) for gpu in on.gpus]
    suits = bool(rows) and all(row is not None and row.kind == "datacenter" for row in rows)
    return suits and facts.forward_for(build.cuda, on.driver) == "supported"


def _gpu(release: Release, build: Build, gpu: GpuDevice, on: Machine, facts: Facts) -> Iterator[Obstacle]:
    if on.driver:
        yield from driver_support.obstacles(gpu, on.driver, facts)
    architecture = facts.architecture(gpu.capability)
    gone = architecture.removed_in_cuda if architecture else ""
    if architecture and not build.archs and gone and not below(build.cuda, gone):
        text = (
            f"the {build.tag} build of PyTorch {release.version} has no code for {gpu.name}: CUDA {gone} and "
            f"newer cannot compile for compute capability {gpu.capability}"
        )
        yield Obstacle("gpu-no-kernel", ObstacleKind.HOST, text, architecture.source)
    elif not build.archs:
        text = f"which GPUs the {build.tag} build of PyTorch {release.version} has code for is not documented"
        yield Obstacle("archs-undocumented", ObstacleKind.DOUBT, text, build.source)
    elif not has_code_for(build.archs, gpu.capability) and not _by_ptx(build, gpu, on, facts):
        yield _no_kernel(release, build, gpu, facts)
    yield from _lacking(release, gpu, facts)


def _lacking(release: Release, gpu: GpuDevice, facts: Facts) -> Iterator[Obstacle]:
    """Yield the features that a GPU is too old for, or that its MIG devices lack, although PyTorch runs."""
    model, version = facts.gpu(gpu.name), Version(release.version)
    for feature in facts.features:
        if feature.mig and model and model.mig and Version(feature.until) <= version < Version(feature.since):
            text = (
                f"{feature.name} does not work with PyTorch {release.version}, from {feature.until} to "
                f"before {feature.since}: {feature.instead}"
            )
            yield Obstacle("feature-gpu", ObstacleKind.SOFT, text, feature.source, feature.name)
        if not feature.capability or Version(gpu.capability) >= Version(feature.capability):
            continue
        if feature.since and version < Version(feature.since):
            continue
        text = (
            f"{feature.name} does not work on {gpu.name}: it needs compute capability {feature.capability} "
            f"or higher, not {gpu.capability}" + (f"; {feature.instead}" if feature.instead else "")
        )
        yield Obstacle("feature-gpu", ObstacleKind.SOFT, text, feature.source, feature.name)


def _no_kernel(release: Release, build: Build, gpu: GpuDevice, facts: Facts) -> Obstacle:
    wanted = f"sm_{gpu.capability.replace('.', '')}"
    text = f"the {build.tag} build of PyTorch {release.version} has no {wanted} code, which {gpu.name} needs"
    others = [other.tag for other in release.builds if runs_on(other, gpu.capability)]
    if others:
        text += f": use its {' or '.join(others)} build"
    else:
        newest = [
            f"PyTorch {row.version}: {other.tag}"
            for row in facts.releases
            for other in row.builds
            if runs_on(other, gpu.capability)
        ]
        text += f": no build of this release has it (newest that has: {newest[-1]})" if newest else ""
    return Obstacle("gpu-no-kernel", ObstacleKind.HOST, text, build.source)


def runs_on(build: Build, capability: str) -> bool:
    return has_code_for(build.archs, capability)


def has_code_for(archs: Sequence[str], capability: str) -> bool:
    """Return whether code for one of `archs` runs on a GPU: same major, minor not above the GPU's."""
    major, minor = (int(part) for part in capability.split("."))
    pairs = [tuple(int(part) for part in arch.split(".")) for arch in archs]
    return any(pair[0] == major and pair[1] <= minor for pair in pairs)


def _by_ptx(build: Build, gpu: GpuDevice, on: Machine, facts: Facts) -> bool:
    """Return whether the driver can compile the build's PTX for the GPU; it must be as new as its CUDA."""
    toolkit = facts.first_toolkit(build.cuda)
    if not build.ptx or Version(build.ptx) > Version(gpu.capability) or toolkit is None or not on.driver:
        return False
    return not below(on.driver, toolkit.driver)


def best_build(release: Release, facts: Facts, on: Machine) -> str:
    """Return the build for ``cuda = "auto"``.

    With a GPU: the default build if driver and GPU can run it, else the newest that they can run, else the
    default, whose failure is then recorded. Without a GPU: the CPU build if PyTorch's index is reachable,
    else the default build, which runs on the CPU too.
    """
    default = release.default_build
    if not on.gpus:
        return "cpu" if on.pytorch_index else default.tag
    others = sorted(release.builds, key=lambda build: Version(build.cuda), reverse=True)

    def runs(build: Build) -> bool:
        obstacles = [*_driver(build, on, facts)]
        obstacles += [obstacle for gpu in on.gpus for obstacle in _gpu(release, build, gpu, on, facts)]
        doubtful = any(obstacle.kind in (ObstacleKind.HOST, ObstacleKind.DOUBT) for obstacle in obstacles)
        return build.status != "unverified" and not doubtful

    return next((build.tag for build in (default, *others) if runs(build)), default.tag)


def choice_of_build(release: Release, tag: str, on: Machine) -> Iterator[Obstacle]:
    """Yield that a build has to be chosen, as a plain installation takes one that a machine cannot run."""
    usual = release.default_build.tag
    if tag not in ("cpu", usual):
        text = (
            f"a plain pip install of PyTorch {release.version} takes its {usual} build, which cannot run on "
            f"{on}: choose {tag}"
        )
        condition = f"the {tag} build, not the {usual} one of a plain pip install"
        yield Obstacle("build-choice", ObstacleKind.CONDITION, text, release.source, condition)
