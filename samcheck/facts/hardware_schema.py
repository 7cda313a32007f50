"""Types of the rows on drivers and GPUs in the facts files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from packaging.version import Version
from pydantic import Field

from samcheck.facts.schema import Capability, Fact, Known, Text, VersionText

Forwarding = Literal["supported", "not-needed", "newer-driver"]


class KernelModule(StrEnum):
    """Which kernel module of NVIDIA's driver can use a GPU; packages install the open one from R560 on."""

    PROPRIETARY = "proprietary"
    EITHER = "either"
    OPEN = "open"


def below(driver: str, needed: str) -> bool:
    """Return whether a driver is too old; a partial version stands for the newest that matches."""
    parts = driver.count(".") + 1
    return Version(driver) < Version(".".join(needed.split(".")[:parts]))


class DriverFloor(Fact):
    """The oldest driver for builds of one CUDA major version."""

    cuda_major: int
    driver: VersionText


class Toolkit(Fact):
    """A CUDA toolkit and the Linux driver that it came with; `driver` is empty if unknown."""

    version: VersionText
    driver: Known = ""


class Branch(Fact):
    """A driver branch.

    Attributes:
        number: 535 for R535.
        state: ``ended`` also for branches that the vendor's table no longer lists.
        end_of_life: month, ``2026-06``; empty if unknown.
        cuda: the newest CUDA version whose features it has.
    """

    number: int
    kind: Literal["long-term", "production", "new-feature", "unknown"]
    state: Literal["supported", "ended"]
    end_of_life: Annotated[str, Field(pattern=r"^(\d{4}-\d\d)?$")] = ""
    cuda: VersionText


class DriverCompanion(Fact):
    """What has to move along with a driver, where it is used.

    Attributes:
        follows: ``version`` (exactly the driver's), ``cuda`` (the package for the CUDA major version that the
            driver has, whose name ends with it), ``setup`` (something to do again).
        text: why, or what to do.
        kinds: of GPUs; empty for all.
        mig: only where the GPU can be divided by MIG.
        capability: from this compute capability on; empty for all.
    """

    name: Text
    follows: Literal["version", "cuda", "setup"]
    text: Text
    kinds: tuple[Text, ...] = ()
    mig: bool = False
    capability: Capability | Literal[""] = ""


class Forward(Fact):
    """Whether the forward-compatibility package of a CUDA version works on older driver branches."""

    cuda: VersionText
    branches: dict[int, Forwarding]


class GpuModel(Fact):
    """A GPU.

    Attributes:
        host: the CPU it comes with: on ``aarch64`` no build of these facts runs.
        drivers: of each branch the first release whose open kernel module lists the GPU, up to the branch
            whose releases all do, as all newer ones do; empty if it is older than that module (R515).
        nvswitch: whether there are machines that connect it by NVSwitches.
        mig: the first driver that can divide it by MIG; empty if none is known to.
    """

    name: Text
    aliases: tuple[Text, ...] = ()
    capability: Capability
    kind: Literal["datacenter", "workstation", "geforce", "embedded"]
    family: Text
    host: Literal["x86_64", "aarch64"]
    drivers: tuple[VersionText, ...] = ()
    nvswitch: bool = False
    mig: Known = ""

    def listed_by(self, driver: str) -> bool:
        """Return whether a driver's open kernel module lists the GPU, or it is older than that module.

        A partial version stands for the newest that matches.
        """
        branch = int(driver.partition(".")[0])
        first = {int(floor.partition(".")[0]): floor for floor in self.drivers}
        if branch in first:
            return not below(driver, first[branch])
        return not first or branch > max(first)


class Memory(Fact):
    """A memory size that a GPU is sold with.

    Attributes:
        labels: GB in product names, the usual one first.
        words: lower-case words in a name that imply this size.
        mib: the smallest total seen to be reported for it; 0 if unknown.
        by: what reported it.
    """

    gpu: Text
    labels: Annotated[tuple[int, ...], Field(min_length=1)]
    words: tuple[Text, ...] = ()
    mib: int = 0
    by: Literal["PyTorch", "CUDA", "nvidia-smi", ""] = ""


class Architecture(Fact):
    """A compute capability, and the CUDA versions and drivers that support it.

    Attributes:
        first_cuda: the first CUDA version that compiles for it.
        removed_in_cuda: the first that no longer does; empty if none dropped it.
        last_branch: the last driver branch that supports it; 0 if none dropped it.
        first_driver: the first driver that supports it; empty if unknown.
        kernel_module: which of the driver's kernel modules can use it.
    """

    capability: Capability
    first_cuda: VersionText
    removed_in_cuda: Known = ""
    last_branch: int = 0
    first_driver: Known = ""
    kernel_module: KernelModule
