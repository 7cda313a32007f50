"""What fits a card, counted from shapes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from samcheck.__main__ import cli
from samcheck.analysis import memory_answer, memory_fit
from samcheck.analysis.memory_fit import MemoryQuestion
from samcheck.errors import BadInput
from samcheck.guest.memory_model import ESTIMATED, SHAPES, MemoryRequirement, Work
from samcheck.guest.record import PRECISION_NAMES
from samcheck.guest.variant_names import FAMILY_VARIANTS

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


@pytest.mark.parametrize(
    ("variant", "file_bytes"),
    [
        ("sam2.1_hiera_tiny", 156_008_466),
        ("sam2.1_hiera_small", 184_416_285),
        ("sam2.1_hiera_base_plus", 323_606_802),
        ("sam2.1_hiera_large", 898_083_611),
        ("mobile_sam", 40_728_226),
    ],
)
def test_shapes_have_the_parameters_of_the_checkpoints(variant: str, file_bytes: int) -> None:
    """The official files (`samcheck.guest.models.families`) hold float32 and little else."""
    assert 0 < file_bytes / (4 * ESTIMATED[variant].parameters) - 1 < 0.01


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
    assert f"scale the image down to {width} x {height}" in "\n".join(memory_answer.lines(huge))


def test_a_model_that_does_not_fit_names_the_precisions_that_do() -> None:
    small = MemoryQuestion("vit_h", "fp32", Work((1024, 1024)), card=5 * GIB)
    said = "\n".join(memory_answer.lines(small))
    assert "not even one image can be encoded: use fp16, bf16" in said
    tiny = MemoryQuestion("vit_h", "fp32", Work((1024, 1024)), card=1 * GIB)
    assert "use a smaller variant" in "\n".join(memory_answer.lines(tiny))


def test_precisions_that_allow_more_are_named() -> None:
    """And no others; what they allow does fit, and one more does not."""
    asked = MemoryQuestion("vit_h", "fp32", Work((1024, 1024)), card=16 * GIB)
    fit = memory_fit.fit_of(asked)
    said = [line for line in memory_answer.lines(asked) if line.startswith("in ")]
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
    assert not [line for line in memory_answer.lines(narrow) if line.startswith("in ")]


def test_nonzero_limits_what_memory_would_not() -> None:
    """https://github.com/facebookresearch/segment-anything/issues/427"""
    big = MemoryQuestion("vit_b", "fp32", Work((3344, 3344)), card=200 * GIB)
    fit = memory_fit.fit_of(big)
    assert fit.nonzero_points == 64  # at 11.18 megapixels
    assert fit.points_per_batch > 64
    assert "points_per_batch=64" in "\n".join(memory_answer.lines(big))


@settings(max_examples=60)
@given(
    variant=st.sampled_from(sorted(ESTIMATED)),
    precision=st.sampled_from(PRECISION_NAMES),
    height=st.integers(1, 6000),
    width=st.integers(1, 6000),
    count=st.integers(1, 200),
)
def test_more_never_needs_less(variant: str, precision: str, height: int, width: int, count: int) -> None:
    """What bisection relies on."""

    def needs(size: tuple[int, int], at_once: int) -> list[int]:
        work = Work(size, at_once, at_once, at_once, frames=at_once, objects=at_once)
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


@pytest.mark.parametrize("name", ["transformers", "transformers==5.23.0", "transformers.vit_b"])
def test_what_has_no_estimate_is_said_to_have_none(name: str) -> None:
    said = CliRunner().invoke(cli, ["memory", name])
    assert said.exit_code == 2
    assert f"there is no estimate of {name} yet, only of variants of segment-anything, sam2" in said.output
    assert "is not one of" in CliRunner().invoke(cli, ["memory", "vit_x"]).output


def test_a_package_stands_for_its_variants() -> None:
    arguments = ["memory", "--sam", "sam2==1.1.0", "--gpu", "T4"]
    said = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert said.exit_code == 0
    documents = json.loads(CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False).stdout)
    names = [document["variant"] for document in documents]
    assert names == list(FAMILY_VARIANTS["sam2"])
    assert all(f"{name} in fp32 on T4" in said.stdout for name in names)
    assert all([step["step"] for step in document["steps"]][-1] == "video" for document in documents)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a variant"),
        (["--sam", "transformers"], "there is no estimate of transformers"),
        (["--sam", "sam9"], "sam9 is not known"),
        (["vit_b", "--sam", "sam2"], "vit_b is not a variant of sam2"),
        (["vit_b", "--frames", "3"], "vit_b follows no objects"),
        (["vit_b", "--offload-state"], "vit_b follows no objects"),
    ],
)
def test_what_cannot_be_asked(arguments: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        CliRunner().invoke(cli, ["memory", *arguments], catch_exceptions=False)


def test_a_package_is_no_variant() -> None:
    said = CliRunner().invoke(cli, ["memory", "sam2==1.1.0"])
    assert said.exit_code == 2
    assert "sam2==1.1.0 is a package: write --sam sam2==1.1.0" in said.output


def video(**changed: object) -> MemoryRequirement:
    asked = question("sam2.1_hiera_tiny", "fp32", size=(1080, 1920), **changed)
    return asked.needs["video"]


def test_a_video_grows_with_frames_and_objects() -> None:
    """By 12 MiB of pixels per frame, and per object by 768 KiB of memory and mask, and a pointer."""
    pointer = 257 * 4
    more = video(frames=21).growth - video(frames=20).growth
    assert more == 12 * MIB + 768 * 1024 + pointer
    more = video(frames=21, objects=3).growth - video(frames=20, objects=3).growth
    assert more == 12 * MIB + 3 * (768 * 1024 + pointer)


def test_what_the_host_keeps_does_not_grow_on_the_gpu() -> None:
    pointer = 257 * 4
    host = {"video_on_host": True, "state_on_host": True}
    assert video(frames=21, **host).growth - video(frames=20, **host).growth == pointer
    half = {"video_on_host": True}
    assert video(frames=21, **half).growth - video(frames=20, **half).growth == 768 * 1024 + pointer


def test_the_longest_video_fits_and_a_longer_one_does_not() -> None:
    asked = question("sam2.1_hiera_tiny", "fp32", objects=3)
    most = memory_fit.fit_of(asked).frames
    assert most
    longest, longer = (
        question("sam2.1_hiera_tiny", "fp32", objects=3, frames=frames) for frames in (most, most + 1)
    )
    assert longest.fits("video")
    assert not longer.fits("video")
    said = "\n".join(memory_answer.lines(longer))
    assert f"video: at most {most} frames with 3 objects" in said
    assert "--offload-video and --offload-state" in said
    assert memory_fit.fit_of(question("vit_b")).frames is None


def test_in_half_the_width_a_longer_video_fits() -> None:
    asked = question("sam2.1_hiera_large", "fp32")
    fit = memory_fit.fit_of(asked)
    assert fit.frames is not None
    most = fit.by_precision["bf16"]
    assert most.frames is not None
    assert most.frames > fit.frames

    said = "\n".join(memory_answer.lines(asked))
    assert f"points_per_batch={most.points_per_batch}, {most.frames} frames" in said


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
