"""Does SAM recover from a failed allocation, wherever it happens?"""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest
import torch

from samcheck.guest import memory_model
from samcheck.guest.memory.image_sizes import GROWTH
from samcheck.guest.models.variants import VARIANTS

#: A CPU's allocator keeps a few pages for itself: at most 0.5 MiB was measured for the small variant over
#: torch 2.0.1 to 2.15.0, where the masks that did not fit took 384. A GPU's allocator counts exactly.
GROWTH_MIB = {"cpu": 4.0, "cuda": 1.0}


def test_recovers_from_out_of_memory(
    recovery: Callable[[str], Any],
    affordable: None,
    precision: str,
    device: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """A batch of prompts that does not fit fails cleanly: memory is freed and the next mask is right.

    https://github.com/pytorch/pytorch/issues/27600
    """
    seen = recovery(precision)
    if seen.unsupported:
        pytest.skip("no {} kernel on {}: {}".format(precision, device, seen.unsupported))
    measured.update(
        limit_mib=seen.limit_mib, wanted_mib=seen.wanted_mib, growth_mib=round(seen.growth_mib, 3)
    )
    settings["error"] = seen.error
    assert seen.error, "nothing failed: {} MiB fit under a limit of {} MiB".format(
        seen.wanted_mib, seen.limit_mib
    )
    assert seen.leaked_tensors == 0
    assert seen.growth_mib <= GROWTH_MIB[device]
    assert seen.same_prediction


#: The places where SAM runs out of memory, and the functions they are in; each place's need is stored.
PLACES = {
    "encoder": r"image_encoder\.(Attention\.forward|add_decomposed_rel_pos)$",
    "prompts": r"(mask_decoder|transformer|common)\.\w+",
    "first-upsample": r"sam\.Sam\.postprocess_masks$",
    "second-upsample": r"sam\.Sam\.postprocess_masks$",
    "nonzero": r"amg\.mask_to_rle_pytorch$",
    "loading": r"build_sam\._build_sam$",
}
GENERATOR = ("first-upsample", "second-upsample", "nonzero")


@pytest.fixture(params=sorted(PLACES))
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def provoked(isolated: Callable[..., Any], place: str, variant: str) -> Any:
    """What happened at the place; loading the small model stands for loading any size."""
    from samcheck.guest.memory.failure_points import Provoked

    if place == "loading" and VARIANTS[variant].tier != "fast":
        pytest.skip("SAM loads every size with the same code, which the small variant covers")
    provoked = Provoked(**isolated("place", place=place))
    if provoked.unsupported:
        pytest.skip(provoked.unsupported)
    # Without a failure, the checks of what happens after one would pass trivially.
    assert provoked.error, "nothing failed at {}: {} of {} MiB were enough".format(
        place, provoked.limit_mib, provoked.need_mib
    )
    return provoked


@pytest.mark.variants(*memory_model.SHAPES)  # a custom model may need its memory elsewhere
def test_fails_where_it_was_made_to(
    provoked: Any, place: str, variant: str, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """The allocation that fails is SAM's own, at the place whose memory need was measured.

    https://github.com/facebookresearch/segment-anything/issues/351
    """
    import re

    measured.update(need_mib=round(provoked.need_mib, 3), limit_mib=round(provoked.limit_mib, 3))
    settings.update(error=provoked.error, failed_in=provoked.failed_in)
    assert re.match(PLACES[place], provoked.failed_in), "it failed elsewhere, in {}".format(
        provoked.failed_in
    )
    side = VARIANTS[variant].image_size
    sizes = {"first-upsample": [side, side], "second-upsample": provoked.image_size}
    assert provoked.resizing_to == sizes.get(place)


def test_failure_leaves_nothing(provoked: Any, place: str, device: str, measured: Dict[str, float]) -> None:
    """After recovery, memory is freed and no tensor of the failed call is alive.

    https://github.com/pytorch/pytorch/issues/18853
    """
    measured["growth_mib"] = round(provoked.growth_mib, 3)
    measured["leaked_tensors"] = provoked.leaked_tensors
    assert provoked.leaked_tensors == 0, "{} tensors of the failed call are alive".format(
        provoked.leaked_tensors
    )
    bound = GROWTH_MIB["cpu" if place == "loading" else device]  # a checkpoint is loaded by the host
    assert provoked.growth_mib <= bound, "{} of {} MiB were not freed".format(
        provoked.growth_mib, provoked.need_mib
    )


def test_next_answer_is_right(provoked: Any) -> None:
    """The same call, with enough memory again, is bit-identical to its first result in a fresh process.

    https://github.com/facebookresearch/segment-anything/issues/743
    """
    assert provoked.same_answer, "the answer differs from that of a process in which nothing failed"


class StaleState(Exception):
    """A predictor still holds state from the image of a failed call."""


@pytest.mark.parametrize("place", ["encoder"])
def test_no_image_after_the_encoder_failed(provoked: Any, place: str, defect: Any) -> None:
    """When `set_image` runs out of memory, neither an image nor its size stays set.

    https://github.com/bingogome/samm/issues/55
    """
    assert provoked.is_image_set is False
    assert provoked.has_features is False
    with defect("failed-set-image-size"):
        if provoked.original_size == provoked.image_size:
            raise StaleState("original_size is {} of the image that failed".format(provoked.original_size))


@pytest.mark.parametrize("place", ["prompts"])
def test_image_stays_after_prompts_failed(provoked: Any, place: str) -> None:
    """When prompts do not fit, the image stays set, so that fewer can be tried at once.

    https://github.com/facebookresearch/segment-anything/issues/223
    """
    assert provoked.is_image_set is True
    assert provoked.has_features is True
    assert provoked.original_size == provoked.image_size


@pytest.mark.parametrize("place", GENERATOR)
def test_no_image_after_the_generator_failed(provoked: Any, place: str, defect: Any) -> None:
    """When the automatic generator runs out of memory midway, it does not keep the features of its crop.

    https://github.com/facebookresearch/segment-anything/issues/357
    """
    assert provoked.has_features == provoked.is_image_set
    with defect("generator-keeps-image"):
        if provoked.is_image_set:
            raise StaleState("is_image_set is True, with the features of the crop that failed")


#: Number of 1024 x 1024 masks that together have more elements than an int32 can count.
BEYOND_INT32 = 2**31 // 1024**2 + 1
#: The masks and two copies of them in `mask_to_rle_pytorch`, with room for its result.
ROOM_BYTES = 4 * BEYOND_INT32 * 1024**2


def test_more_elements_than_int32(device: str, defect: Any) -> None:
    """Masks with more than 2**31 elements can be run-length encoded; on CUDA `nonzero` limits it, not memory.

    https://github.com/facebookresearch/segment-anything/issues/427
    """
    from segment_anything.utils.amg import mask_to_rle_pytorch

    if device != "cuda":
        pytest.skip("nonzero counts in int64 on the CPU; only CUDA has the limit")
    if torch.cuda.mem_get_info()[0] < ROOM_BYTES:
        pytest.skip("needs {} GiB of free GPU memory".format(ROOM_BYTES // 2**30))
    masks = torch.zeros((BEYOND_INT32, 1024, 1024), dtype=torch.bool, device=device)
    with defect("nonzero-int32"):
        assert len(mask_to_rle_pytorch(masks)) == BEYOND_INT32
    few = mask_to_rle_pytorch(masks[:2])
    assert [runs["counts"] for runs in few] == [[1024**2]] * 2


#: Least share of the images per second of single images that a batch may reach.
SLOWEST_BATCH = 0.5


@pytest.mark.full
def test_images_per_second_over_batches(
    isolated: Callable[..., Any],
    variant: str,
    device: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """Batches of images, up to the largest that fits, are encoded at least half as fast per image as one."""
    if device == "cpu" and VARIANTS[variant].tier != "fast":
        pytest.skip("on a CPU, a batch of a large variant takes minutes, and memory does not end it")
    seen = isolated("throughput")
    rates = {int(images): rate for images, rate in seen["images_per_s"].items()}
    measured.update({"batch_{}_images_per_s".format(images): rate for images, rate in rates.items()})
    assert rates, "not even one image fits: {}".format(seen["error"])
    measured["largest_batch"] = max(rates)
    settings["error"] = seen["error"]
    slow = {images: rate for images, rate in rates.items() if rate < SLOWEST_BATCH * rates[1]}
    assert not slow, "{:.1f} images/s one by one, and in batches {}".format(rates[1], slow)


@pytest.mark.full
def test_context_is_as_reserved_for(
    isolated: Callable[..., Any], variant: str, device: str, measured: Dict[str, float]
) -> None:
    """CUDA's context and kernels take no more of the GPU than `samcheck memory` reserves for them."""
    if device == "cpu":
        pytest.skip("a CPU has no context of CUDA")
    seen = isolated("context")
    if seen["unsupported"]:
        pytest.skip(seen["unsupported"])
    measured["context_mib"] = seen["context_mib"]
    assert 0 < seen["context_mib"] <= memory_model.CONTEXT_MIB


@pytest.mark.full
@pytest.mark.parametrize("segments", ["fixed", "expandable"])
def test_many_sizes_do_not_fragment_ever_more(
    isolated: Callable[..., Any], variant: str, device: str, segments: str, measured: Dict[str, float]
) -> None:
    """Images of many sizes in turn make the allocator reserve no more once it has seen them all.

    https://docs.pytorch.org/docs/stable/notes/cuda.html#optimizing-memory-usage-with-pytorch-cuda-alloc-conf
    """
    if device == "cpu":
        pytest.skip("PyTorch has no caching allocator on a CPU")
    seen = isolated("sizes", expandable=segments == "expandable")
    if seen["unsupported"]:
        pytest.skip(seen["unsupported"])
    first, *_, before, last = seen["after_mib"]
    measured.update(
        allocated_mib=seen["allocated_mib"],
        reserved_mib=seen["reserved_mib"],
        unused_share=1 - seen["allocated_mib"] / seen["reserved_mib"],
        first_pass_mib=first,
        last_pass_mib=last,
    )
    assert last <= before * (1 + GROWTH), "{:.0f} MiB, then {:.0f}".format(before, last)
