"""What fits a card, counted from shapes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from samcheck.__main__ import cli
from samcheck.analysis import memory_fit
from samcheck.analysis.memory_fit import MemoryQuestion
from samcheck.errors import BadInput
from samcheck.guest.memory_model import SHAPES, Work
from samcheck.guest.record import PRECISION_NAMES

MIB, GIB = 2**20, 2**30


def question(variant: str = "vit_h", precision: str = "bf16", **changed: object) -> MemoryQuestion:
    work = Work(changed.pop("size", (3000, 4000)), **changed)  # type: ignore[arg-type]
    return MemoryQuestion(variant, precision, work, card=8 * GIB)


def test_shapes_have_the_parameters_of_the_real_models() -> None:
    """As counted in the real models: https://huggingface.co/facebook/sam-vit-huge and its siblings."""
    assert {name: shape.parameters for name, shape in SHAPES.items() if name != "tiny"} == {
        "vit_b": 93_735_472,
        "vit_l": 312_342_832,
        "vit_h": 641_090_608,
    }


@pytest.mark.parametrize(("variant", "mib"), [("vit_b", 768), ("vit_l", 1024), ("vit_h", 1024)])
def test_the_largest_allocation_is_the_one_that_people_report(variant: str, mib: int) -> None:
    """`Tried to allocate 768.00 MiB`: https://github.com/facebookresearch/segment-anything/issues/351"""
    shape = SHAPES[variant]
    assert shape.heads * shape.tokens**2 * 4 == mib * MIB
    encode = question(variant, "fp32").needs["encode"]
    assert encode.at.startswith("attention of block")
    assert 3 * mib * MIB < encode.growth < 3.3 * mib * MIB


def test_an_answer_is_the_largest_that_fits() -> None:
    asked = question()
    fit = memory_fit.fit_of(asked)
    assert not asked.fits("automatic")
    most = fit.points_per_batch
    assert question(points_per_batch=most).fits("automatic")
    assert not question(points_per_batch=most + 1).fits("automatic")
    assert question(images=fit.images).fits("encode")
    assert not question(images=fit.images + 1).fits("encode")


def test_an_image_that_no_batch_takes() -> None:
    """Its largest copy that fits does fit; the next larger does not."""
    huge = question(size=(30_000, 40_000))
    fit = memory_fit.fit_of(huge)
    assert fit.points_per_batch == 0
    height, width = fit.size
    assert question(size=(height, width), points_per_batch=1).fits("automatic")
    assert not question(size=(height + 30, width + 40), points_per_batch=1).fits("automatic")
    assert f"scale the image down to {width} x {height}" in "\n".join(memory_fit.lines(huge))


def test_a_model_that_does_not_fit_names_the_precisions_that_do() -> None:
    small = MemoryQuestion("vit_h", "fp32", Work((1024, 1024)), card=5 * GIB)
    said = "\n".join(memory_fit.lines(small))
    assert "not even one image can be encoded: use fp16, bf16" in said
    tiny = MemoryQuestion("vit_h", "fp32", Work((1024, 1024)), card=1 * GIB)
    assert "use a smaller variant" in "\n".join(memory_fit.lines(tiny))


def test_precisions_that_allow_more_are_named() -> None:
    """And no others; what they allow does fit, and one more does not."""
    asked = MemoryQuestion("vit_h", "fp32", Work((1024, 1024)), card=16 * GIB)
    fit = memory_fit.fit_of(asked)
    said = [line for line in memory_fit.lines(asked) if line.startswith("in ")]
    most = fit.by_precision["bf16"]
    points = most.points_per_batch
    assert f"in fp16, bf16: at most {most.images} images at once, points_per_batch={points}" in said
    assert not any("fp32" in line for line in said)
    assert most.images > fit.images
    assert fit.by_precision["fp32"] == memory_fit.BatchLimits(fit.images, fit.points_per_batch)
    for images, fits in ((most.images, True), (most.images + 1, False)):
        narrow = MemoryQuestion("vit_h", "bf16", Work((1024, 1024), images=images), card=16 * GIB)
        assert narrow.fits("encode") == fits
    narrow = MemoryQuestion("vit_h", "bf16", Work((1024, 1024)), card=16 * GIB)
    assert not [line for line in memory_fit.lines(narrow) if line.startswith("in ")]


