"""SAM 2's own traps: what its users trip over, and what works in its place."""

from __future__ import annotations

import copy
import os
import warnings
from typing import Any, Dict, List

import numpy as np
import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, sam2_holes, stories
from samcheck.guest.models.stories import Ask, Follow, Story, tell
from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.models.video import FrameAnswer, ObjectPrompt
from samcheck.guest.oracle.following import VIDEO_TOLERANCES

GROUP = "pitfalls"

pytestmark = [
    pytest.mark.families("sam2"),
    pytest.mark.capabilities("image", "video"),
    pytest.mark.precisions("fp32"),
    pytest.mark.small,
]

SEEN = stories.footage(6)
CLICK = Ask(1, 0, SEEN.click())
DTYPES = {"half": torch.float16, "bfloat16": torch.bfloat16, "double": torch.float64}
#: Of SAM 2.1, at the size of the low-resolution masks.
LARGEST_HOLE = 8
CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"


class SilentlyWrong(Exception):
    """A way of using SAM 2 gave finite but wrong numbers."""


class CorrectionDropped(Exception):
    """A click that was accepted is without effect."""


class HolesLeft(Exception):
    """Small holes in a mask were not filled."""


def live(model: Any, variant: str, story: Story) -> List[FrameAnswer]:
    """Let a model live through a story in a new video."""
    video = VARIANTS[variant].video
    assert video is not None
    predictor = video(model)
    predictor.start(SEEN.frames)
    return tell(predictor, story)


def filled(device: str) -> np.ndarray:
    """Have SAM 2 fill the holes of a drawn mask."""
    from sam2.utils.misc import fill_holes_in_mask_scores

    logits = torch.from_numpy(sam2_holes.with_holes())[None, None].to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result: np.ndarray = fill_holes_in_mask_scores(logits, LARGEST_HOLE)[0, 0].cpu().numpy()
    return result


def expected_filling() -> np.ndarray:
    """The same by a search in NumPy: holes of at most 8 pixels get a small positive logit."""
    logits = sam2_holes.with_holes()
    _, areas = sam2_holes.connected(logits <= 0)
    return np.where((areas > 0) & (areas <= LARGEST_HOLE), np.float32(0.1), logits)


def test_holes_are_filled(device: str, defect: Any, settings: Dict[str, str]) -> None:
    """Small holes in masks are filled; without the CUDA extension, which needs nvcc, they silently are not.

    https://github.com/facebookresearch/sam2/issues/131
    """
    left = [size for size in sam2_holes.HOLES if size <= LARGEST_HOLE]
    assert (expected_filling() != sam2_holes.with_holes()).sum() == sum(left)
    with defect("sam2-extension-missing"):
        seen = filled(device)
        settings["holes"] = "left" if np.array_equal(seen, sam2_holes.with_holes()) else "filled"
        if settings["holes"] == "left":
            raise HolesLeft("none of the holes of {} pixels was filled".format(left))
        assert np.array_equal(seen, expected_filling())


def test_rules_for_filling_holes(device: str) -> None:
    """With a search for connected parts in the extension's place, the right holes are filled.

    https://github.com/facebookresearch/sam2/issues/661
    """
    with sam2_holes.searching_in_python():
        assert np.array_equal(filled(device), expected_filling())


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
        assert not ((areas > 0) & (areas <= LARGEST_HOLE)).any()


@pytest.mark.parametrize("how", ["file", "file-name"])
def test_configuration_by_path(how: str, defect: Any) -> None:
    """`build_sam2` takes the path of a configuration file, or its name alone.

    https://github.com/facebookresearch/sam2/issues/81
    """
    import sam2
    from sam2.build_sam import build_sam2

    path = os.path.join(os.path.dirname(sam2.__file__), CONFIG)
    assert os.path.exists(path)
    with defect("sam2-config-path"):
        build_sam2(path if how == "file" else os.path.basename(path), device="cpu")


@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("what", ["image", "video"])
def test_model_cast_as_a_whole(
    loaded: Any, variant: str, name: str, what: str, device: str, scene: Any, reference: Any, defect: Any
) -> None:
    """`model.half()`, `.bfloat16()` or `.double()`, and then images and videos as usual.

    https://github.com/facebookresearch/sam2/issues/577
    """
    model = copy.deepcopy(loaded).to(device=device, dtype=DTYPES[name])
    with defect("sam2-cast-whole"):
        if what == "video":
            live(model, variant, stories.brief(SEEN))
            return
        ready = VARIANTS[variant].predictor(model)
        answer = inference.segment(ready, scene, inference.prompt(scene, "point"))
        tolerance = oracle.TOLERANCES["bf16"]
        assert not oracle.deviation(answer, reference("point"), tolerance).problems(tolerance)


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


def test_feature_sizes_follow_the_model(model: Any, scene: Any, defect: Any) -> None:
    """`SAM2ImagePredictor` takes a model whose images are not of 1024 pixels.

    https://github.com/facebookresearch/sam2/issues/138
    """
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    with defect("sam2-feature-sizes"):
        SAM2ImagePredictor(model).set_image(scene.image)


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


def test_no_prompt_is_refused(model: Any, variant: str) -> None:
    """No prompt at all is refused with an error that says so.

    https://github.com/facebookresearch/sam2/issues/577
    """
    with pytest.raises(ValueError, match="at least one of points or box"):
        live(model, variant, (Ask(1, 0, ObjectPrompt()),))
