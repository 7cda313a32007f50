"""Does the automatic mask generator find every shape, and are its records consistent?"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple

import numpy as np
import pytest

from samcheck.guest import oracle

pytestmark = [pytest.mark.variants("tiny"), pytest.mark.precisions("fp32")]

#: Each threshold keeps some of the candidates and drops others.
GRID, SCORE, STABILITY, OVERLAP = 8, 0.75, 0.8, 0.7


def generator(model: Any, **options: Any) -> Any:
    """Create a generator with a coarse grid that keeps reasonably confident masks."""
    from segment_anything import SamAutomaticMaskGenerator

    settings: Dict[str, Any] = {
        "points_per_side": GRID,
        "pred_iou_thresh": SCORE,
        "stability_score_thresh": STABILITY,
        "box_nms_thresh": OVERLAP,
    }
    settings.update(options)
    return SamAutomaticMaskGenerator(model, **settings)


@pytest.fixture(scope="module")
def records(model: Any, scene: Any) -> List[Dict[str, Any]]:
    """The generator's records for the scene."""
    records: List[Dict[str, Any]] = generator(model).generate(scene.image)
    return records


def test_finds_every_shape(records: List[Dict[str, Any]], scene: Any, measured: Dict[str, float]) -> None:
    """Every shape in the scene is among the masks.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    ious = [
        max(oracle.iou(record["segmentation"], shape.mask) for record in records) for shape in scene.shapes
    ]
    measured["least_iou"], measured["masks"] = min(ious), len(records)
    assert min(ious) >= 0.7


def test_records_are_consistent(records: List[Dict[str, Any]], scene: Any) -> None:
    """Each record's area, box, score, point and crop match its mask and the requested thresholds.

    https://github.com/facebookresearch/segment-anything/issues/552
    """
    height, width = scene.image.shape[:2]
    assert records
    for record in records:
        mask = record["segmentation"]
        assert mask.shape == (height, width)
        assert mask.dtype == np.bool_
        assert record["area"] == mask.sum() > 0
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        # The generator's width and height are the distance between the outermost pixels.
        tight = [columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0]]
        assert record["bbox"] == tight
        assert record["crop_box"] == [0, 0, width, height]
        assert record["predicted_iou"] > SCORE
        assert STABILITY <= record["stability_score"] <= 1
        (x, y) = record["point_coords"][0]
        assert (x * GRID / width - 0.5) % 1 == pytest.approx(0, abs=1e-6)
        assert (y * GRID / height - 0.5) % 1 == pytest.approx(0, abs=1e-6)


def test_masks_are_the_oracles(
    records: List[Dict[str, Any]], scene: Any, oracle_model: Any, measured: Dict[str, float]
) -> None:
    """Each mask is one of the oracle's masks for the point it was found from.

    https://github.com/facebookresearch/segment-anything/issues/752
    """
    from samcheck.guest.models.inference import Prompt

    encoded = oracle_model.encode(scene.image)
    ious = []
    for record in records:
        prompt = Prompt(np.array(record["point_coords"]), np.array([1]))
        expected = oracle_model.predict(encoded, prompt)
        index = int(np.abs(expected.scores - record["predicted_iou"]).argmin())
        assert expected.scores[index] == pytest.approx(record["predicted_iou"], abs=1e-4)
        ious.append(oracle.iou(record["segmentation"], expected.masks[index]))
    measured["least_iou"] = min(ious)
    assert min(ious) >= oracle.MASK_IOU


def overlap(left: np.ndarray, right: np.ndarray) -> float:
    """Compute the IoU of two boxes (x0, y0, x1, y1)."""
    common = np.maximum(np.minimum(left[2:], right[2:]) - np.maximum(left[:2], right[:2]), 0).prod()
    return float(common / ((left[2:] - left[:2]).prod() + (right[2:] - right[:2]).prod() - common))


def largest_overlap(records: List[Dict[str, Any]]) -> float:
    """Find the largest IoU between the boxes of any two records."""
    boxes = np.array([record["bbox"] for record in records], dtype=float)
    corners = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
    pairs = ((left, right) for index, left in enumerate(corners) for right in corners[index + 1 :])
    return max((overlap(left, right) for left, right in pairs), default=0.0)


def test_no_duplicates(model: Any, scene: Any, records: List[Dict[str, Any]]) -> None:
    """No two boxes overlap by more than the suppression thresholds, within a crop or between crops.

    https://github.com/facebookresearch/sam2/issues/220
    """
    assert largest_overlap(records) <= OVERLAP
    with_crops = generator(model, crop_n_layers=1, points_per_side=4, crop_nms_thresh=0.5)
    assert largest_overlap(with_crops.generate(scene.image)) <= OVERLAP


class Candidate(NamedTuple):
    """A mask that the oracle finds at a point of the grid; `box` is (x0, y0, x1, y1)."""

    score: float
    stability: float
    box: np.ndarray
    mask: np.ndarray


def candidates(oracle_model: Any, image: np.ndarray) -> Iterator[Candidate]:
    """Yield all non-empty masks of all grid points."""
    from samcheck.guest.models.inference import Prompt

    encoded = oracle_model.encode(image)
    for row in range(GRID):
        for column in range(GRID):
            point = (np.array([[column, row]]) + 0.5) / GRID * image.shape[1::-1]
            answer = oracle_model.predict(encoded, Prompt(point, np.array([1])))
            for score, logits in zip(answer.scores, answer.logits):
                mask = logits > 0
                if mask.any():
                    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
                    box = np.array([columns[0], rows[0], columns[-1], rows[-1]], dtype=float)
                    yield Candidate(score, (logits > 1).sum() / (logits > -1).sum(), box, mask)


def test_best_of_duplicates_stays(
    records: List[Dict[str, Any]], scene: Any, oracle_model: Any, measured: Dict[str, float]
) -> None:
    """Of masks with overlapping boxes, the one with the highest score is kept, and no other mask is lost.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    every = list(candidates(oracle_model, scene.image))
    sure = [candidate for candidate in every if candidate.score > SCORE]
    stable = [candidate for candidate in sure if candidate.stability >= STABILITY]
    kept: List[Candidate] = []
    for candidate in sorted(stable, key=lambda candidate: -candidate.score):
        if all(overlap(candidate.box, other.box) <= OVERLAP for other in kept):
            kept.append(candidate)
    masks = [record["segmentation"] for record in records]
    measured.update(candidates=len(every), sure=len(sure), stable=len(stable), kept=len(kept))
    assert len(every) > len(sure) > len(stable) > len(kept), "a threshold dropped nothing, so it is untested"
    matched = [
        max(oracle.iou(candidate.mask, other) for other in masks) >= oracle.MASK_IOU for candidate in kept
    ]
    assert abs(len(kept) - len(masks)) <= 1  # thresholds are steps, and rounding may cross one
    assert sum(matched) >= len(kept) - 1


