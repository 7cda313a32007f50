"""transformers' models of videos behind the same interface as those of other families.

Frames, prompts and masks go through the model's own processor, as transformers' documentation shows it.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional

import numpy as np

from .video import FrameAnswer, ObjectPrompt, VideoPredictor

#: The stride of the masks that the decoder makes, and of the features that a memory has the size of.
MASK_STRIDE, MEMORY_STRIDE = 4, 16


def video_processor(side: int, video_class: str = "Sam2VideoVideoProcessor") -> Any:
    """Create a `Sam2VideoProcessor` for squares of `side` pixels."""
    import transformers

    image_processor = getattr(transformers, "Sam2ImageProcessor", None)
    if image_processor is None:  # before transformers 5
        image_processor = transformers.Sam2ImageProcessorFast
    square = {"height": side, "width": side}
    mask = {"height": side // MASK_STRIDE, "width": side // MASK_STRIDE}
    return transformers.Sam2VideoProcessor(
        image_processor(size=square, mask_size=mask),
        getattr(transformers, video_class)(size=square),
        target_size=side,
    )


class SessionVideo(VideoPredictor):
    """A `Sam2VideoModel`, or one with its interface, and the session of one video.

    Attributes:
        around: what every call of the model runs in, such as autocast.
    """

    def __init__(
        self, model: Any, processor: Any, around: Callable[[], ContextManager[Any]] = nullcontext
    ) -> None:
        self.model, self.processor, self.around = model, processor, around
        self.in_one_batch = hasattr(model, "_batch_encode_memories")  # not in transformers 4.57.6
        self._session: Any = None

    def start(self, frames: np.ndarray, offload_video: bool = False, offload_state: bool = False) -> None:
        matrix = self.model.shared_image_embedding.positional_embedding
        self._session = self.processor.init_video_session(
            video=frames,
            inference_device=matrix.device,
            inference_state_device="cpu" if offload_state else None,
            video_storage_device="cpu" if offload_video else None,
            dtype=matrix.dtype,
        )

    def use_frames(self, frames: Any) -> None:
        """Take the model's input (T, 3, S, S) from elsewhere."""
        self._session.processed_frames = dict(enumerate(frames))

    def prompt(self, number: int, frame: int, prompt: ObjectPrompt) -> FrameAnswer:
        given: Dict[str, Any] = {}
        if prompt.mask is not None:
            given["input_masks"] = np.asarray(prompt.mask)
        if len(prompt.points):
            given["input_points"] = [[[[float(x), float(y)] for x, y in prompt.points]]]
            given["input_labels"] = [[[int(label) for label in prompt.labels]]]
        if prompt.box is not None:
            given["input_boxes"] = [[[float(side) for side in prompt.box]]]
        self.processor.add_inputs_to_inference_session(
            self._session, frame, number, clear_old_inputs=not prompt.added, **given
        )
        with self.around():
            answer = self.model(self._session, frame_idx=frame)
        return self._answer(answer)

    def propagate(self, start: Optional[int] = None, reverse: bool = False) -> Iterator[FrameAnswer]:
        following = self.model.propagate_in_video_iterator(
            self._session, start_frame_idx=start, reverse=reverse
        )
        while True:
            with self.around():
                answer = next(following, None)
            if answer is None:
                return
            yield self._answer(answer)

    def remove(self, number: int) -> None:
        raise NotImplementedError("a session of Sam2VideoModel cannot forget one object: reset all of them")

    def clear(self, number: int, frame: int) -> None:
        raise NotImplementedError("a session of Sam2VideoModel keeps what it answered to a prompt")

    def reset(self) -> None:
        self._session.reset_tracking_data()

    def state(self) -> Dict[str, Any]:
        """Return what the session keeps, with its cache, whose features are those of one frame."""
        return dict(vars(self._session), cache=self._session.cache._vision_features)

    def bytes_per_frame(self) -> int:
        side, width = int(self.processor.target_size), int(self.model.mem_dim)
        memory = 2 * (side // MEMORY_STRIDE) ** 2 * width  # bfloat16
        mask = 4 * (side // MASK_STRIDE) ** 2
        return memory + mask + 4 * int(self.model.hidden_dim) + 4  # pointer and score

    def _answer(self, answer: Any) -> FrameAnswer:
        size = [[self._session.video_height, self._session.video_width]]
        (logits,) = self.processor.post_process_masks([answer.pred_masks], size, binarize=False)
        numbers = list(getattr(answer, "object_ids", None) or self._session.obj_ids)
        frame = int(answer.frame_idx)
        return FrameAnswer(
            frame,
            {number: each[0].float().cpu().numpy() for number, each in zip(numbers, logits)},
            {number: self._present(number, frame) for number in numbers},
        )

    def _present(self, number: int, frame: int) -> float:
        """Look up an object's score, which transformers 4's answers do not have."""
        outputs = self._session.output_dict_per_obj[self._session.obj_id_to_idx(number)]
        kinds = ("cond_frame_outputs", "non_cond_frame_outputs")
        kept = next(outputs[kind][frame] for kind in kinds if frame in outputs[kind])
        return float(kept["object_score_logits"])