def test_nonzero_limits_what_memory_would_not() -> None:
    """https://github.com/facebookresearch/segment-anything/issues/427"""
    big = MemoryQuestion("vit_b", "fp32", Work((3344, 3344)), card=200 * GIB)
    fit = memory_fit.fit_of(big)
    assert fit.nonzero_points == 64  # at 11.18 megapixels
    assert fit.points_per_batch > 64
    assert "points_per_batch=64" in "\n".join(memory_fit.lines(big))


@settings(max_examples=60)
@given(
    variant=st.sampled_from(sorted(SHAPES)),
    precision=st.sampled_from(PRECISION_NAMES),
    height=st.integers(1, 6000),
    width=st.integers(1, 6000),
    count=st.integers(1, 200),
)
def test_more_never_needs_less(variant: str, precision: str, height: int, width: int, count: int) -> None:
    """What bisection relies on."""

    def needs(size: tuple[int, int], at_once: int) -> list[int]:
        work = Work(size, prompts=at_once, points_per_batch=at_once, images=at_once)
        return [need.growth for need in MemoryQuestion(variant, precision, work).needs.values()]

    less = needs((height, width), count)
    for more in (needs((height, width), count + 1), needs((2 * height, 2 * width), count)):
        assert all(a <= b for a, b in zip(less, more, strict=True))


@pytest.mark.parametrize("text", ["4000", "4000x", "x3000", "-1x5", "0x5", "4000x3000x3", "999999x1", "a×b"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(BadInput, match="--image"):
        memory_fit.image_size(text)


def test_an_image_of_one_pixel() -> None:
    assert memory_fit.fit_of(question(size=(1, 1))).points_per_batch > 0


def test_of_the_size_of_an_image_the_width_comes_first() -> None:
    assert memory_fit.image_size("4000x3000") == memory_fit.image_size("4000×3000") == (3000, 4000)


def test_the_command_shows_the_same_figures_to_people_and_programs() -> None:
    """For people and for programs, the same figures."""
    arguments = ["memory", "vit_h", "--gpu", "8GiB", "--image", "4000x3000", "--precision", "bf16"]
    said = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert said.exit_code == 0
    made = json.loads(CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False).stdout)
    steps = {step["step"]: step["verdict"] for step in made["steps"]}
    assert steps == {"load": "", "encode": "fits", "predict": "fits", "automatic": "does not fit"}
    assert f"points_per_batch={made['fits']['points_per_batch']}" in said.stdout


@pytest.mark.parametrize("name", ["sam2", "sam2==1.1.0", "mobilesam-mirror"])
def test_a_package_without_an_estimate_is_said_to_have_none(name: str) -> None:
    said = CliRunner().invoke(cli, ["memory", name])
    assert said.exit_code == 2
    assert f"there is no estimate of {name} yet, only of segment-anything's" in said.output
    assert "is not one of" in CliRunner().invoke(cli, ["memory", "vit_x"]).output


def test_command_without_a_card() -> None:
    said = CliRunner().invoke(cli, ["memory", "tiny"], catch_exceptions=False)
    assert said.exit_code == 0
    assert "fits" not in said.stdout
    assert "fits" not in json.loads(CliRunner().invoke(cli, ["memory", "tiny", "--json"]).stdout)


@pytest.mark.parametrize(("gpu", "named"), [("T4", False), ("A10", True)])
def test_a_precision_that_a_gpu_only_emulates_is_not_recommended(gpu: str, named: bool) -> None:
    said = CliRunner().invoke(cli, ["memory", "vit_h", "--gpu", gpu, "--image", "4000x3000"]).output
    (line,) = [line for line in said.splitlines() if line.startswith("in fp16")]
    assert ("bf16" in line) == named
    asked = CliRunner().invoke(cli, ["memory", "vit_h", "--gpu", gpu, "--precision", "bf16"]).output
    assert ("has no native bf16" in asked) != named
