"""What helps when the automatic generator does not fit in memory, and what does it cost?

The strategies are compared in the full tier, with the small model: in large models the image encoder needs
as much memory as a batch of points, so no limit stops one and allows the other.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List

import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.memory.allocation_errors import is_out_of_memory
from samcheck.guest.memory.failure_points import digest_of_records
from samcheck.guest.memory.peak_meter import Scratchpad
from samcheck.guest.memory.retry import GaveUp, halved, retry
from samcheck.guest.models import predictor_states

pytestmark = [pytest.mark.variants("tiny"), pytest.mark.usefixtures("quick_collections")]

#: Most memory a narrower encoder may need, relative to float32; 0.64 was measured.
NARROWER = 0.8
#: A GPU tiles matrix products differently for another number of points; the effect was not measured.
SAME_MASKS = {"cpu": 1.0, "cuda": oracle.MASK_IOU}
#: 0.978 and 0.894 were measured.
LEAST_MEDIAN_IOU = {"downscaled": 0.9, "tiled": 0.75}


@pytest.fixture
def comparison(isolated: Callable[..., Any]) -> Dict[str, Any]:
    """All strategies under one limit, as the fields of a `strategy_comparison.StrategyComparison`."""
    comparison: Dict[str, Any] = isolated("strategies")
    assert comparison["masks"] > 0
    return comparison


@pytest.fixture
def tried(
    comparison: Dict[str, Any], strategy: str, measured: Dict[str, float], settings: Dict[str, str]
) -> Any:
    """The result of one strategy, with its numbers stored."""
    from samcheck.guest.memory.strategy_comparison import StrategyResult

    result = StrategyResult(**comparison["tried"][strategy])
    if result.unsupported:
        pytest.skip(result.unsupported)
    measured.update(result.metrics, seconds_ratio=result.seconds_ratio, limit_mib=result.limit_mib)
    measured["need_mib"] = comparison["need_mib"]
    settings["recovers"] = "yes" if result.recovers else "no"
    if result.recovers:
        measured.update(least_iou=result.least_iou, median_iou=result.median_iou)
        measured["masks_ratio"] = result.masks / comparison["masks"]
    else:
        settings["error"] = result.error
    return result


@pytest.mark.full
@pytest.mark.parametrize("strategy", ["smaller-batches", "run-lengths", "encoder-dropped-little-lacking"])
def test_recovers_with_the_same_masks(
    tried: Any, strategy: str, comparison: Dict[str, Any], device: str
) -> None:
    """Smaller batches, masks moved off the device as run lengths, and an encoder freed after encoding make
    the generator fit without changing a mask.

    https://github.com/opengeos/segment-geospatial/issues/299
    """
    assert tried.recovers, "it does not help: {}".format(tried.error)
    assert tried.metrics.get("fits_without", 0) == 0, "the generator fits without it"
    assert tried.masks == comparison["masks"]
    assert tried.least_iou >= SAME_MASKS[device]


@pytest.mark.full
@pytest.mark.parametrize("strategy", ["downscaled", "tiled"])
def test_recovers_with_other_masks(tried: Any, strategy: str) -> None:
    """A downscaled image and tiles make the generator fit, but change the masks found.

    https://github.com/opengeos/segment-geospatial/issues/74
    """
    assert tried.recovers, "it does not help: {}".format(tried.error)
    assert tried.least_iou < 1, "it changes nothing: list it with the strategies that keep the masks"
    assert tried.median_iou >= LEAST_MEDIAN_IOU[strategy]


@pytest.mark.full
@pytest.mark.parametrize("strategy", ["narrow-encoder", "kept-on-device", "cache-emptied"])
def test_does_not_help(tried: Any, strategy: str, defect: Any) -> None:
    """These popular measures do not help, because they do not reduce the memory of a batch.

    A narrower encoder is smaller, but a batch's masks are still float32. Small batches whose masks stay on
    the device add up to the memory of one large batch. Collecting garbage and emptying the cache frees
    unused memory only, and a batch uses all of its memory:
    https://github.com/facebookresearch/segment-anything/issues/384
    """
    assert not tried.recovers, "it helps: list it with the strategies that do"
    assert is_out_of_memory(RuntimeError(tried.error)), tried.error
    assert tried.metrics.get("encoder_need_ratio", 0) <= NARROWER, "the encoder is not narrower"
    scratch = tried.metrics.get("encoder_scratch_mib")
    if scratch:
        with defect("onednn-amx-scratchpad"):
            raise Scratchpad(
                "{:.0f} MiB beside {:.0f} of SAM's tensors".format(scratch, tried.metrics["encoder_own_mib"])
            )


@pytest.mark.full
@pytest.mark.parametrize("strategy", ["encoder-dropped"])
def test_encoder_dropped_frees_its_weights(tried: Any, strategy: str, comparison: Dict[str, Any]) -> None:
    """Freeing the encoder after encoding helps if its weights are at least as large as the missing memory.

    https://github.com/facebookresearch/segment-anything/issues/174
    """
    lacking = comparison["need_mib"] - tried.limit_mib
    assert tried.recovers == (tried.metrics["freed_mib"] >= lacking)


@pytest.mark.full
@pytest.mark.variants("vit_b", "vit_l", "vit_h")
@pytest.mark.precisions("bf16", "fp16")
def test_narrower_encoder_fits(
    isolated: Callable[..., Any],
    affordable: None,
    precision: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """With a large model, whose encoder needs more than a batch of points, a half-precision encoder fits.

    https://github.com/facebookresearch/segment-anything/issues/174
    """
    narrowed = isolated("narrowed", precision=precision)
    if narrowed["unsupported"]:
        pytest.skip(narrowed["unsupported"])
    measured.update(
        need_mib=narrowed["need_mib"], limit_mib=narrowed["limit_mib"], seconds=narrowed["narrow_seconds"]
    )
    settings["recovers"] = "no" if narrowed["narrow_error"] else "yes"
    assert is_out_of_memory(RuntimeError(narrowed["wide_error"])), "it fits in float32: no limit applied"
    assert not narrowed["narrow_error"]
    assert narrowed["finite"], "the features are not finite"


def test_retry_frees_before_it_tries_again(isolated: Callable[..., Any], settings: Dict[str, str]) -> None:
    """With the right way to retry, no tensor of a failed attempt survives, and the masks are right.

    https://github.com/pytorch/pytorch/issues/27600
    """
    attempts = isolated("retry")["ways"]["reference"]
    settings["points_per_batch"] = " ".join(map(str, attempts["settings"]))
    assert len(attempts["settings"]) > 1, "the first attempt fit"
    assert attempts["settings"][:2] == [16, 8]
    assert attempts["leftovers"] == [0] * len(attempts["settings"])
    assert not attempts["gave_up"]
    assert attempts["masks"] > 0
    assert attempts["same_masks"]


@pytest.mark.parametrize("way", ["inside-except", "exception-kept"])
def test_careless_retry_is_seen(way: str, isolated: Callable[..., Any], measured: Dict[str, float]) -> None:
    """Control: retrying inside ``except``, or keeping the exception, keeps the failed call's tensors alive.

    https://github.com/pytorch/pytorch/issues/18853
    """
    attempts = isolated("retry")["ways"][way]
    measured["leaked_tensors"] = max(attempts["leftovers"])
    assert len(attempts["settings"]) > 1
    assert min(attempts["leftovers"][1:]) > 0, "it leaves nothing, so the method would miss a leak"


#: Other errors of a failed allocation, which cannot be provoked on a CPU.
COUSINS: Dict[str, Callable[[], Exception]] = {
    "allocator": lambda: torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 768.00 MiB"),
    "driver": lambda: _accelerator_error("CUDA error: out of memory"),
    "cublas": lambda: RuntimeError(
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    ),
    "cudnn": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "cpu": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
        "to allocate 805306368 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "windows": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:72] data. DefaultCPUAllocator: not enough memory: you tried to "
        "allocate 805306368 bytes."
    ),
    "python": lambda: MemoryError("Unable to allocate 768. MiB for an array"),
}


def _accelerator_error(text: str) -> Exception:
    """Create the error as this PyTorch would raise it: 2.8 and newer have their own type."""
    error: Exception = getattr(torch, "AcceleratorError", RuntimeError)(text)
    return error


@contextmanager
def raising(module: Any, errors: Dict[int, Exception]) -> Iterator[List[int]]:
    """Inside, `module` raises the errors in `errors` at their call numbers, counted from 1."""
    calls: List[int] = []

    def hook(*_: Any) -> None:
        calls.append(len(calls) + 1)
        if len(calls) in errors:
            raise errors[len(calls)]

    handle = module.register_forward_pre_hook(hook)
    try:
        yield calls
    finally:
        handle.remove()


def records(model: Any, batch: int) -> List[Dict[str, Any]]:
    """Generate records from four points, `batch` at a time, keeping every mask."""
    from segment_anything import SamAutomaticMaskGenerator

    keeping = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    generator = SamAutomaticMaskGenerator(model, points_per_side=2, points_per_batch=batch, **keeping)
    records: List[Dict[str, Any]] = generator.generate(predictor_states.images()[0])
    return records


@pytest.fixture(scope="module")
def one_by_one(plain: Any) -> str:
    """A digest of the masks of a run that starts with single points."""
    return digest_of_records(records(plain, 1))


@pytest.mark.parametrize("cousin", sorted(COUSINS))
def test_retry_knows_every_spelling(cousin: str, plain: Any, device: str, one_by_one: str) -> None:
    """Every form of out-of-memory error is retried with half the points, and the masks equal those of a run
    that starts with that batch size.

    https://github.com/pytorch/pytorch/issues/128601
    """
    tried: List[int] = []

    def step(batch: int) -> List[Dict[str, Any]]:
        tried.append(batch)
        return records(plain, batch)

    # Fail the first batch of the first attempt and the second batch of the second.
    with raising(plain.mask_decoder, {1: COUSINS[cousin](), 3: COUSINS[cousin]()}):
        done = retry(step, halved(4), device)
    assert tried == [4, 2, 1]
    assert (done.setting, len(done.failures)) == (1, 2)
    assert digest_of_records(done.result) == one_by_one


OTHERS = {
    "poisoned": "CUDA error: an illegal memory access was encountered",
    "assertion": "CUDA error: device-side assert triggered",
    "shapes": "mat1 and mat2 shapes cannot be multiplied (64x256 and 128x64)",
}


@pytest.mark.parametrize("other", sorted(OTHERS))
def test_retry_swallows_no_other_error(other: str, plain: Any, device: str) -> None:
    """An error that is not out-of-memory propagates at once, unchanged: a retry would only hide it.

    https://github.com/pytorch/pytorch/issues/48365
    """
    error = RuntimeError(OTHERS[other])
    with raising(plain.mask_decoder, {1: error}) as calls, pytest.raises(RuntimeError) as seen:
        retry(lambda batch: records(plain, batch), halved(4), device)
    assert seen.value is error
    assert calls == [1]


def test_retry_ends(plain: Any, device: str) -> None:
    """If nothing fits, each setting is tried once, and the error reports the last failure.

    https://github.com/pytorch/pytorch/issues/82218
    """
    always = {call: COUSINS["cpu"]() for call in range(1, 100)}
    with raising(plain.mask_decoder, always) as calls, pytest.raises(GaveUp, match="805306368") as seen:
        retry(lambda batch: records(plain, batch), halved(4), device)
    assert calls == [1, 2, 3]
    assert seen.value.__context__ is None, "the error keeps the failed call's frames alive"
