"""The steps of SAM 2 whose memory is estimated, to be measured on a CPU or recorded for a GPU.

What is kept of an image is made up for the steps after encoding: values do not affect sizes, and encoding
takes seconds.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from .. import memory_model
from ..memory_model.shapes import FLOAT
from ..models.sam2_predictors import sam2_generator
from ..models.variant import Variant
from ..models.video import ObjectPrompt


class Sam2Steps:
    """The steps of `memory_model.STEPS` after loading, on one image, and of a video.

    Attributes:
        size: height and width of the image, or of the video, in pixels.
    """

    def __init__(self, variant: Variant, model: Any, size: Any = (480, 640)) -> None:
        self.variant, self.model, self.size = variant, model, size
        self.device = next(model.parameters()).device
        self.shape: Any = memory_model.ESTIMATED[variant.name]

    @cached_property
    def generator(self) -> Any:
        """Create an automatic generator without thresholds, with an image set in its predictor."""
        generator = sam2_generator(self.model, pred_iou_thresh=0.0, stability_score_thresh=0.0)
        sides = [(self.shape.side // stride, share) for stride, share in ((4, 8), (8, 4), (16, 1))]
        maps = [
            torch.zeros(1, self.shape.out // share, side, side, device=self.device) for side, share in sides
        ]
        assert sorted(FLOAT * each.numel() for each in maps) == sorted(self.shape.features)
        generator.predictor._features = {"image_embed": maps[2], "high_res_feats": maps[:2]}
        generator.predictor._orig_hw = [self.size]
        generator.predictor._is_image_set = True
        return generator

    def encode(self, images: int) -> None:
        """Encode several images like `SAM2ImagePredictor.set_image_batch`, which the host has resized."""
        side = self.shape.side
        self.model.forward_image(torch.zeros(images, 3, side, side, device=self.device))

    def predict(self, prompts: int) -> None:
        """Predict with one point and three masks each, as logits."""
        points = torch.rand(prompts, 1, 2, device=self.device)
        labels = torch.ones(prompts, 1, dtype=torch.int, device=self.device)
        self.generator.predictor._predict(points, labels, multimask_output=True, return_logits=True)

    def automatic(self, points: int) -> None:
        """Run one batch of the automatic generator, so that every mask is kept."""
        height, width = self.size
        where = np.zeros((points, 2))
        self.generator._process_batch(where, self.size, [0, 0, width, height], self.size, False)

    def video(self, frames: int, objects: int, on_host: bool = False) -> None:
        """Click on each object in the first frame, and follow them to the last."""
        video: Any = self.variant.video(self.model)  # type: ignore[misc]
        video.start(np.zeros((frames, *self.size, 3), np.uint8), on_host, on_host)
        for number in range(objects):
            video.prompt(number, 0, ObjectPrompt(points=[(10 + number, 10)], labels=[1]))
        for _ in video.propagate(0):
            pass
