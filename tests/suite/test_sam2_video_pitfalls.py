"""SAM 2's own traps with videos: what its users trip over, and what works in its place."""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import sam2_holes, sam2_steered, stories
from samcheck.guest.models.stories import Ask, Follow, Story, tell
from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.models.video import FrameAnswer, ObjectPrompt
from samcheck.guest.oracle.following import VIDEO_TOLERANCES, video_deviation

GROUP = "pitfalls"

pytestmark = [
    pytest.mark.families("sam2"),
    pytest.mark.capabilities("image", "video"),
    pytest.mark.precisions("fp32"),
    pytest.mark.small,
]

SEEN = stories.footage(6)
CLICK = Ask(1, 0, SEEN.click())


class SilentlyWrong(Exception):
    """A way of using SAM 2 gave finite but wrong numbers."""


class CorrectionDropped(Exception):
    """A click that was accepted is without effect."""


def live(model: Any, variant: str, story: Story) -> List[FrameAnswer]:
    """Let a model live through a story in a new video."""
    video = VARIANTS[variant].video
    assert video is not None
    predictor = video(model)
    predictor.start(SEEN.frames)
    return tell(predictor, story)


def test_frames_before_the_first_prompt(model: Any, variant: str, defect: Any) -> None:
    """Two objects that are first prompted in different frames can be followed from the first frame on.

    https://github.com/facebookresearch/sam2/issues/308
    """
    with defect("sam2-memory-bfloat16"):
        live(model, variant, (CLICK, Ask(2, 2, SEEN.click(0)), Follow(0, 3)))


def test_autocast_lets_frames_before_the_first_prompt_be(model: Any, variant: str, device: str) -> None:
    """With autocast around every call, the same works, as the error's reports advise.

    https://github.com/facebookresearch/sam2/issues/577
    """
    video: Any = VARIANTS[variant].video(model)  # type: ignore[misc]
    video.around = lambda: torch.autocast(device, dtype=torch.bfloat16)
    video.start(SEEN.frames)
    answers = tell(video, (CLICK, Ask(2, 2, SEEN.click(0)), Follow(0, 3)))
    assert [each.frame for each in answers] == [0, 2, 0, 1, 2]
    assert all(np.isfinite(each).all() for each in answers[-1].logits.values())


@pytest.mark.parametrize("frame", [0, 2])
def test_correction_is_kept(model: Any, variant: str, frame: int, defect: Any) -> None:
    """A click that corrects a frame is still there when the object is followed again.

    https://github.com/facebookresearch/sam2/issues/719
    """
    correct = Ask(1, frame, SEEN.click(0))
    *_, corrected, again = live(model, variant, (CLICK, Follow(0, 4), correct, Follow(frame, 1)))
    uncorrected = live(model, variant, (CLICK, Follow(0, 4)))[1 + frame]
    assert not np.array_equal(corrected.logits[1], uncorrected.logits[1])
    with defect("sam2-correction-dropped"):
        if np.array_equal(again.logits[1], uncorrected.logits[1]):
            raise CorrectionDropped("frame {} has the mask that it had without the click".format(frame))
        assert np.array_equal(again.logits[1], corrected.logits[1])


def test_corrections_as_prompts_are_kept(model: Any, variant: str) -> None:
    """With `add_all_frames_to_correct_as_cond`, a click that corrects a frame stays.

    https://github.com/facebookresearch/sam2/issues/731
    """
    changed = copy.deepcopy(model)
    changed.add_all_frames_to_correct_as_cond = True
    correct = Ask(1, 2, SEEN.click(0))
    *_, corrected, again = live(changed, variant, (CLICK, Follow(0, 4), correct, Follow(2, 1)))
    assert np.array_equal(again.logits[1], corrected.logits[1])


def test_memory_can_be_cleared_around_prompts(model: Any, variant: str, defect: Any) -> None:
    """The option `clear_non_cond_mem_around_input` works.

    https://github.com/facebookresearch/sam2/issues/571
    """
    changed = copy.deepcopy(model)
    changed.clear_non_cond_mem_around_input = True
    with defect("sam2-clear-memory-name"):
        live(changed, variant, stories.brief(SEEN))


def test_video_predictor_built_for_images(
    model: Any, variant: str, defect: Any, measured: Dict[str, float]
) -> None:
    """Without what `build_sam2_video_predictor` sets, clicked masks are remembered as they are shown.

    https://github.com/facebookresearch/sam2/blob/main/sam2/build_sam.py
    """
    story = (CLICK, Follow(0, 3))
    changed = copy.deepcopy(model)
    changed.binarize_mask_from_pts_for_mem_enc = False
    right, other = live(model, variant, story)[-1], live(changed, variant, story)[-1]
    off = measured["logits_relative_l2"] = oracle.relative_error(other.logits[1], right.logits[1])
    with defect("sam2-image-build-for-video"):
        if off > VIDEO_TOLERANCES["fp32"].logits:
            raise SilentlyWrong("logits of followed frames are off by {:.2g}".format(off))


