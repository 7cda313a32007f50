"""The rows of the facts files, typed; each says how sure it is and where it comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class ObstacleKind(StrEnum):
    """What a rule says of a combination, the worst first."""

    INSTALL = "install"  # cannot be installed
    RUN = "run"  # installs, and cannot work
    HOST = "host"  # not on this driver or GPU
    DOUBT = "doubt"  # no good source says that it exists
    SOFT = "soft"  # works, with limits
    CHOICE = "choice"  # somebody left it out
    FOR = "for"  # nothing is against it, and the rule says why


Status = Literal["verified", "stored", "unverified"]
Text = Annotated[str, Field(min_length=1)]


def _version(text: str) -> str:
    if text:
        try:
            Version(text)
        except InvalidVersion as error:
            raise ValueError(str(error)) from None
    return text


def _specifiers(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(str(error)) from None
    return text


#: A version like ``12.4`` or ``550.54.15``.
VersionText = Annotated[Text, AfterValidator(_version)]
#: The same, or empty where it is not known.
Known = Annotated[str, AfterValidator(_version)]
#: Version specifiers as pip has them, ``>=1.13,<1.15``.
Range = Annotated[Text, AfterValidator(_specifiers)]
#: ``major.minor``.
Python = Annotated[str, Field(pattern=r"^3\.\d+$")]
#: Compute capability, ``major.minor``.
Capability = Annotated[str, Field(pattern=r"^\d+\.\d$")]

Forwarding = Literal["supported", "not-needed", "newer-driver"]


class Fact(BaseModel):
    """One fact, how sure it is, and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    status: Status
    source: tuple[Text, ...] = Field(min_length=1)


class Build(Fact):
    """A CUDA build of a PyTorch release.

    Attributes:
        archs: compute capabilities with machine code in it; empty when they are not documented.
        ptx: capability of the intermediate code in it, which a driver compiles for newer GPUs; empty
            without any.
        cudnn: the cuDNN that belongs to it; empty when it is not known.
    """

    cuda: VersionText
    tag: Text
    index: Literal["default", "pytorch"]
    archs: tuple[Capability, ...]
    ptx: Capability | Literal[""] = ""
    cudnn: Known = ""


class Release(Fact):
    """A PyTorch release, the torchvision that belongs to it, and its Pythons.

    Attributes:
        pythons: those for which torch and torchvision have a wheel.
        torch_only: those for which torch has a wheel and its torchvision has none.
        platform: what its wheels ask of the system, ``manylinux1`` or ``manylinux_<glibc>``.
        numpy2: whether it works under NumPy 2.
    """

    version: VersionText
    torchvision: VersionText
    pythons: tuple[Python, ...]
    torch_only: tuple[Python, ...] = ()
    platform: Annotated[str, Field(pattern=r"^(manylinux1|manylinux_\d+_\d+)?$")] = ""
    numpy2: bool
    builds: tuple[Build, ...]

    @property
    def default_build(self) -> Build:
        """The build that a plain ``pip install torch`` takes."""
        return next(build for build in self.builds if build.index == "default")

    def build(self, tag: str) -> Build | None:
        return next((build for build in self.builds if build.tag == tag), None)


class DriverFloor(Fact):
    """The oldest driver for builds of one CUDA major version."""

    cuda_major: int
    driver: VersionText


class Toolkit(Fact):
    """A CUDA toolkit and the Linux driver that it came with; `driver` is empty when it is not known."""

    version: VersionText
    driver: Known = ""


class Branch(Fact):
    """A branch of drivers.

    Attributes:
        number: 535 for R535.
        state: ``ended`` also for branches that the vendor's table does not list any more.
        end_of_life: month, ``2026-06``; empty where none is known.
        cuda: the newest CUDA version whose features it has.
    """

    number: int
    kind: Literal["long-term", "production", "new-feature", "unknown"]
    state: Literal["supported", "ended"]
    end_of_life: Annotated[str, Field(pattern=r"^(\d{4}-\d\d)?$")] = ""
    cuda: VersionText


class Forward(Fact):
    """Whether the forward-compatibility package of a CUDA version works on older driver branches."""

    cuda: VersionText
    branches: dict[int, Forwarding]


