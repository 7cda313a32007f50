from __future__ import annotations

import pytest

from samcheck import facts
from samcheck.cells import Cell
from samcheck.environments import images, uv_errors
from samcheck.environments.images import image
from samcheck.errors import BuildFailed
from samcheck.facts import requirements

FACTS = facts.load()


def test_default_build_comes_from_the_default_index() -> None:
    pins = requirements.resolve(Cell("2.4.1", "cu121", "3.11"), FACTS)
    assert pins.torch == ("torch==2.4.1", "torchvision==0.19.1")
    assert pins.torch_index == ""
    assert pins.numpy == ("numpy==2.4.6",)
    assert "pytest==9.2.0" in pins.tools


@pytest.mark.parametrize("build", ["cpu", "cu124"])
def test_other_builds_come_from_one_index_as_a_pair(build: str) -> None:
    pins = requirements.resolve(Cell("2.4.1", build, "3.11"), FACTS)
    assert pins.torch == (f"torch==2.4.1+{build}", f"torchvision==0.19.1+{build}")
    assert pins.torch_index.endswith(f"/{build}")


def test_old_pytorch_takes_numpy_1() -> None:
    assert requirements.resolve(Cell("2.0.1", "cu117", "3.9"), FACTS).numpy == ("numpy==1.26.4",)
    with pytest.raises(BuildFailed, match=r"NumPy 1, which has no wheel for Python 3\.13"):
        requirements.resolve(Cell("2.0.1", "cu117", "3.13"), FACTS)


@pytest.mark.parametrize("torch", ["2.0.1", "2.4.1"])
def test_onnx_packages_do_not_depend_on_numpy(torch: str) -> None:
    """Under NumPy 1 as under NumPy 2; the installer finds what they need beside it."""
    pins = requirements.resolve(Cell(torch, "cpu", "3.11"), FACTS)
    assert pins.export == ("onnx==1.23.2", "onnxruntime==1.32.0", "onnxscript==0.7.2")
    assert set(pins.export) < set(pins.all)


def test_onnx_runtime_is_left_out_where_it_has_no_wheel() -> None:
    pins = requirements.resolve(Cell("2.15.0", "cpu", "3.15"), FACTS)
    assert pins.export == ("onnx==1.23.2", "onnxscript==0.7.2")


@pytest.mark.parametrize("numpy", ["", "2.2.6"])
def test_onnx_layer_keeps_the_numpy_of_the_cell(numpy: str) -> None:
    cell = Cell("2.2.2", "cu121", "3.10", numpy=numpy)
    pins = requirements.resolve(cell, FACTS)
    arguments = image(cell, pins, "base:1", "sha256:aa", "FROM x").arguments
    assert arguments["EXPORT"].split()[-1] == f"numpy=={numpy or '1.26.4'}"
    assert not set(pins.export) & set(arguments["TOOLS"].split())


def test_a_release_that_facts_lack_cannot_be_built() -> None:
    with pytest.raises(BuildFailed, match=r"9\.9\.9"):
        requirements.resolve(Cell("9.9.9", "cpu", "3.11"), FACTS)


def test_every_release_resolves_for_every_python_it_names() -> None:
    for release in FACTS.releases:
        for python in release.pythons:
            if python == "3.7":
                continue  # older than the guest
            cell = Cell(release.version, release.default_build.tag, python)
            assert all("==" in pin for pin in requirements.resolve(cell, FACTS).all)


def test_every_source_is_explained() -> None:
    rows = [*FACTS.releases, *FACTS.floors, *FACTS.packages, *FACTS.bases, *FACTS.sizes]
    rows += [build for release in FACTS.releases for build in release.builds]
    assert {source for row in rows for source in row.source} <= set(FACTS.sources)


def test_image_tag_follows_content() -> None:
    cell = Cell("2.4.1", "cu121", "3.11")
    pins = requirements.resolve(cell, FACTS)
    one = image(cell, pins, "base:1", "sha256:aa", "FROM x")
    assert one == image(cell, pins, "base:1", "sha256:aa", "FROM x")
    assert one.tag.startswith(f"{images.REPOSITORY}:{cell.id}-")
    other = requirements.resolve(Cell("2.4.0", "cu121", "3.11"), FACTS)
    assert one.tag != image(cell, pins, "base:1", "sha256:bb", "FROM x").tag
    assert one.tag != image(cell, pins, "base:1", "sha256:aa", "FROM y").tag
    assert one.tag != image(cell, other, "base:1", "sha256:aa", "FROM x").tag


# What uv 0.13.9 really printed, with host names shortened.
UV_SAID = {
    "no matching wheel": (
        "  × No solution found when resolving dependencies:\n"
        "  ╰─▶ Because there is no version of torch==2.99.0 and you require torch==2.99.0, we can\n"
        "      conclude that your requirements are unsatisfiable.\n"
    ),
    "could not download it": (
        "error: Request failed after 3 retries in 4.9s\n  cause: Failed to download "
        "`https://host/python-build-standalone/x.tar.gz`\n  cause: error sending request\n"
    ),
    "could not be reached": (
        "error: Request failed after 3 retries in 5.1s\n  cause: Failed to fetch: `https://host/torch/`\n"
        "  cause: error sending request for url\n  cause: dns error\n"
    ),
    "disk is full": "error: Failed to write to the cache\n  cause: No space left on device (os error 28)\n",
    "CA bundle": "error: Failed to fetch\n  cause: invalid peer certificate: UnknownIssuer\n",
}


@pytest.mark.parametrize("expected", sorted(UV_SAID))
def test_installation_failures_are_explained(expected: str) -> None:
    sentence = uv_errors.explained(UV_SAID[expected]).sentence
    assert expected in sentence
    assert "\n" not in sentence


def test_unknown_installation_failure_keeps_the_words() -> None:
    assert (
        uv_errors.explained("error: something new\n").sentence == "installation failed: error: something new"
    )
    assert uv_errors.explained("").sentence == "installation failed: it printed nothing"
