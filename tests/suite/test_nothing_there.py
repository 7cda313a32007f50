"""Does SAM answer with nothing where there is nothing: no good mask, no prompt, no pixel in a crop?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

GROUP = "automatic"
pytestmark = [pytest.mark.variants("tiny"), pytest.mark.precisions("fp32")]

#: A score that no mask can have.
UNATTAINABLE = 2.0


def generator(model: Any, **settings: Any) -> Any:
    from segment_anything import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(model, points_per_side=2, **settings)


@pytest.mark.parametrize("layers", [0, 1], ids=["whole", "crops"])
def test_no_mask_is_good_enough(model: Any, scene: Any, defect: Any, layers: int) -> None:
    """The automatic generator returns an empty list, also if it looks into crops.

    https://github.com/facebookresearch/segment-anything/issues/614
    """
    strict = generator(model, crop_n_layers=layers, pred_iou_thresh=UNATTAINABLE)
    if not layers:
        assert strict.generate(scene.image) == []
        return
    with defect("no-masks-in-crops"):
        assert strict.generate(scene.image) == []


@pytest.mark.parametrize("kind", ["boxes", "points", "masks"])
def test_no_prompt_in_a_batch(ready: Any, device: str, defect: Any, kind: str) -> None:
    """`predict_torch` returns no masks for a batch of no prompts, as a detector that finds nothing gives it.

    https://github.com/IDEA-Research/Grounded-Segment-Anything/issues/80
    """
    side = ready.model.image_encoder.img_size // 4
    points = torch.zeros(0, 1, 2, device=device), torch.zeros(0, 1, device=device)
    prompts = {
        "boxes": (None, None, torch.zeros(0, 4, device=device), None),
        "points": (*points, None, None),
        "masks": (None, None, None, torch.zeros(0, 1, side, side, device=device)),
    }
    with defect("no-prompts-in-batch"):
        masks, scores, logits = ready.predict_torch(*prompts[kind])
        assert (len(masks), len(scores), len(logits)) == (0, 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 40)], ids="{0[0]}x{0[1]}".format)
def test_image_smaller_than_its_crops(model: Any, defect: Any, size: Any) -> None:
    """An image with fewer pixels than a layer has crops is segmented, without those that would be empty."""
    image = np.full((*size, 3), 128, np.uint8)
    with defect("empty-crops"):
        records = generator(model, crop_n_layers=1).generate(image)
        assert all(record["segmentation"].shape == size for record in records)
