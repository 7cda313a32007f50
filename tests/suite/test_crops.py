"""Does the automatic mask generator map masks found in crops back to the whole image correctly?"""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest

from samcheck.guest import oracle
from samcheck.guest.models.inference import Prompt

GROUP = "automatic"
pytestmark = [pytest.mark.variants("tiny"), pytest.mark.precisions("fp32")]


@pytest.fixture(scope="module")
def records(model: Any, scene: Any) -> List[Dict[str, Any]]:
    """Records from the whole image and from four crops of it."""
    from segment_anything import SamAutomaticMaskGenerator

    generator = SamAutomaticMaskGenerator(
        model, points_per_side=4, crop_n_layers=1, pred_iou_thresh=0.6, stability_score_thresh=0.7
    )
    records: List[Dict[str, Any]] = generator.generate(scene.image)
    return records


def of_crops(records: List[Dict[str, Any]], scene: Any) -> List[Dict[str, Any]]:
    """Select the records that come from crops, not from the whole image."""
    height, width = scene.image.shape[:2]
    return [record for record in records if record["crop_box"] != [0, 0, width, height]]


def test_boxes_and_points_lie_in_their_crop(
    records: List[Dict[str, Any]], scene: Any, measured: Dict[str, float]
) -> None:
    """Masks, boxes and points are in the coordinates of the whole image and lie inside their crop.

    https://github.com/facebookresearch/segment-anything/issues/554
    """
    from_crops = of_crops(records, scene)
    measured["from_crops"] = len(from_crops)
    assert from_crops
    for record in from_crops:
        mask = record["segmentation"]
        assert mask.shape == scene.image.shape[:2]
        left, top, width, height = (int(pixels) for pixels in record["crop_box"])
        outside = mask.copy()
        outside[top : top + height, left : left + width] = False
        assert not outside.any()
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        assert record["bbox"] == [columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0]]
        (x, y) = record["point_coords"][0]
        assert left <= x <= left + width
        assert top <= y <= top + height


def test_masks_are_the_oracles(records: List[Dict[str, Any]], scene: Any, oracle_model: Any) -> None:
    """Each mask from a crop is one of the oracle's for that crop and point, at the right position.

    https://github.com/facebookresearch/segment-anything/issues/752
    """
    for record in of_crops(records, scene):
        left, top, width, height = (int(pixels) for pixels in record["crop_box"])
        crop = np.ascontiguousarray(scene.image[top : top + height, left : left + width])
        point = np.array(record["point_coords"]) - (left, top)
        expected = oracle_model.predict(oracle_model.encode(crop), Prompt(point, np.array([1])))
        index = int(np.abs(expected.scores - record["predicted_iou"]).argmin())
        assert expected.scores[index] == pytest.approx(record["predicted_iou"], abs=1e-4)
        mask = record["segmentation"][top : top + height, left : left + width]
        assert oracle.iou(mask, expected.masks[index]) >= oracle.MASK_IOU
