"""SAM 2.1 for videos as transformers has it, in NumPy and float64: where a session deviates from SAM 2.

What deviates is catalogued and held against SAM 2 itself in the group ``implementations``; with this oracle a
check tells another deviation from those. Read off `Sam2VideoModel` of transformers 5.23.0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, List, Optional

import numpy as np

from .sam2_image import LAYOUTS, Pyramid
from .sam2_layers import smoothly_resized
from .sam2_video import GIVEN_LOGIT, Answer, Click, Sam2VideoOracle, Track

#: ImageNet's, which processors subtract and divide by.
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class SessionVideoOracle(Sam2VideoOracle):
    """Follows objects as a session of transformers does.

    Attributes:
        prepare: makes a model's input (T, 3, S, S) of frames: it is compared in another group.
    """

    prepare: Callable[[List[np.ndarray]], np.ndarray]

    @classmethod
    def of_weights(cls, weights: Any, side: int, name: str, prepare: Any) -> SessionVideoOracle:
        """Create the oracle from tensors with the names of sam2, for a layout of its encoder."""
        made = cls({key: tensor.numpy() for key, tensor in weights.items()}, side, LAYOUTS[name])
        made.prepare = prepare
        return made

    def start(self, frames: List[np.ndarray], device: str = "cpu") -> None:
        super().start(frames, "cpu")  # a session never fills holes
        self._inputs = self.prepare(frames).transpose(0, 2, 3, 1) * _DEVIATION + _MEAN

    def _frame(self, index: int) -> Pyramid:
        if index not in self._pyramids:
            self._pyramids[index] = self.pyramid(self._inputs[index], self.size)
        return self._pyramids[index]

    def looked_for(self, track: Track, index: int) -> Optional[Answer]:
        """A prompt for one object makes a session follow all others to that frame."""
        return self.follow(track, [index])[index] if track.prompted else None

    def _segment(
        self,
        index: int,
        features: np.ndarray,
        clicks: List[Click],
        mask: Optional[np.ndarray],
        single: bool = False,
    ) -> Answer:
        """Segment without the mask of earlier clicks; of a given mask, take the best token as its pointer."""
        return super()._segment(index, features, clicks, mask if single else None)

    def give(self, track: Track, index: int, mask: np.ndarray) -> Answer:
        """Prompt with a mask, whose memory is made of it as it is, and not of the smaller one."""
        answer = super().give(track, index, mask)
        pixels = smoothly_resized(mask.astype(np.float64), (self.side, self.side)) >= 0.5
        exact = replace(answer, logits=np.where(pixels, GIVEN_LOGIT, -GIVEN_LOGIT))
        answer.memory = self._memory(index, exact, shown=True)
        return answer
