"""SAM 2's predictors behind the same interface as those of other families."""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional, Tuple

import numpy as np

from .video import FrameAnswer, ObjectPrompt, VideoPredictor

#: Strides of the feature maps that the mask decoder takes, finest first.
STRIDES = (4, 8, 16)


def fit_feature_sizes(predictor: Any) -> Any:
    """Give a `SAM2ImagePredictor` the sizes of its model's feature maps: its own are for 1024 px."""
    side = predictor.model.image_size
    predictor._bb_feat_sizes = [(side // stride, side // stride) for stride in STRIDES]
    return predictor


class Sam2ImageAdapter:
    """A `SAM2ImagePredictor` with the arguments and results of `SamPredictor`."""

    def __init__(self, model: Any) -> None:
        from sam2.sam2_image_predictor import SAM2ImagePredictor

        self.inner = fit_feature_sizes(SAM2ImagePredictor(model))

    @property
    def model(self) -> Any:
        return self.inner.model

    @property
    def device(self) -> Any:
        return self.inner.device

    @property
    def is_image_set(self) -> bool:
        return bool(self.inner._is_image_set)

    @property
    def features(self) -> Any:
        """The features (1, C, s, s) of the image, None without one."""
        kept = self.inner._features
        return None if kept is None else kept["image_embed"]

    def set_image(self, image: np.ndarray, image_format: str = "RGB") -> None:
        assert image_format in ("RGB", "BGR"), "image_format must be RGB or BGR, is {}".format(image_format)
        if image_format == "BGR":
            image = np.ascontiguousarray(image[..., ::-1])
        self.inner.set_image(image)

    def reset_image(self) -> None:
        self.inner.reset_predictor()

    def predict(
        self,
        point_coords: Optional[np.ndarray] = None,
        point_labels: Optional[np.ndarray] = None,
        box: Optional[np.ndarray] = None,
        mask_input: Optional[np.ndarray] = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        masks, scores, low = self.inner.predict(
            point_coords, point_labels, box, mask_input, multimask_output, return_logits
        )
        return (masks if return_logits else masks.astype(bool)), scores, low


def sam2_generator(model: Any, **settings: Any) -> Any:
    """Create a `SAM2AutomaticMaskGenerator` from the arguments of segment_anything's, which are its own."""
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    generator = SAM2AutomaticMaskGenerator(model, **settings)
    fit_feature_sizes(generator.predictor)
    return generator


class Sam2Video(VideoPredictor):
    """A `SAM2VideoPredictor` and the state of one video.

    Attributes:
        around: what every call of the model runs in, such as autocast, which SAM 2 leaves to its callers.
    """

    def __init__(self, model: Any, around: Callable[[], ContextManager[Any]] = nullcontext) -> None:
        self.model, self.around = model, around
        self._state: Dict[str, Any] = {}

    def start(self, frames: np.ndarray, offload_video: bool = False, offload_state: bool = False) -> None:
        from PIL import Image

        with tempfile.TemporaryDirectory() as folder, self.around():
            for number, frame in enumerate(frames):
                # SAM 2 takes only files called .jpg, and Pillow reads what is in them: PNG keeps every pixel.
                path = os.path.join(folder, "{}.jpg".format(number))
                Image.fromarray(frame).save(path, format="PNG")
            self._state = self.model.init_state(
                folder, offload_video_to_cpu=offload_video, offload_state_to_cpu=offload_state
            )

    def prompt(self, number: int, frame: int, prompt: ObjectPrompt) -> FrameAnswer:
        with self.around():
            if prompt.mask is not None:
                answer = self.model.add_new_mask(self._state, frame, number, prompt.mask)
            else:
                answer = self.model.add_new_points_or_box(
                    self._state,
                    frame,
                    number,
                    points=np.array(prompt.points, np.float32) if len(prompt.points) else None,
                    labels=np.array(prompt.labels, np.int32) if len(prompt.points) else None,
                    clear_old_points=not prompt.added,
                    box=None if prompt.box is None else np.array(prompt.box, np.float32),
                )
        return self._answer(*answer)

    def propagate(self, start: Optional[int] = None, reverse: bool = False) -> Iterator[FrameAnswer]:
        following = self.model.propagate_in_video(self._state, start_frame_idx=start, reverse=reverse)
        while True:
            with self.around():
                answer = next(following, None)
            if answer is None:
                return
            yield self._answer(*answer)

    def remove(self, number: int) -> None:
        with self.around():
            self.model.remove_object(self._state, number, strict=True)

    def clear(self, number: int, frame: int) -> None:
        with self.around():
            self.model.clear_all_prompts_in_frame(self._state, frame, number)

    def reset(self) -> None:
        self.model.reset_state(self._state)

    def state(self) -> Dict[str, Any]:
        return self._state

    def bytes_per_frame(self) -> int:
        side = int(self.model.image_size)
        tokens = (side // STRIDES[-1]) ** 2
        memory = 2 * tokens * int(self.model.mem_dim)  # bfloat16
        mask = 4 * (side // STRIDES[0]) ** 2
        return memory + mask + 4 * int(self.model.hidden_dim) + 4  # pointer and score

    def _answer(self, frame: int, numbers: List[int], logits: Any) -> FrameAnswer:
        """Convert SAM 2's answer, to which the objects' scores are looked up in the state."""
        found = {number: each[0].float().cpu().numpy() for number, each in zip(numbers, logits)}
        return FrameAnswer(frame, found, {number: self._present(number, frame) for number in numbers})

    def _present(self, number: int, frame: int) -> float:
        index = self._state["obj_id_to_idx"][number]
        for where in ("temp_output_dict_per_obj", "output_dict_per_obj"):
            for kind in ("cond_frame_outputs", "non_cond_frame_outputs"):
                kept = self._state[where][index][kind].get(frame)
                if kept is not None:
                    return float(kept["object_score_logits"].float())
        return float("nan")  # the object was not looked for in this frame yet
