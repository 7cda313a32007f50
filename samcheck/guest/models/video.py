"""Predictors of videos: what checks ask of those of every family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np


@dataclass(frozen=True)
class FrameAnswer:
    """What was found in one frame.

    Attributes:
        frame: its number, from 0.
        logits: by object, (H, W) at the video's size; a pixel belongs to the object if its logit is > 0.
        present: by object, the logit of its being in the frame at all.
    """

    frame: int
    logits: Dict[int, np.ndarray]
    present: Dict[int, float]

    def masks(self) -> Dict[int, np.ndarray]:
        return {number: logits > 0 for number, logits in self.logits.items()}


@dataclass(frozen=True)
class ObjectPrompt:
    """A prompt for one object in one frame: points with labels (1 inside, 0 outside), a box, or a mask.

    `added` keeps the points that the object already has in this frame.
    """

    points: Sequence[Tuple[float, float]] = ()
    labels: Sequence[int] = ()
    box: Optional[Sequence[float]] = None
    mask: Optional[np.ndarray] = None
    added: bool = False


class VideoPredictor(ABC):
    """Follows objects through one video at a time.

    Attributes:
        in_one_batch: the memories of several objects are made together, so bits may depend on how many.
    """

    in_one_batch = False

    @abstractmethod
    def start(self, frames: np.ndarray, offload_video: bool = False, offload_state: bool = False) -> None:
        """Begin with another video, uint8 (T, H, W, 3), RGB; optionally kept in the host's memory."""

    @abstractmethod
    def prompt(self, number: int, frame: int, prompt: ObjectPrompt) -> FrameAnswer:
        """Prompt for an object, which may be new; answer for all objects in this frame."""

    @abstractmethod
    def propagate(self, start: Optional[int] = None, reverse: bool = False) -> Iterator[FrameAnswer]:
        """Follow all objects from a frame to the video's end, or to its beginning."""

    @abstractmethod
    def remove(self, number: int) -> None:
        """Forget an object."""

    @abstractmethod
    def clear(self, number: int, frame: int) -> None:
        """Take back what was prompted for an object in a frame."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all objects, and keep the video."""

    @abstractmethod
    def state(self) -> Any:
        """Return what is kept of the video: nested containers with tensors."""

    @abstractmethod
    def bytes_per_frame(self) -> int:
        """Return what an object's memory, mask and pointer of one frame take, by their shapes."""


def tensor_bytes(state: Any) -> int:
    """Add up the memory of all tensors in nested containers, each storage once."""
    import torch

    seen: Dict[int, int] = {}
    waiting: List[Any] = [state]
    while waiting:
        each = waiting.pop()
        if isinstance(each, torch.Tensor):
            storage = each.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        elif isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, (list, tuple)):
            waiting.extend(each)
    return sum(seen.values())
