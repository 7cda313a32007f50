"""The files that a repository needs to use samcheck: matrix, noxfile, CI workflow (pure).

`examples/` holds the output with default options, for each engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import Environment, PackageLoader, StrictUndefined
from packaging.version import Version

from samcheck import __version__
from samcheck.cells import DEFAULT_SAM, Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts, Release, compatibility
from samcheck.matrix import axes
from samcheck.matrix.fanout.pipeline import BOOTSTRAP, FOLDERS
from samcheck.suggestions import similar

MATRIX = "samcheck.toml"
#: Number of releases in a new matrix if none are named: the newest ones.
NEWEST = 3
#: A label of a runner, agent or queue, in characters that every engine allows.
_LABEL = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
#: An entry point, ``package.module:OBJECT``.
_VARIANT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<object>[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)")


class CiEngine(StrEnum):
    """The CI engine to write a workflow for."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BUILDKITE = "buildkite"
    NONE = "none"

    @property
    def workflow(self) -> str:
        """The path where the engine expects its workflow; empty for none."""
        return _WORKFLOWS[self]


_WORKFLOWS: Mapping[CiEngine, str] = {
    CiEngine.GITHUB: ".github/workflows/samcheck.yml",
    CiEngine.GITLAB: ".gitlab-ci.yml",
    CiEngine.BUILDKITE: ".buildkite/pipeline.yml",
    CiEngine.NONE: "",
}


@dataclass(frozen=True)
class Starter:
    """The choices behind the files.

    Attributes:
        gpu_labels: labels of the runners that have a GPU.
        torch: releases of PyTorch; empty for the newest ones.
        sam: packages under test, ``sam2==1.1.0`` or a name; empty for segment-anything.
        variant: ``my_sam=package.module:OBJECT``, the user's own variant; empty for none.
    """

    engine: CiEngine
    gpu_labels: tuple[str, ...] = ("gpu",)
    torch: tuple[str, ...] = ()
    sam: tuple[str, ...] = ()
    variant: str = ""


def files(starter: Starter, facts: Facts) -> dict[str, str]:
    """Return the files' contents by their paths in the repository.

    Raises:
        BadInput: a choice is invalid.
    """
    _require_labels(starter.gpu_labels)
    variant = _VARIANT.fullmatch(starter.variant)
    if starter.variant and variant is None:
        raise BadInput(f"--variant: {starter.variant!r} is not of the form my_sam=package.module:OBJECT")
    values = {
        "samcheck": __version__,
        "matrix": MATRIX,
        "cells": list(_cells(starter, facts)),
        "usual": DEFAULT_SAM,
        "labels": list(starter.gpu_labels),
        "bootstrap": BOOTSTRAP,
        "folders": FOLDERS,
        "label_options": "".join(f" --gpu-label {label}" for label in starter.gpu_labels),
        "variant": variant.groupdict() if variant else None,
    }
    templates = {MATRIX: "matrix.toml", "noxfile.py": "noxfile.py"}
    if starter.engine is not CiEngine.NONE:
        templates[starter.engine.workflow] = f"{starter.engine}.yml"
    # The contents are not HTML, and every value from the user was validated above.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("samcheck.matrix.starter"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # GitHub uses ${{ … }} for its own expressions.
        variable_start_string="<<",
        variable_end_string=">>",
    )
    return {path: environment.get_template(f"{name}.j2").render(values) for path, name in templates.items()}


def _require_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise BadInput(
                f"--gpu-label: {label!r} is not a runner label: use letters, digits, '.', '_', '-'"
            )


def _cells(starter: Starter, facts: Facts) -> Iterator[Cell]:
    """Yield a cell of each PyTorch and package, on the newest Python that has a wheel of it.

    A package that does not work with a release that was not asked for is left out there.
    """
    found = False
    for release in _releases(starter.torch, facts):
        for sam in _packages(starter.sam, facts):
            cell = Cell(release.version, release.default_build.tag, _python(release, sam, facts), sam=sam)
            obstacles = compatibility.obstacles(cell, facts)
            if not obstacles:
                found = True
                yield cell
            elif starter.torch:
                raise BadInput(f"--sam: {obstacles[0].text}")
    if not found:
        raise BadInput(
            f"--sam: {' and '.join(starter.sam)} works with none of the newest PyTorch: give --torch"
        )


def _packages(given: Sequence[str], facts: Facts) -> list[str]:
    try:
        return [axes.package(text, facts) for text in given or (DEFAULT_SAM,)]
    except axes.BadSpec as problem:
        raise BadInput(f"--sam: {problem}") from None


def _releases(torch: Sequence[str], facts: Facts) -> Iterator[Release]:
    """Yield the releases that are asked for, or the newest ones."""
    known = {release.version: release for release in facts.releases}
    newest = sorted(known, key=Version, reverse=True)
    for version in torch or _newest_minors(newest):
        if version not in known:
            near = similar(version, known)
            hint = f"; similar: {', '.join(near)}" if near else ""
            raise BadInput(f"--torch: {version!r} is not a release of PyTorch that samcheck knows{hint}")
        yield known[version]


def _python(release: Release, sam: str, facts: Facts) -> str:
    """Return the newest Python that has wheels of it and of most other packages that a cell needs."""

    def worth(python: str) -> tuple[bool, int, Version]:
        cell = Cell(release.version, release.default_build.tag, python, sam=sam)
        return not compatibility.obstacles(cell, facts), len(facts.pin("export", python)), Version(python)

    return max(release.pythons, key=worth)


def _newest_minors(newest: Sequence[str]) -> list[str]:
    """Return the newest patch release of each of the newest minor releases."""
    minors: dict[tuple[int, int], str] = {}
    for version in newest:
        minors.setdefault((Version(version).major, Version(version).minor), version)
    return list(minors.values())[:NEWEST]
