"""Types of the rows in the facts files; each has a status and sources."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class ObstacleKind(StrEnum):
    """What a rule says about a combination, worst first."""

    INSTALL = "install"  # cannot be installed
    RUN = "run"  # installs, but cannot work
    HOST = "host"  # not on this driver or GPU
    DOUBT = "doubt"  # no reliable source says that it exists
    CONDITION = "with"  # works, if something else is done as well
    SOFT = "soft"  # works, with limits
    CHOICE = "choice"  # left out on purpose
    FOR = "for"  # nothing against it; the rule says why


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
#: The same, or empty if unknown.
Known = Annotated[str, AfterValidator(_version)]
#: Version specifiers as in pip, ``>=1.13,<1.15``.
Range = Annotated[Text, AfterValidator(_specifiers)]
#: ``major.minor``.
Python = Annotated[str, Field(pattern=r"^3\.\d+$")]
#: Compute capability, ``major.minor``.
Capability = Annotated[str, Field(pattern=r"^\d+\.\d$")]


class Fact(BaseModel):
    """One fact, with its status and sources."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    status: Status
    source: tuple[Text, ...] = Field(min_length=1)


class Build(Fact):
    """A CUDA build of a PyTorch release.

    Attributes:
        archs: compute capabilities with machine code in it; empty if they are not documented.
        ptx: capability of its PTX, which a driver compiles for newer GPUs; empty if it has none.
        cudnn: the cuDNN that belongs to it; empty if unknown.
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
        torch_only: those for which torch has a wheel but its torchvision has none.
        platform: platform tag of its wheels, ``manylinux1`` or ``manylinux_<glibc>``.
        numpy2: whether it works with NumPy 2.
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

    @property
    def glibc(self) -> str:
        """The C library that its wheels need, ``2.28``; empty if every current one does."""
        return self.platform.removeprefix("manylinux_").replace("_", ".") if "_" in self.platform else ""

    def build(self, tag: str) -> Build | None:
        return next((build for build in self.builds if build.tag == tag), None)


class Feature(Fact):
    """A feature that some releases of PyTorch lack, or that some GPUs cannot have.

    Attributes:
        python: with this Python; empty for any.
        since: the first release that has it; empty for all.
        until: the first release that has it no more; empty for none.
        package: what provides SAM, if only that is affected; `versions` are its releases, empty for all.
        capability: the lowest compute capability that can have it; empty if it does not depend on the GPU.
        mig: whether it is lost on MIG devices only; then from `until` to before `since`.
        instead: what works in its place, in a few words.
    """

    name: Text
    python: Python | Literal[""] = ""
    since: Known = ""
    until: Known = ""
    package: str = ""
    versions: Annotated[str, AfterValidator(_specifiers)] = ""
    capability: Capability | Literal[""] = ""
    mig: bool = False
    instead: str = ""


class Extension(Fact):
    """Packages with code that is compiled for one release of PyTorch, and how to get it for another."""

    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    cure: Text


class NumpySeries(Fact):
    """A minor series of NumPy, its newest release, and the Pythons that release has a wheel for."""

    series: VersionText
    newest: VersionText
    pythons: tuple[Python, ...]


class OnnxRuntime(Fact):
    """onnxruntime-gpu releases with the same requirements.

    `newest` is what cells get, `numpy` the NumPy that it works with (empty for any), `extra` the extras that
    bring CUDA's libraries. Without them PyTorch must, in a build of the default index: `torch` are the
    releases that do. `tensorrt` maps releases to TensorRT's.
    """

    versions: Range
    newest: VersionText
    pythons: tuple[Python, ...]
    cuda: VersionText
    cudnn: VersionText
    numpy: Annotated[str, AfterValidator(_specifiers)] = ""
    extra: str = ""
    torch: Annotated[str, AfterValidator(_specifiers)] = ""
    tensorrt: dict[str, str] = {}
    note: str = ""


class TensorRt(Fact):
    """TensorRT releases with the same requirements.

    Attributes:
        package: ``front`` is the package that users install, ``bindings`` has the compiled module.
        newest: the newest of them; empty if samcheck cannot use any.
        pythons: those with a wheel; empty if there is none.
        cuda: CUDA major versions that it is built for.
        capability: the lowest compute capability; empty if unknown.
        drivers: the oldest driver branch, by CUDA major version.
    """

    package: Literal["front", "bindings"]
    versions: Range
    newest: Known = ""
    pythons: tuple[str, ...] = ()
    cuda: tuple[int, ...] = ()
    capability: Capability | Literal[""] = ""
    drivers: dict[int, int] = {}
    note: str = ""


class CompatibilityRule(Fact):
    """Why a combination cannot exist, or what limits it.

    Attributes:
        kind: ``install`` (cannot be installed), ``run`` (installs, cannot work), ``host`` (this driver
            or GPU cannot run it), ``with`` (works if something else is done), ``soft`` (works with limits),
            ``doubt`` (no reliable source for it).
        checked: whether plans check it; the others are documentation.
        text: the rule in a sentence.
        symptom: the error that a user sees; empty if unknown.
    """

    id: Text
    kind: ObstacleKind
    checked: bool = False
    text: Text
    symptom: str = ""


class Package(Fact):
    """The release of a package to install, by Python, and the oldest NumPy that it accepts there."""

    name: Text
    role: Literal["numpy", "numpy1", "tool", "export"]
    versions: dict[str, str]
    numpy_min: dict[str, str] = {}


class Companion(Fact):
    """Releases of a package that people have beside SAM, and the NumPy that these need.

    Attributes:
        names: packages with the same releases.
        versions: the releases in question.
        python: Pythons for which it holds.
        instead: the release to use with another NumPy.
        symptom: the error with another NumPy; empty if it was not seen.
    """

    names: tuple[Text, ...]
    versions: Range
    numpy: Range
    python: Range
    instead: VersionText
    symptom: str = ""


class Base(Fact):
    """A base image that provides a Python."""

    python: Text
    kind: Literal["official", "debian"]
    image: Text
    suite: str = ""


class Size(Fact):
    """Upper bounds for one environment, or for what is added to one, in MiB."""

    build: Literal["cuda", "cpu", "onnxruntime-gpu", "sam"]
    installed_mib: int
    download_mib: int
