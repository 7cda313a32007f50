"""Types of the rows in ``sam.toml``: the packages that provide SAM, and what is installed beside them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from pydantic import AfterValidator, Field, field_validator

from samcheck.facts.schema import Fact, Python, Range, Text, VersionText


def _requirement(text: str) -> str:
    """Accept a name, or a name with an exact version."""
    try:
        exact = {specifier.operator for specifier in Requirement(text).specifier} <= {"=="}
    except InvalidRequirement as error:
        raise ValueError(str(error)) from None
    if not exact:
        raise ValueError(f"{text} is neither a name nor of the form name==1.0")
    return text


@cache  # planners ask about the same few versions for thousands of cells
def _within(specifiers: str, version: str) -> bool:
    return version in SpecifierSet(specifiers)


Named = Annotated[Text, AfterValidator(_requirement)]


class SamPackage(Fact):
    """A release of a package that provides models of SAM; ``sam.toml`` says what its fields mean."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    version: VersionText
    modules: tuple[Text, ...] = Field(min_length=1)
    models: tuple[Text, ...] = Field(min_length=1)
    file: Literal["wheel", "sdist"]
    dependencies: bool = True
    build_environment: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    python: Range
    torch: Range | None = None
    torchvision: Range | None = None
    numpy: Range | None = None
    cuda: Range | None = None
    gpu: bool = False
    needs: tuple[Named, ...] = ()
    optional: dict[Python, tuple[Named, ...]] = Field(default_factory=dict)
    references: tuple[Text, ...] = ()
    licence: Text
    note: str = ""

    @field_validator("environment", "build_environment")
    @classmethod
    def _plain(cls, values: dict[str, str]) -> dict[str, str]:
        """They are written into command lines and a Dockerfile, without quotes."""
        for name, value in values.items():
            if not (name.isidentifier() and value.strip("@").isalnum()):
                raise ValueError(f"{name}={value} is more than letters and digits")
        return values

    @property
    def requirement(self) -> str:
        """Its value on the axis: ``sam2==1.1.0``."""
        return f"{self.name}=={self.version}"

    def allows(self, what: Literal["python", "torch", "torchvision", "numpy", "cuda"], version: str) -> bool:
        """Return whether it works with a version of something, as far as is known."""
        specifiers = getattr(self, what)
        return specifiers is None or _within(specifiers, version)


class SamDependency(Fact):
    """What is installed beside packages that import it, by Python."""

    name: Text
    versions: dict[str, str]


class ModuleClash(Fact):
    """Packages that install the same module."""

    module: Text
    packages: tuple[Text, ...] = Field(min_length=2)