class GpuModel(Fact):
    """A GPU. `host` is the CPU it comes with: on ``aarch64`` no build of these facts runs."""

    name: Text
    aliases: tuple[Text, ...] = ()
    capability: Capability
    kind: Literal["datacenter", "workstation", "geforce", "embedded"]
    family: Text
    host: Literal["x86_64", "aarch64"]


class Memory(Fact):
    """A size of memory that a GPU is sold with.

    Attributes:
        labels: GB as the product is called, the usual one first.
        words: of a name, in small letters, that tell this size.
        mib: the least total that was seen to be reported for it; 0 when none is known.
        by: what reported it.
    """

    gpu: Text
    labels: Annotated[tuple[int, ...], Field(min_length=1)]
    words: tuple[Text, ...] = ()
    mib: int = 0
    by: Literal["PyTorch", "CUDA", "nvidia-smi", ""] = ""


class Architecture(Fact):
    """A compute capability, and which CUDA versions and drivers know it.

    Attributes:
        first_cuda: the first CUDA version that compiles for it.
        removed_in_cuda: the first that no longer does; empty when none dropped it.
        last_branch: the last driver branch that supports it; 0 when none dropped it.
        first_driver: the first driver that supports it; empty when it is not known.
    """

    capability: Capability
    first_cuda: VersionText
    removed_in_cuda: Known = ""
    last_branch: int = 0
    first_driver: Known = ""


class NumpySeries(Fact):
    """A minor series of NumPy, its newest release, and the Pythons that release has a wheel for."""

    series: VersionText
    newest: VersionText
    pythons: tuple[Python, ...]


class OnnxRuntime(Fact):
    """Releases of onnxruntime-gpu with the same needs; `tensorrt` maps its releases to TensorRT's."""

    versions: Range
    pythons: tuple[Python, ...]
    cuda: VersionText
    cudnn: VersionText
    tensorrt: dict[str, str] = {}
    note: str = ""


class TensorRt(Fact):
    """Releases of TensorRT with the same needs.

    Attributes:
        package: ``front`` is what people ask for, ``bindings`` has the compiled module.
        pythons: those with a wheel; empty when there is none.
        cuda: major versions of CUDA that it is built for.
        capability: the oldest compute capability; empty when it is not known.
        drivers: the oldest driver branch, by major version of CUDA.
    """

    package: Literal["front", "bindings"]
    versions: Range
    pythons: tuple[str, ...] = ()
    cuda: tuple[int, ...] = ()
    capability: Capability | Literal[""] = ""
    drivers: dict[int, int] = {}
    note: str = ""


class Model(Fact):
    """A package that provides SAM, and what it needs; empty fields are without a known limit."""

    name: Text
    version: str = ""
    python_min: Python
    torch_min: Known = ""
    torchvision_min: Known = ""
    cuda_min: Known = ""
    numpy: Annotated[str, AfterValidator(_specifiers)] = ""
    note: str = ""


class CompatibilityRule(Fact):
    """Why a combination cannot exist, or what limits it.

    Attributes:
        kind: ``install`` (cannot be installed), ``run`` (installs, cannot work), ``host`` (this driver
            or GPU cannot run it), ``soft`` (works with limits), ``doubt`` (nothing good says it exists).
        checked: whether plans look at it; the others are for people to read.
        text: the rule in a sentence.
        symptom: what one sees who tries it; empty when it is not known.
    """

    id: Text
    kind: ObstacleKind
    checked: bool = False
    text: Text
    symptom: str = ""


class Package(Fact):
    """The release of a package to install, by Python, and the oldest NumPy that it takes there."""

    name: Text
    role: Literal["numpy", "numpy1", "tool", "export", "sam"]
    versions: dict[str, str]
    numpy_min: dict[str, str] = {}


class Base(Fact):
    """A base image that brings a Python."""

    python: Text
    kind: Literal["official", "debian"]
    image: Text
    suite: str = ""


class Size(Fact):
    """Upper bounds for one environment, in MiB."""

    build: Literal["cuda", "cpu"]
    installed_mib: int
    download_mib: int
