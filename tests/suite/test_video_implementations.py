"""Do two implementations follow objects through a video alike, with the same weights?"""

from __future__ import annotations

from typing import Any, Callable, Dict
from unittest import mock

import pytest
import torch

from samcheck.guest.agreement import limits
from samcheck.guest.agreement.attribution import ImplementationsDiffer
from samcheck.guest.agreement.video_comparison import (
    PIXELS,
    VideoComparison,
    difference,
    put_right,
)
from samcheck.guest.agreement.video_faults import VIDEO_FAULTS
from samcheck.guest.agreement.video_stages import VideoStage
from samcheck.guest.models import stories, weights
from samcheck.guest.models.families.sam2 import SAM2
from samcheck.guest.models.stories import Ask, Follow, OracleTeller
from samcheck.guest.oracle import sam2_video
from samcheck.guest.oracle.sam2_image import LAYOUTS
from samcheck.guest.plugin.chosen_variants import unavailable

GROUP = "implementations"
VARIANT = "transformers.sam2.1_video_mini"
pytestmark = [pytest.mark.variants(VARIANT), pytest.mark.capabilities("video")]

PRECISE, USUAL = torch.float64, torch.float32
SEEN = stories.footage()
STORIES = stories.stories(SEEN)
#: What the fast tier tells beside those of the third opinion: other kinds of prompts, and several objects.
QUICK = ("box-and-point", "correction", "two-objects")
#: Long enough for a fault in times: an object is prompted twice, and followed through both prompts.
BRIEF = (Ask(1, 0, SEEN.click()), Ask(1, 2, SEEN.click()), Follow(0, 6))


@pytest.fixture(scope="session")
def both(variant: str) -> Callable[[torch.dtype], VideoComparison]:
    """Return a function that returns both implementations; skips where the package of one is missing."""
    reason = unavailable(variant)
    if SAM2.missing():
        reason = reason or "the original implementation, sam2, cannot be used here: no module sam2"
    if reason:
        pytest.skip(reason)
    made: Dict[torch.dtype, VideoComparison] = {}

    def get(dtype: torch.dtype) -> VideoComparison:
        if dtype not in made:
            made[dtype] = VideoComparison(SEEN.frames, dtype)
        return made[dtype]

    return get


@pytest.mark.parametrize(
    "story",
    [pytest.param(story, marks=[] if story in QUICK else pytest.mark.full) for story in sorted(STORIES)],
)
@pytest.mark.parametrize(
    "dtype",
    [pytest.param(USUAL, id="float32", marks=pytest.mark.full), pytest.param(PRECISE, id="float64")],
)
def test_videos_agree(both: Any, dtype: torch.dtype, story: str, measured: Dict[str, float]) -> None:
    """Without the deviations that are known, another implementation follows alike: in float64 to 1e-9.

    https://github.com/huggingface/transformers/pull/32317
    """
    found = both(dtype).require(STORIES[story], limits.of_video(dtype), put_right)
    measured.update(logits_relative=found.full, score_error=found.score, different_pixels=found.pixels)


@pytest.mark.parametrize(
    ("story", "known"),
    [
        ("two-clicks", "transformers-video-second-click"),
        ("mask", "transformers-video-given-mask"),
    ],
)
def test_video_as_it_comes(both: Any, story: str, known: str, defect: Any, settings: Dict[str, str]) -> None:
    """A second click, and a mask that is given, are answered as the original does.

    https://github.com/facebookresearch/sam2/blob/main/sam2/sam2_video_predictor.py
    """
    with defect(known):
        try:
            both(PRECISE).require(STORIES[story], limits.of_video(PRECISE))
        except ImplementationsDiffer as error:
            settings["stage"] = str(error).partition(":")[0]
            raise


def test_frames_are_prepared_alike(both: Any, defect: Any, measured: Dict[str, float]) -> None:
    """From the frames on, each with its own preprocessing, both follow alike.

    https://github.com/facebookresearch/sam2/blob/main/sam2/utils/misc.py
    """
    found = both(USUAL).difference(BRIEF, put_right, ())
    measured.update(logits_relative=found.full, score_error=found.score, different_pixels=found.pixels)
    assert not found.exceeds(limits.OTHER_FRAMES), str(found)
    with defect("transformers-video-bilinear"):
        both(USUAL).require(BRIEF, limits.of_video(USUAL), put_right, ())


@pytest.mark.parametrize("story", ["backwards", "mask", "newcomer", "two-clicks"])
def test_third_opinion_of_videos(both: Any, story: str, measured: Dict[str, float]) -> None:
    """Both implementations agree with samcheck's own in NumPy where none rounds memories: to 1e-9.

    https://arxiv.org/abs/2408.00714
    """
    tensors = {name: tensor.numpy() for name, tensor in weights.state(weights.SAM2_MINI.path).items()}
    oracle = sam2_video.Sam2VideoOracle(tensors, 128, LAYOUTS["sam2.1_mini"])
    with mock.patch.object(sam2_video, "brain", lambda memory: memory):
        opinion = OracleTeller(oracle, SEEN.frames, "cpu").tell(STORIES[story])
    comparison = both(PRECISE)
    for name, told in (
        ("reference", comparison.expected(STORIES[story])),
        ("own", comparison.actual(STORIES[story], put_right)),
    ):
        seen = difference(told, opinion)
        measured["{}_logits_relative".format(name)] = seen.full
        assert not seen.exceeds(limits.of_video(PRECISE)), "{}: {}".format(name, seen)


@pytest.mark.full
@pytest.mark.parametrize("fault", VIDEO_FAULTS)
def test_video_fault_is_attributed(both: Any, fault: str, settings: Dict[str, str]) -> None:
    """A fault inside transformers' objects is caught, and found in the stage that has it.

    https://github.com/huggingface/transformers/pull/32317
    """
    stage, seed = VIDEO_FAULTS[fault]

    def changed(video: Any) -> None:
        put_right(video)
        seed(video)

    replaced = () if stage is VideoStage.PREPROCESS else PIXELS
    allowed = limits.of_video(PRECISE) if replaced else limits.OTHER_FRAMES
    found = both(PRECISE).attribute(BRIEF, allowed, changed, replaced)
    settings["found"] = ", ".join(found.stages)
    assert found.stages == [stage], str(found)
    assert found.explained, str(found)
    with pytest.raises(ImplementationsDiffer, match="^{}: ".format(stage)):
        both(PRECISE).require(BRIEF, allowed, changed, replaced)
