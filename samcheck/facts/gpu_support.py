"""Which builds a driver and a GPU can run, by the facts: of this machine, or of any other (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Build, Facts, Release
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.suggestions import similar

#: Versions of drivers begin with their branch; no PyTorch that is known runs on an older one.
OLDEST_BRANCH = 300


@dataclass(frozen=True)
class GpuDevice:
    """One NVIDIA GPU as the driver names it."""

    name: str
    capability: str


@dataclass(frozen=True)
class Machine:
    """A machine, as far as plans depend on it.

    Attributes:
        gpus: NVIDIA GPUs; empty without one.
        driver: version of the NVIDIA driver; empty without one, or if it is not known.
        pytorch_index: whether PyTorch's own index answers.
    """

    gpus: tuple[GpuDevice, ...] = ()
    driver: str = ""
    pytorch_index: bool = False

    def __str__(self) -> str:
        if not self:
            return "a machine without a GPU"
        names = ", ".join(f"{gpu.name} (compute capability {gpu.capability})" for gpu in self.gpus)
        driver = f"driver {self.driver}" if self.driver else "a driver of unknown version"
        if self.driver.isdigit():
            driver = f"a driver of the branch R{self.driver} (its whole version tells more)"
        return f"{names or 'a GPU of unknown kind'} with {driver}"

    def __bool__(self) -> bool:
        return bool(self.gpus or self.driver)


NO_GPU = Machine()


def host(gpu: str, driver: str, facts: Facts) -> Machine:
    """The machine that somebody asks about.

    Raises:
        BadInput: the facts do not know such a GPU, or the driver is no version.
    """
    driver = driver_version("--driver", driver)
    if not gpu:
        return Machine(driver=driver)
    row = facts.gpu_called(gpu)
    if row is None:
        return Machine((_by_capability(gpu, facts),), driver)
    if row.host != "x86_64":
        raise BadInput(f"--gpu: {row.name} comes with an Arm CPU; samcheck's facts are about x86_64 machines")
    return Machine((GpuDevice(row.name, row.capability),), driver)


def driver_version(option: str, text: str) -> str:
    """As the driver writes it; ``R535`` is its branch. `option` is where it stood.

    Raises:
        BadInput: it is no driver's version.
    """
    version = text.strip().removeprefix("R")
    if not version:
        return ""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}", version):
        raise BadInput(f"{option}: {text!r} is not like 535.104.05, or 535 for its branch")
    if int(version.partition(".")[0]) < OLDEST_BRANCH:
        raise BadInput(
            f"{option}: {text!r} looks like a version of CUDA; `nvidia-smi` calls the driver's Driver Version"
        )
    return version


def _by_capability(text: str, facts: Facts) -> GpuDevice:
    """A GPU that the facts do not know by name, by its compute capability: ``8.6`` or ``sm_86``.

    Raises:
        BadInput: it is not one of those that the facts know.
    """
    wanted = text.strip().lower().removeprefix("sm_").removeprefix("cc ").replace(".", "")
    for row in facts.architectures:
        if row.capability.replace(".", "") == wanted:
            return GpuDevice(f"a GPU of compute capability {row.capability}", row.capability)
    names = [row.name for row in facts.gpus if row.host == "x86_64"]
    near = similar(text.upper(), names, most=3)
    hint = f"; like it are {', '.join(near)}" if near else f"; known are {', '.join(names)}"
    raise BadInput(
        f"--gpu: the facts do not know {text!r} by that name{hint}. Its compute capability, as in --gpu 8.6, "
        "will do too"
    )


def _below(driver: str, needed: str) -> bool:
    """Whether a driver is too old; one that is only named in part is taken for the newest of its kind."""
    parts = driver.count(".") + 1
    return Version(driver) < Version(".".join(needed.split(".")[:parts]))


def obstacles(cell: Cell, on: Machine, facts: Facts) -> tuple[Obstacle, ...]:
    """What keeps a cell from using the GPU of a machine; ``soft`` ones only limit it."""
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    if release is None or build is None:
        return ()  # a CPU build runs everywhere, and what does not exist is no matter of the host
    against = [*_driver(build, on, facts)]
    for gpu in on.gpus:
        against += [*_gpu(release, build, gpu, on, facts)]
    return tuple(against)


def hard(obstacles: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    """Those that nothing gets around."""
    return tuple(
        obstacle for obstacle in obstacles if obstacle.kind not in (ObstacleKind.SOFT, ObstacleKind.DOUBT)
    )


def _driver(build: Build, on: Machine, facts: Facts) -> Iterator[Obstacle]:
    if not on.driver:
        return
    floor = facts.floor(build.cuda)
    if floor is not None and _below(on.driver, floor.driver):
        text = f"CUDA {build.cuda} needs driver {floor.driver} or newer, not {on.driver}"
        if _forward(build, on, facts):
            text += (
                f"; the package cuda-compat-{build.cuda.replace('.', '-')}, which samcheck does not install, "
                "would get around that on this GPU"
            )
        yield Obstacle("driver-too-old", ObstacleKind.HOST, text, floor.source)
        return
    toolkit = facts.first_toolkit(build.cuda)
    if toolkit is not None and _below(on.driver, toolkit.driver):
        text = (
            f"CUDA {build.cuda} came with driver {toolkit.driver}; on {on.driver} it runs by minor-version "
            "compatibility, without compiling PTX"
        )
        yield Obstacle("driver-needs-exact", ObstacleKind.SOFT, text, toolkit.source)


def _forward(build: Build, on: Machine, facts: Facts) -> bool:
    """Whether a forward-compatibility package exists; it works on data-center GPUs only."""
    rows = [facts.gpu(gpu.name) for gpu in on.gpus]
    suits = bool(rows) and all(row is not None and row.kind == "datacenter" for row in rows)
    return suits and facts.forward_for(build.cuda, on.driver) == "supported"


def _gpu(release: Release, build: Build, gpu: GpuDevice, on: Machine, facts: Facts) -> Iterator[Obstacle]:
    architecture = facts.architecture(gpu.capability)
    if architecture is not None and on.driver:
        last, first = architecture.last_branch, architecture.first_driver
        if last and Version(on.driver).major > last:
            text = f"drivers after R{last} do not support {gpu.name}; this is {on.driver}"
            yield Obstacle("driver-dropped-gpu", ObstacleKind.HOST, text, architecture.source)
        if first and _below(on.driver, first):
            text = f"{gpu.name} is known to drivers from {first} on; this is {on.driver}"
            yield Obstacle("driver-before-gpu", ObstacleKind.HOST, text, architecture.source)
    if not build.archs:
        text = f"which GPUs the {build.tag} build of PyTorch {release.version} has code for is not documented"
        yield Obstacle("archs-undocumented", ObstacleKind.DOUBT, text, build.source)
    elif not has_code_for(build.archs, gpu.capability) and not _by_ptx(build, gpu, on, facts):
        yield _no_kernel(release, build, gpu, facts)


def _no_kernel(release: Release, build: Build, gpu: GpuDevice, facts: Facts) -> Obstacle:
    wanted = f"sm_{gpu.capability.replace('.', '')}"
    text = f"the {build.tag} build of PyTorch {release.version} has no {wanted} code, which {gpu.name} needs"
    others = [other.tag for other in release.builds if runs_on(other, gpu.capability)]
    if others:
        text += f": take its {' or '.join(others)} build"
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
    """Whether machine code for one of `archs` runs on a GPU: same major, minor not above the GPU's."""
    major, minor = (int(part) for part in capability.split("."))
    pairs = [tuple(int(part) for part in arch.split(".")) for arch in archs]
    return any(pair[0] == major and pair[1] <= minor for pair in pairs)


def _by_ptx(build: Build, gpu: GpuDevice, on: Machine, facts: Facts) -> bool:
    """Whether the driver can compile the build's PTX for the GPU, which needs a driver as new as its CUDA."""
    toolkit = facts.first_toolkit(build.cuda)
    if not build.ptx or Version(build.ptx) > Version(gpu.capability) or toolkit is None or not on.driver:
        return False
    return not _below(on.driver, toolkit.driver)


def best_build(release: Release, facts: Facts, on: Machine) -> str:
    """The build for ``cuda = "auto"``.

    With a GPU: the default build where its driver and GPU run it, else the newest that they do run, else the
    default, whose failure is then on record. Without one: the CPU build where PyTorch's index answers, else
    the default build, which runs on the CPU too.
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
