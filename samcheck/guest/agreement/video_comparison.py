"""SAM 2's predictor of videos and transformers' model, with the same weights, through the same stories."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterable, List, Sequence

import numpy as np
import torch
from torch.nn.functional import interpolate

from ..models import conversion, weights
from ..models.conversion.video_to_transformers import sam2_video
from ..models.families import sam2_mini, transformers_video
from ..models.sam2_predictors import Sam2Video
from ..models.stories import Story, tell
from ..models.video import FrameAnswer
from ..models.video_sessions import SessionVideo, video_processor
from .attribution import AnswerDifference, Attribution, Limits
from .stages import StagedAnswer
from .video_stages import USE_ORIGINAL, VideoStage
from .wide import everything_in_float64

PIXELS = (VideoStage.PREPROCESS,)
Seed = Callable[[SessionVideo], None]


def nothing(video: SessionVideo) -> None:
    """Leave transformers' model as it comes."""


def put_right(video: SessionVideo) -> None:
    """Remove what is known to deviate from SAM 2 in transformers' model, in place (docs/upstream)."""
    model = video.model
    USE_ORIGINAL[VideoStage.PROMPT](model, None)
    segment, give, remember = (
        model._single_frame_forward,
        model._use_mask_as_output,
        model._batch_encode_memories,
    )

    def single(**given: Any) -> Any:
        return segment(**dict({"multimask_output": False}, **given))

    def of_what_was_shown(*given: Any) -> Any:
        answer = give(*given)
        side = (model.image_size, model.image_size)
        answer.high_res_masks = interpolate(answer.pred_masks, side, mode="bilinear")
        return answer

    def one_by_one(inference_session: Any, frame_idx: int, **lists: Any) -> None:
        for each in zip(*lists.values()):
            single_object = {name: [value] for name, value in zip(lists, each)}
            remember(inference_session=inference_session, frame_idx=frame_idx, **single_object)

    model._single_frame_forward = single
    model._use_mask_as_output, model._batch_encode_memories = of_what_was_shown, one_by_one


class VideoComparison:
    """The two implementations, in float32 or throughout in float64.

    Attributes:
        frames: uint8 (T, H, W, 3), of the video that the stories are about.
    """

    def __init__(self, frames: np.ndarray, dtype: torch.dtype) -> None:
        self.frames, self._dtype = frames, dtype
        self._around: Callable[[], ContextManager[Any]] = (
            everything_in_float64 if dtype is torch.float64 else nullcontext
        )
        with self._around():
            model = sam2_mini.build_image_and_video_model()
            weights.read(model, weights.SAM2_MINI.path)
            self._original = Sam2Video(model.to(dtype))
        self._told: Dict[int, List[FrameAnswer]] = {}

    def expected(self, story: Story) -> List[FrameAnswer]:
        """Let sam2's predictor tell a story, once."""
        if id(story) not in self._told:
            with self._around():
                self._original.start(self.frames)
                self._told[id(story)] = tell(self._original, story)
        return self._told[id(story)]

    def actual(
        self, story: Story, seed: Seed = nothing, replaced: Iterable[VideoStage] = PIXELS
    ) -> List[FrameAnswer]:
        """Let transformers' model tell a story, changed by `seed`, and with stages of SAM 2 in its own."""
        with self._around():
            model = transformers_video.build_sam2_video_mini()
            conversion.load_converted(model, sam2_video(weights.state(weights.SAM2_MINI.path)))
            video = SessionVideo(model.to(self._dtype), video_processor(sam2_mini.SIZE))
            seed(video)
            video.start(self.frames)
            for stage in replaced:
                if stage is VideoStage.PREPROCESS:
                    self._original.start(self.frames)
                    video.use_frames(self._original.state()["images"])
                else:
                    USE_ORIGINAL[stage](model, self._original.model)
            return tell(video, story)

    def difference(self, story: Story, seed: Seed, replaced: Iterable[VideoStage]) -> AnswerDifference:
        return difference(self.actual(story, seed, replaced), self.expected(story))

    def require(
        self,
        story: Story,
        limits: Limits,
        seed: Seed = nothing,
        replaced: Sequence[VideoStage] = PIXELS,
    ) -> AnswerDifference:
        """Return the difference of the two implementations.

        Raises:
            ImplementationsDiffer: it exceeds the limits.
        """
        whole = self.difference(story, seed, replaced)
        if whole.exceeds(limits):
            raise self.attribute(story, limits, seed, replaced).error()
        return whole

    def attribute(
        self, story: Story, limits: Limits, seed: Seed, replaced: Sequence[VideoStage] = PIXELS
    ) -> Attribution:
        """Find the stages that exceed the limits with SAM 2's in all other places."""
        own = [stage for stage in VideoStage if stage not in replaced]
        alone = {
            stage: self.difference(story, seed, [each for each in VideoStage if each is not stage])
            for stage in own
        }
        stages = [stage for stage in own if alone[stage].exceeds(limits)]
        whole = self.difference(story, seed, replaced)
        rest = self.difference(story, seed, [*replaced, *stages])
        return Attribution(whole, alone, rest, stages, not rest.exceeds(limits))


def difference(actual: Sequence[FrameAnswer], expected: Sequence[FrameAnswer]) -> AnswerDifference:
    """Compare the logits of all objects in all frames, except where the second did not look for an object.

    Logits and scores of presence are relative to the largest ones of `expected`.
    """
    pairs = [
        (mine.logits[number], theirs.logits[number], mine.present[number], theirs.present[number])
        for mine, theirs in zip(actual, expected)
        for number in theirs.logits
        if not np.isnan(theirs.present[number])
    ]
    mine, theirs, found, known = (np.array(each, float) for each in zip(*pairs))
    scale = float(np.abs(known).max())
    return AnswerDifference.of(_staged(mine, found / scale), _staged(theirs, known / scale))


def _staged(logits: np.ndarray, present: np.ndarray) -> StagedAnswer:
    return StagedAnswer(logits, present, logits)
