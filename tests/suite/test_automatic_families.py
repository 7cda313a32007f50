"""Are the automatic generator's records what the model's weights imply, for the generator of any family?

`test_automatic.py` asks more of segment_anything's, with thresholds that fit its small model.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import numpy as np
import pytest

from samcheck.guest import oracle
from samcheck.guest.models.inference import Prompt
from samcheck.guest.models.variants import VARIANTS

GROUP = "automatic"

pytestmark = [
    pytest.mark.capabilities("automatic"),
    pytest.mark.precisions("fp32"),
    pytest.mark.small,
]

GRID = 4
#: No threshold that a weight could fail, and no duplicate dropped.
EVERYTHING = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}
Records = List[Dict[str, Any]]


@pytest.fixture(scope="module")
def generate(model: Any, variant: str, scene: Any) -> Callable[..., Records]:
    """Return a function that generates records of the scene from a coarse grid."""

    def run(**settings: Any) -> Records:
        made = VARIANTS[variant].generator(model, **{"points_per_side": GRID, **EVERYTHING, **settings})
        records: Records = made.generate(scene.image)
        return records

    return run


@pytest.fixture(scope="module")
def records(generate: Callable[..., Records]) -> Records:
    return generate()


def test_every_mask_is_the_oracles(
    records: Records, scene: Any, oracle_model: Any, measured: Dict[str, float]
) -> None:
    """Without thresholds, each record's mask and score are the oracle's for the point of the grid it names.

    https://github.com/facebookresearch/segment-anything/issues/752
    """
    encoded = oracle_model.encode(scene.image)
    height, width = scene.image.shape[:2]
    ious = []
    for record in records:
        point = np.array(record["point_coords"])
        assert np.allclose((point * GRID / (width, height) - 0.5) % 1, 0, atol=1e-5)
        expected = oracle_model.predict(encoded, Prompt(point, np.array([1])))
        index = int(np.abs(expected.scores - record["predicted_iou"]).argmin())
        assert expected.scores[index] == pytest.approx(record["predicted_iou"], abs=1e-4)
        ious.append(oracle.iou(record["segmentation"], expected.masks[index]))
    measured.update(least_iou=min(ious), masks=len(records))
    assert len(records) >= GRID**2, "not every point of the grid was asked"
    assert min(ious) >= oracle.MASK_IOU


def test_records_describe_their_masks(records: Records, scene: Any) -> None:
    """Each record's area and box are those of its mask.

    https://github.com/facebookresearch/segment-anything/issues/552
    """
    height, width = scene.image.shape[:2]
    assert any(record["area"] for record in records)
    for record in records:
        mask = record["segmentation"]
        assert mask.shape == (height, width)
        assert mask.dtype == np.bool_
        assert record["area"] == mask.sum()
        if not mask.any():  # no threshold drops it here
            continue
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        tight = [columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0]]
        assert record["bbox"] == tight
        assert record["crop_box"] == [0, 0, width, height]


def test_batches_change_nothing(generate: Callable[..., Records], records: Records) -> None:
    """Batches of 5 points give the same masks as one batch.

    https://github.com/facebookresearch/segment-anything/issues/223
    """
    others = generate(points_per_batch=5)
    assert len(others) == len(records)
    for record in records:
        best = max(oracle.iou(record["segmentation"], other["segmentation"]) for other in others)
        assert best >= oracle.MASK_IOU


@pytest.mark.parametrize("field", ["predicted_iou", "stability_score"])
def test_thresholds_keep_the_better_half(
    generate: Callable[..., Records], records: Records, field: str
) -> None:
    """A threshold at the median of the values keeps what is above it, and nothing below.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    option = {"predicted_iou": "pred_iou_thresh", "stability_score": "stability_score_thresh"}[field]
    # A threshold that is not positive switches the filter off.
    values = sorted(record[field] for record in records if record[field] > 0)
    assert len(values) > 1, "no two masks have a positive {}".format(field)
    middle = (values[len(values) // 2 - 1] + values[len(values) // 2]) / 2
    better = [record[field] for record in generate(**{option: middle})]
    assert min(better) >= middle
    assert abs(len(better) - sum(value >= middle for value in values)) <= 1  # rounding may cross it


def test_run_lengths_are_the_masks(generate: Callable[..., Records], records: Records) -> None:
    """Masks returned as run lengths are those returned as arrays.

    https://github.com/facebookresearch/segment-anything/issues/427
    """
    encoded = generate(output_mode="uncompressed_rle")
    assert len(encoded) == len(records)
    for record, other in zip(records, encoded):
        counts, size = other["segmentation"]["counts"], other["segmentation"]["size"]
        values = np.arange(len(counts)) % 2 == 1
        assert np.array_equal(np.repeat(values, counts).reshape(size[::-1]).T, record["segmentation"])


def test_duplicates_are_suppressed(generate: Callable[..., Records], records: Records) -> None:
    """With the usual threshold for overlaps, fewer records stay, among them the one with the highest score.

    https://github.com/facebookresearch/sam2/issues/220
    """
    fewer = generate(box_nms_thresh=0.7)
    assert 0 < len(fewer) < len(records)
    best = max(record["predicted_iou"] for record in records)
    assert max(record["predicted_iou"] for record in fewer) == pytest.approx(best, abs=1e-6)
