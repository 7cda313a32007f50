"""The limits under which SAM runs out of memory on a GPU, played: each stops what it should, and no more."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from samcheck.guest.memory_model import SHAPES, MemoryRequirement, Work, needs
from samcheck.guest.memory_model.allocator import CachingAllocator, OutOfMemory
from samcheck.guest.memory_model.ledger import Event
from tests.rehearsal.traces import events_of, on_fake_cuda

#: Tensors of its step that a place holds when it fails, at least: none where the first is to fail.
HELD = {"prompts": 1, "second-upsample": 1}
#: As `samcheck.guest.memory.narrow_encoder`, which needs PyTorch.
NARROW_SHARE = 0.65
#: As `samcheck.guest.memory.batch`: prompts, and side of the encoder's image.
BATCHES = {"tiny": (512, 256), "vit_b": (64, 1024), "vit_l": (64, 1024), "vit_h": (64, 1024)}


@cache
def report_of(interpreter: str, cudart: Path) -> dict[str, Any] | str:
    done = on_fake_cuda(interpreter, cudart, "tests.rehearsal.played_limits")
    if done.returncode:
        return str(done.stderr[-4000:])
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def played(interpreter: str, cudart: Path) -> dict[str, Any]:
    report = report_of(interpreter, cudart)
    assert not isinstance(report, str), report
    return report


def test_a_retry_ends_with_half_of_the_points(played: dict[str, Any]) -> None:
    done = played["retry"]["reference"]
    assert (done["settings"], done["leftovers"], done["same_masks"]) == ([16, 8], [0, 0], True)


@pytest.mark.parametrize("way", ["inside-except", "exception-kept"])
def test_careless_ways_to_retry_keep_tensors(played: dict[str, Any], way: str) -> None:
    done = played["retry"][way]
    assert len(done["settings"]) > 1
    assert min(done["leftovers"][1:]) > 0


@pytest.mark.parametrize("name", ["smaller-batches", "downscaled", "tiled", "encoder-dropped-little-lacking"])
def test_a_strategy_that_helps(played: dict[str, Any], name: str) -> None:
    tried = played["strategies"]["tried"][name]
    assert tried["recovers"], tried["error"]
    assert tried["metrics"].get("fits_without", 0) == 0


def test_a_strategy_that_does_not_help(played: dict[str, Any]) -> None:
    assert "out of memory" in played["strategies"]["tried"]["cache-emptied"]["error"]


def test_half_of_the_points_fit_at_once(played: dict[str, Any]) -> None:
    assert played["strategies"]["tried"]["smaller-batches"]["metrics"]["points_per_batch"] == 32


def test_limits_in_bytes_of_tensors_stop_what_should_fit(played: dict[str, Any]) -> None:
    """Control: with the limits as they were, counted in what tensors take, the same scenarios fail."""
    assert played["in bytes"]["retry"]["reference"]["gave_up"]
    tried = played["in bytes"]["strategies"]["tried"]
    assert not tried["encoder-dropped-little-lacking"]["recovers"]
    assert tried["smaller-batches"]["metrics"]["points_per_batch"] == 16


@pytest.mark.parametrize("place", ["encoder", "prompts", "first-upsample", "second-upsample"])
@pytest.mark.parametrize("variant", ["tiny", "vit_b"])
def test_a_place_fails_and_leaves_nothing(played: dict[str, Any], variant: str, place: str) -> None:
    """Each place's limit is a share of bytes: less than its segments, so that it fails for certain."""
    found = played["places"][f"{variant} {place}"]
    assert "out of memory" in found["error"]
    assert (found["growth_mib"], found["leaked_tensors"], found["same_answer"]) == (0, 0, True)
    assert found["taken"] >= HELD.get(place, 0)
    assert place != "first-upsample" or found["taken"] == 0, "not the first enlargement failed"


@pytest.mark.parametrize("place", ["encoder", "prompts", "first-upsample", "second-upsample"])
@pytest.mark.parametrize("variant", ["tiny", "vit_b"])
def test_no_convolution_runs_under_the_limit_of_a_place(
    played: dict[str, Any], variant: str, place: str
) -> None:
    """One whose workspace does not fit would be computed in another way from then on, and so would the next
    answer, which is to equal the first: `try_plans` in aten/src/ATen/native/cudnn/Conv_v8.cpp keeps the first
    plan that fits."""
    found = played["places"][f"{variant} {place}"]
    assert found["convolutions"] == 0 < found["of"]


def test_a_limit_allows_what_it_says_to_the_byte(played: dict[str, Any]) -> None:
    """PyTorch cuts off what it computes from the fraction: a limit can be a byte, and so a segment, lower."""
    assert played["too low"] == []


def needed(variant: str, step: str, work: Work) -> MemoryRequirement:
    return next(need for need in needs(SHAPES[variant], "fp32", "cuda", work) if need.step == step)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("variant", ["vit_l", "vit_h"])
def test_a_narrow_encoder_fits_where_float32_does_not(
    interpreter: str, cudart: Path, variant: str, precision: str
) -> None:
    limit = int(needed(variant, "encode", Work((480, 640))).least_headroom * NARROW_SHARE)
    narrow, wide = (
        [Event(*event) for event in events_of(interpreter, cudart, variant, name, "encode")]
        for name in (precision, "fp32")
    )
    CachingAllocator(limit).play(narrow)
    with pytest.raises(OutOfMemory):
        CachingAllocator(limit).play(wide)


@pytest.mark.parametrize("variant", SHAPES)
def test_after_the_failed_batch_one_prompt_fits_under_its_limit(variant: str) -> None:
    count, side = BATCHES[variant]
    limit = count * 3 * side**2 * 4 // 4
    batch, one = (needed(variant, "predict", Work((240, 320), prompts=prompts)) for prompts in (count, 1))
    assert one.least_headroom <= limit < batch.growth