@pytest.mark.parametrize("name", ["pred_iou_thresh", "stability_score_thresh"])
def test_thresholds_filter(model: Any, scene: Any, records: List[Dict[str, Any]], name: str) -> None:
    """A threshold at the median of the values found keeps the better half, and nothing below it.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    field = {"pred_iou_thresh": "predicted_iou", "stability_score_thresh": "stability_score"}[name]
    values = sorted(record[field] for record in records)
    middle = (values[len(values) // 2 - 1] + values[len(values) // 2]) / 2
    options = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0, name: middle}
    better = [record[field] for record in generator(model, **options).generate(scene.image)]
    assert min(better) >= middle
    assert len(better) >= len(values) // 2


def test_batch_size_does_not_matter(model: Any, scene: Any, records: List[Dict[str, Any]]) -> None:
    """Batches of 16 points find the same masks as batches of 64, matched by overlap.

    https://github.com/facebookresearch/segment-anything/issues/223
    """
    others = generator(model, points_per_batch=16).generate(scene.image)
    assert abs(len(others) - len(records)) <= 1  # thresholds are steps, and rounding may cross one
    for record in records[: len(others)]:
        best = max(oracle.iou(record["segmentation"], other["segmentation"]) for other in others)
        assert best >= oracle.MASK_IOU


def test_run_lengths(model: Any, scene: Any, records: List[Dict[str, Any]]) -> None:
    """Masks returned as run lengths decode to the masks returned as arrays.

    https://github.com/facebookresearch/segment-anything/issues/427
    """
    encoded = generator(model, output_mode="uncompressed_rle").generate(scene.image)
    assert len(encoded) == len(records)
    for record, other in zip(records, encoded):
        assert np.array_equal(decode(other["segmentation"]), record["segmentation"])


def decode(runs: Dict[str, Any]) -> np.ndarray:
    """Decode run lengths to a bool (H, W) mask."""
    values = np.arange(len(runs["counts"])) % 2 == 1
    mask: np.ndarray = np.repeat(values, runs["counts"]).reshape(runs["size"][::-1]).T
    return mask


def test_small_regions_need_opencv(model: Any, scene: Any, defect: Any) -> None:
    """`min_mask_region_area` needs OpenCV, which segment-anything does not declare as a dependency.

    https://github.com/opencv/opencv-python/issues/370
    """
    with defect("opencv-not-required"):
        large = generator(model, points_per_side=4, min_mask_region_area=100).generate(scene.image)
        assert all(record["area"] > 0 for record in large)
