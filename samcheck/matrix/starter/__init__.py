"""The files with which a repository begins to use samcheck: matrix, noxfile, workflow for its CI (pure).

`examples/` holds what this makes of the defaults, for each engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import Environment, PackageLoader, StrictUndefined
from packaging.version import Version

from samcheck import __version__
from samcheck.errors import BadInput
from samcheck.facts import Facts, Release
from samcheck.matrix.fanout.pipeline import BOOTSTRAP, FOLDERS
from samcheck.suggestions import similar

MATRIX = "samcheck.toml"
#: Releases that a new matrix has where none are named: the newest, and some before it.
NEWEST = 3
#: One label of a runner, agent or queue, in each engine's alphabet.
_LABEL = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
#: An entry point, ``package.module:OBJECT``.
_VARIANT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<object>[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)")


class CiEngine(StrEnum):
    """Whose workflow is written."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BUILDKITE = "buildkite"
    NONE = "none"

    @property
    def workflow(self) -> str:
        """Where the engine looks for it; empty without one."""
        return _WORKFLOWS[self]


_WORKFLOWS: Mapping[CiEngine, str] = {
    CiEngine.GITHUB: ".github/workflows/samcheck.yml",
    CiEngine.GITLAB: ".gitlab-ci.yml",
    CiEngine.BUILDKITE: ".buildkite/pipeline.yml",
    CiEngine.NONE: "",
}


@dataclass(frozen=True)
class Starter:
    """What is asked before the files are written.

    Attributes:
        gpu_labels: of the runners that have a GPU.
        torch: releases of PyTorch; empty for the newest ones.
        variant: ``my_sam=package.module:OBJECT``, the user's own variant; empty for none.
    """

    engine: CiEngine
    gpu_labels: tuple[str, ...] = ("gpu",)
    torch: tuple[str, ...] = ()
    variant: str = ""


def files(starter: Starter, facts: Facts) -> dict[str, str]:
    """The files' contents by their paths in the repository.

    Raises:
        BadInput: an answer cannot be right.
    """
    _require_labels(starter.gpu_labels)
    variant = _VARIANT.fullmatch(starter.variant)
    if starter.variant and variant is None:
        raise BadInput(f"--variant: {starter.variant!r} is not like my_sam=package.module:OBJECT")
    values = {
        "samcheck": __version__,
        "matrix": MATRIX,
        "cells": list(_cells(starter.torch, facts)),
        "labels": list(starter.gpu_labels),
        "bootstrap": BOOTSTRAP,
        "folders": FOLDERS,
        "label_options": "".join(f" --gpu-label {label}" for label in starter.gpu_labels),
        "variant": variant.groupdict() if variant else None,
    }
    templates = {MATRIX: "matrix.toml", "noxfile.py": "noxfile.py"}
    if starter.engine is not CiEngine.NONE:
        templates[starter.engine.workflow] = f"{starter.engine}.yml"
    # The contents are no HTML, and every value that is the user's own was looked at above.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("samcheck.matrix.starter"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # GitHub's own expressions are ${{ … }}.
        variable_start_string="<<",
        variable_end_string=">>",
    )
    return {path: environment.get_template(f"{name}.j2").render(values) for path, name in templates.items()}


def _require_labels(labels: Sequence[str]) -> None:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise BadInput(f"--gpu-label: {label!r} is not a runner's label: letters, digits, '.', '_', '-'")


def _cells(torch: Sequence[str], facts: Facts) -> Iterator[tuple[str, str]]:
    """PyTorch and the newest Python that has a wheel of it."""
    known = {release.version: release for release in facts.releases}
    newest = sorted(known, key=Version, reverse=True)
    for version in torch or _newest_minors(newest):
        if version not in known:
            near = similar(version, known)
            hint = f"; like it are {', '.join(near)}" if near else ""
            raise BadInput(f"--torch: {version!r} is not a release of PyTorch that samcheck knows{hint}")
        yield version, _python(known[version], facts)


def _python(release: Release, facts: Facts) -> str:
    """The newest Python that has a wheel of it, and of most of what the suite needs beside it."""
    return max(release.pythons, key=lambda python: (len(facts.pin("export", python)), Version(python)))


def _newest_minors(newest: Sequence[str]) -> list[str]:
    """The newest patch release of each of the newest minor ones."""
    minors: dict[tuple[int, int], str] = {}
    for version in newest:
        minors.setdefault((Version(version).major, Version(version).minor), version)
    return list(minors.values())[:NEWEST]
