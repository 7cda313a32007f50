"""Which builds a driver and a GPU can run, by the facts: of this machine, or of any other (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Build, Facts, Release
from samcheck.rules import Obstacle


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU as the driver names it."""

    name: str
    capability: str


@dataclass(frozen=True)
class Host:
    """A machine, as far as plans depend on it.

    Attributes:
        gpus: NVIDIA GPUs; empty without one.
        driver: version of the NVIDIA driver; empty without one, or if it is not known.
        pytorch_index: whether PyTorch's own index answers.
    """

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    pytorch_index: bool = False

    def __str__(self) -> str:
        names = ", ".join(f"{gpu.name} (compute capability {gpu.capability})" for gpu in self.gpus)
        driver = f"driver {self.driver}" if self.driver else "a driver of unknown version"
        return f"{names or 'a GPU of unknown kind'} with {driver}" if self else "no GPU"

    def __bool__(self) -> bool:
        return bool(self.gpus or self.driver)


NO_GPU = Host()


def host(gpu: str, driver: str, facts: Facts) -> Host:
    """The machine that somebody asks about.

    Raises:
        BadInput: the facts do not know such a GPU, or the driver is no version.
    """
    if driver and not all(part.isascii() and part.isdigit() for part in driver.split(".")):
        raise BadInput(f"--driver: {driver!r} is not like 535.104.05")
    if not gpu:
        return Host(driver=driver)
    row = facts.gpu(gpu)
    if row is None:
        names = ", ".join(each.name for each in facts.gpus)
        raise BadInput(f"--gpu: {gpu!r} is not among the GPUs that samcheck knows: {names}")
    if row.host != "x86_64":
        raise BadInput(f"--gpu: {row.name} comes with an Arm CPU; samcheck's facts are about x86_64 machines")
    return Host((Gpu(row.name, row.capability),), driver)


def obstacles(cell: Cell, on: Host, facts: Facts) -> tuple[Obstacle, ...]:
    """What keeps a cell from using the GPU of a machine; ``soft`` ones only limit it."""
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    if build is None:  # a CPU build runs everywhere, and what does not exist is no matter of the host
        return ()
    found = [*_driver(build, on, facts)]
    for gpu in on.gpus:
        found += [*_gpu(cell.torch, build, gpu, on, facts)]
    return tuple(found)


def hard(found: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    """Those that nothing gets around."""
    return tuple(obstacle for obstacle in found if obstacle.kind not in ("soft", "doubt"))


def _driver(build: Build, on: Host, facts: Facts) -> Iterator[Obstacle]:
    if not on.driver:
        return
    floor = facts.floor(build.cuda)
    if floor is not None and Version(on.driver) < Version(floor.driver):
        need = f"CUDA {build.cuda} needs driver {floor.driver} or newer, not {on.driver}"
        if _forward(build, on, facts):
            package = f"cuda-compat-{build.cuda.replace('.', '-')}"
            text = f"{need}, or on a data-center GPU the package {package} in its environment"
            yield Obstacle("driver-too-old", "soft", text, floor.source)
        else:
            yield Obstacle("driver-too-old", "host", need, floor.source)
        return
    toolkit = facts.first_toolkit(build.cuda)
    if toolkit is not None and toolkit.driver and Version(on.driver) < Version(toolkit.driver):
        text = (
            f"CUDA {build.cuda} came with driver {toolkit.driver}; on {on.driver} it runs by minor-version "
            "compatibility, without compiling PTX"
        )
        yield Obstacle("driver-needs-exact", "soft", text, toolkit.source)


def _forward(build: Build, on: Host, facts: Facts) -> bool:
    """Whether a forward-compatibility package exists; it works on data-center GPUs only."""
    rows = [facts.gpu(gpu.name) for gpu in on.gpus]
    suits = all(row is not None and row.kind == "datacenter" for row in rows)
    return suits and facts.forward_for(build.cuda, on.driver) == "supported"


def _gpu(torch: str, build: Build, gpu: Gpu, on: Host, facts: Facts) -> Iterator[Obstacle]:
    architecture = facts.architecture(gpu.capability)
    branch = int(on.driver.partition(".")[0]) if on.driver else 0
    if architecture is not None and architecture.last_branch and branch > architecture.last_branch:
        text = f"drivers after R{architecture.last_branch} do not support {gpu.name}; this is {on.driver}"
        yield Obstacle("driver-dropped-gpu", "host", text, architecture.source)
    if not build.archs:
        text = f"which GPUs the {build.tag} build of PyTorch {torch} has code for is not documented"
        yield Obstacle("archs-undocumented", "doubt", text, build.source)
    elif not has_code_for(build.archs, gpu.capability) and not _by_ptx(build, gpu, on, facts):
        yield _no_kernel(torch, build, gpu, facts)


def _no_kernel(torch: str, build: Build, gpu: Gpu, facts: Facts) -> Obstacle:
    wanted = f"sm_{gpu.capability.replace('.', '')}"
    text = f"the {build.tag} build of PyTorch {torch} has no {wanted} code, which {gpu.name} needs"
    release = facts.release(torch)
    others = [each.tag for each in release.builds if runs_on(each, gpu.capability)] if release else []
    if others:
        text += f": take its {' or '.join(others)} build"
    else:
        newest = [
            f"PyTorch {row.version}: {each.tag}"
            for row in facts.releases
            for each in row.builds
            if runs_on(each, gpu.capability)
        ]
        text += f": no build of this release has it (newest that has: {newest[-1]})" if newest else ""
    return Obstacle("gpu-no-kernel", "host", text, build.source)


def runs_on(build: Build, capability: str) -> bool:
    return has_code_for(build.archs, capability)


def has_code_for(archs: Sequence[str], capability: str) -> bool:
    """Whether machine code for one of `archs` runs on a GPU: same major, minor not above the GPU's."""
    major, minor = (int(part) for part in capability.split("."))
    pairs = [tuple(int(part) for part in arch.split(".")) for arch in archs]
    return any(pair[0] == major and pair[1] <= minor for pair in pairs)


def _by_ptx(build: Build, gpu: Gpu, on: Host, facts: Facts) -> bool:
    """Whether the driver can compile the build's PTX for the GPU, which needs a driver as new as its CUDA."""
    toolkit = facts.first_toolkit(build.cuda)
    if not build.ptx or Version(build.ptx) > Version(gpu.capability) or toolkit is None or not toolkit.driver:
        return False
    return bool(on.driver) and Version(on.driver) >= Version(toolkit.driver)


def best_build(release: Release, facts: Facts, on: Host) -> str:
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
        found = [*_driver(build, on, facts)]
        found += [each for gpu in on.gpus for each in _gpu(release.version, build, gpu, on, facts)]
        doubtful = any(each.kind in ("host", "doubt") or each.rule == "driver-too-old" for each in found)
        return build.status != "unverified" and not doubtful

    return next((build.tag for build in (default, *others) if runs(build)), default.tag)