def test_plain_attention_kernel_serves(model: Any, variant: str, measured: Dict[str, float]) -> None:
    """SAM 2 asks for no particular attention kernel: with the plain one alone, the masks are the same.

    "No available kernel" was raised where flash attention alone was allowed:
    https://github.com/facebookresearch/sam2/issues/48
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    usual = live(model, variant, stories.brief(SEEN))
    with sdpa_kernel(SDPBackend.MATH):
        plain = live(model, variant, stories.brief(SEEN))
    seen = video_deviation(plain, usual)
    measured["logits_relative_l2"] = seen.logits
    assert not seen.problems(VIDEO_TOLERANCES["fp32"])


def test_memory_reaches_six_frames_back(model: Any, variant: str) -> None:
    """A frame depends on the memories of the six before it and of the prompted one, and on no others.

    https://arxiv.org/abs/2408.00714
    """
    video: Any = VARIANTS[variant].video(model)  # type: ignore[misc]
    last, prompted = stories.FRAMES - 1, 0
    seen = stories.footage()
    video.start(seen.frames)
    whole = tell(video, (Ask(1, prompted, seen.click()), Follow(0, last + 1)))[-1].logits[1]
    kept = video.state()["output_dict_per_obj"][0]
    counts = []
    for frame in range(last):
        answer = kept["cond_frame_outputs" if frame == prompted else "non_cond_frame_outputs"][frame]
        memory = answer["maskmem_features"]
        answer["maskmem_features"] = -memory
        if not np.array_equal(tell(video, (Follow(last, 1),))[0].logits[1], whole):
            counts.append(frame)
        answer["maskmem_features"] = memory
    assert counts == [prompted, *range(last - 6, last)]


#: What is prompted and followed, and how the model is changed for it.
FOLLOWED: Dict[str, Tuple[Story, Callable[[Any], None]]] = {
    "forwards": ((CLICK, Follow(0, 6)), sam2_steered.as_it_is),
    "backwards": ((Ask(1, 5, SEEN.click()), Follow(5, 6, reverse=True)), sam2_steered.as_it_is),
    "with-a-later-prompt": ((CLICK, Ask(1, 5, SEEN.click()), Follow(0, 4)), sam2_steered.as_it_is),
    "of-nothing": ((Ask(1, 0, stories.nothing(SEEN)), Follow(0, 3)), sam2_steered.as_it_is),
    "of-another-mask": ((CLICK, Follow(0, 4)), sam2_steered.prefer_the_last_mask),
    "gone": ((CLICK, Follow(0, 4)), sam2_steered.find_nothing),
}


@pytest.mark.parametrize("case", sorted(FOLLOWED))
def test_pointers_are_the_oracles(
    model: Any, variant: str, device: str, case: str, measured: Dict[str, float]
) -> None:
    """Object pointers, and the code of their distance in time, go into the memory as the oracle has them.

    They are few among many tokens, so that an error in them hardly shows in one mask. Models that choose
    another mask, or find no object, are made from the one under test, whatever its own weights would choose:
    https://arxiv.org/abs/2408.00714, appendix C
    """
    story, steer = FOLLOWED[case]
    changed = copy.deepcopy(model)
    steer(changed)
    calls: List[Dict[str, Any]] = []
    changed.memory_attention.register_forward_pre_hook(
        lambda _, __, named: calls.append(named), with_kwargs=True
    )
    live(changed, variant, story)
    own = VARIANTS[variant].oracle(copy.deepcopy(changed).cpu())
    teller = stories.OracleTeller(own, SEEN.frames, device)
    *_, follow = story
    assert isinstance(follow, Follow)
    frame = teller.tell(story)[-1].frame
    expected = own.pointers(teller.tracks[1], frame, 1 if follow.reverse else -1)
    count = calls[-1]["num_obj_ptr_tokens"]
    for name, known in zip(("memory", "memory_pos"), expected):
        actual = calls[-1][name][-count:, 0].float().cpu().numpy()
        assert actual.shape == known.shape
        off = measured[name + "_relative_l2"] = oracle.relative_error(actual, known)
        assert off <= VIDEO_TOLERANCES["fp32"].logits


def test_no_prompt_is_refused(model: Any, variant: str) -> None:
    """No prompt at all is refused with an error that says so.

    https://github.com/facebookresearch/sam2/issues/577
    """
    with pytest.raises(ValueError, match="at least one of points or box"):
        live(model, variant, (Ask(1, 0, ObjectPrompt()),))


def test_video_masks_have_no_small_holes(model: Any, variant: str) -> None:
    """What a video predictor keeps and returns has no hole of 8 pixels or fewer, given a way to find them.

    https://github.com/facebookresearch/sam2/issues/298
    """
    with sam2_holes.searching_in_python():
        video: Any = VARIANTS[variant].video(model)  # type: ignore[misc]
        video.start(SEEN.frames)
        tell(video, (CLICK, Follow(0, 3)))
    kept = [
        answer["pred_masks"][0, 0].float().cpu().numpy()
        for answers in video.state()["output_dict_per_obj"][0].values()
        for answer in answers.values()
    ]
    assert len(kept) == 3
    for logits in kept:
        _, areas = sam2_holes.connected(logits <= 0)
        assert not ((areas > 0) & (areas <= sam2_holes.LARGEST)).any()


@pytest.mark.full
def test_predictor_optimised_for_whole_videos(model: Any, variant: str, device: str, defect: Any) -> None:
    """What `vos_optimized=True` builds, every part compiled, gives the same masks.

    https://github.com/facebookresearch/sam2/issues/501
    """
    from sam2.sam2_video_predictor import SAM2VideoPredictorVOS

    if device == "cpu":
        pytest.skip(
            "vos_optimized times kernels for a GPU while it compiles; on a CPU that takes many minutes"
        )
    story = (CLICK, Follow(0, 4))
    compiled = copy.deepcopy(model)
    compiled.__class__ = SAM2VideoPredictorVOS
    compiled._compile_all_components()
    with defect("sam2-vos-graphs"):
        usual, optimised = (live(each, variant, story) for each in (model, compiled))
        assert not video_deviation(optimised, usual).problems(VIDEO_TOLERANCES["tf32"])
