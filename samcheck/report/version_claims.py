"""What samcheck's facts say of a deployment guide's claims about versions, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from samcheck.facts import Facts, version_of

#: Compute capability of the first GPUs that CUDA 11.7 has no machine code for: Hopper.
HOPPER = Version("9.0")


def lines(facts: Facts) -> Iterator[str]:
    """The heading, and a line for each claim."""
    newest = facts.releases[-1]
    of_11_7 = [row for row in facts.releases if row.build("cu117")]
    yield "## What samcheck's facts say of the guide's claims\n"
    yield (
        f"- Python 3.8 to 3.10 only: PyTorch {newest.version} has wheels for Python "
        f"{', '.join(newest.pythons)}; the last release for Python 3.8 is {_last_release(facts, '3.8')}."
    )
    yield (
        f"- CUDA 11.7: the releases with such a build are {', '.join(row.version for row in of_11_7)}, "
        f"and {_hopper_builds(facts)} of these builds has machine code for Hopper or newer GPUs."
    )


def _last_release(facts: Facts, python: str) -> str:
    return [row.version for row in facts.releases if python in row.pythons][-1]


def _hopper_builds(facts: Facts) -> str:
    builds = filter(None, (release.build("cu117") for release in facts.releases))
    with_hopper = sum(any(version_of(arch) >= HOPPER for arch in build.archs) for build in builds)
    return str(with_hopper) if with_hopper else "none"
