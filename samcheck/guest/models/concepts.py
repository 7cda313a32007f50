"""Concepts: what SAM 3's detector is asked for, and what it answers.

A concept is a few words, boxes around examples of what is meant, or both. The answer is everything in the
image that the concept names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch


@dataclass(frozen=True)
class Concept:
    """A prompt for a detector of concepts.

    Attributes:
        words: numbers of a tokenizer, without those that it puts around a text.
        boxes: (N, 4), pixels (x0, y0, x1, y1) of the image, around examples; None without any.
        labels: (N,), 1 for an example of what is meant and 0 for one of what is not.
    """

    words: Tuple[int, ...]
    boxes: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Detections:
    """What a detector found for one concept; every query of it is there, however low its score.

    Attributes:
        logits: of masks, (Q, h, w), at low resolution.
        boxes: (Q, 4), corners from 0 to 1.
        scores: (Q,), from 0 to 1: that of the query times that of the concept being in the image at all.
    """

    logits: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


def of_scene(scene: Any) -> Dict[str, Concept]:
    """Return a concept of each kind for a drawn scene, whose words mean nothing to a seeded model."""
    boxes = np.array([shape.box for shape in scene.shapes[-2:]], dtype=float)
    return {
        "words": Concept((5, 9)),
        "other-words": Concept((17, 30, 41)),
        "box": Concept((3,), boxes[1:], np.array([1])),
        "negative-box": Concept((3,), boxes[1:], np.array([0])),
        "words+boxes": Concept((5, 9), boxes, np.array([1, 1])),
    }


class TransformersDetector:
    """`Sam3Model` with the image processor that it is published with, and words as numbers.

    Attributes:
        model: in eval mode.
        processor: of images.
    """

    def __init__(self, model: Any, side: int, around: Tuple[int, int], padding: int) -> None:
        """Take the model, and the numbers that a tokenizer puts around a text and after it."""
        from transformers import Sam3ImageProcessor

        square = {"height": side, "width": side}
        self.model = model
        self.processor = Sam3ImageProcessor(size=square)
        self._around, self._padding = around, padding
        self.pixels: Optional[torch.Tensor] = None
        self.size: Tuple[int, int] = (0, 0)

    @property
    def _weight(self) -> torch.Tensor:
        """A tensor that stays in what the model computes in when its encoder alone is cast."""
        weight: torch.Tensor = self.model.text_projection.weight
        return weight

    def set_image(self, image: np.ndarray) -> None:
        """Take an image, RGB, uint8 (H, W, 3)."""
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        self.pixels = pixels.to(device=self._weight.device, dtype=self._weight.dtype)
        self.size = (image.shape[0], image.shape[1])

    def arguments(self, concepts: Sequence[Concept]) -> Dict[str, Any]:
        """Return the arguments of the model's forward for one or more concepts in the image."""
        device, start_and_end = self._weight.device, self._around
        texts = [[start_and_end[0], *concept.words, start_and_end[1]] for concept in concepts]
        longest = max(len(text) for text in texts)
        given = {
            "input_ids": torch.tensor(
                [[*text, *[self._padding] * (longest - len(text))] for text in texts], device=device
            ),
            "attention_mask": torch.tensor(
                [[1] * len(text) + [0] * (longest - len(text)) for text in texts], device=device
            ),
        }
        most = max(0 if concept.boxes is None else len(concept.boxes) for concept in concepts)
        if most:
            given["input_boxes"], given["input_boxes_labels"] = self._boxes(concepts, most)
        return given

    def _boxes(self, concepts: Sequence[Concept], most: int) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return centres and sizes from 0 to 1, and labels, padded as transformers' processor does it."""
        boxes = np.full((len(concepts), most, 4), -10.0)
        labels = np.full((len(concepts), most), -10)
        height, width = self.size
        for row, concept in enumerate(concepts):
            if concept.boxes is None or concept.labels is None:
                continue
            first, last = concept.boxes[:, :2], concept.boxes[:, 2:]
            both = np.concatenate(((first + last) / 2, last - first), 1)
            boxes[row, : len(both)] = both / np.array([width, height, width, height])
            labels[row, : len(both)] = concept.labels
        kind = {"dtype": self._weight.dtype, "device": self._weight.device}
        return torch.as_tensor(boxes, **kind), torch.as_tensor(labels, device=self._weight.device)

    def run(self, concepts: Sequence[Concept]) -> Any:
        """Return the model's own output for concepts in the image."""
        assert self.pixels is not None, "set_image comes first"
        pixels = self.pixels.expand(len(concepts), -1, -1, -1)
        with torch.no_grad():
            return self.model(pixel_values=pixels, **self.arguments(concepts))

    def detect(self, *concepts: Concept) -> List[Detections]:
        """Find concepts in the image, all in one call of the model."""
        output = self.run(concepts)
        scores = output.pred_logits.sigmoid() * output.presence_logits.sigmoid()
        parts = (output.pred_masks, output.pred_boxes, scores)
        arrays = [part.detach().cpu().numpy() for part in parts]
        return [Detections(*(array[row] for array in arrays)) for row in range(len(concepts))]

    def instances(self, output: Any, threshold: float) -> Any:
        """Return what transformers makes of the output: boxes, masks and scores above the threshold."""
        count = len(output.pred_logits)
        return self.processor.post_process_instance_segmentation(
            output, threshold=threshold, target_sizes=[self.size] * count
        )
