"""Do the automatic mask generator's helper functions, which users also call on other masks, work?"""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest
import torch

GROUP = "automatic"

MASKS = {
    "first-pixel-inside": [[1, 0, 0], [1, 1, 0]],
    "first-pixel-outside": [[0, 0, 1], [0, 1, 1]],
    "nothing": [[0, 0, 0], [0, 0, 0]],
    "everything": [[1, 1, 1], [1, 1, 1]],
}


@pytest.mark.parametrize("name", sorted(MASKS))
def test_run_lengths_of_any_mask(name: str) -> None:
    """Run lengths are column-major and start with the pixels outside the mask, even if there are none.

    https://github.com/facebookresearch/segment-anything/issues/427
    """
    from segment_anything.utils.amg import mask_to_rle_pytorch, rle_to_mask

    mask = np.array(MASKS[name], dtype=bool)
    (runs,) = mask_to_rle_pytorch(torch.from_numpy(mask)[None])
    assert np.array_equal(decode(runs), mask)
    assert np.array_equal(rle_to_mask(runs), mask)


def decode(runs: Dict[str, Any]) -> np.ndarray:
    """Decode run lengths to a bool (H, W) mask."""
    values = np.arange(len(runs["counts"])) % 2 == 1
    mask: np.ndarray = np.repeat(values, runs["counts"]).reshape(runs["size"][::-1]).T
    return mask


def suppressed(boxes: np.ndarray, scores: np.ndarray, most: float) -> List[int]:
    """Apply greedy suppression as defined: drop a box that overlaps a better one by more than `most`."""
    kept: List[int] = []
    for at in np.argsort(-scores):
        if all(overlap(boxes[at], boxes[better]) <= most for better in kept):
            kept.append(int(at))
    return kept


def overlap(left: np.ndarray, right: np.ndarray) -> float:
    """Compute the intersection over union of two boxes (x0, y0, x1, y1)."""
    sides = np.minimum(left[2:], right[2:]) - np.maximum(left[:2], right[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    return common / (float(np.prod(left[2:] - left[:2])) + float(np.prod(right[2:] - right[:2])) - common)


@pytest.mark.parametrize("name", ["nms", "batched_nms"])
def test_suppression_follows_its_definition(name: str) -> None:
    """torchvision keeps the same boxes as greedy suppression, best first, including small ones.

    https://github.com/facebookresearch/segment-anything/issues/552
    """
    ops = pytest.importorskip("torchvision.ops", reason="torchvision cannot be imported; imports says why")
    random = np.random.RandomState(0)
    corners, sizes = random.randint(0, 12, (200, 2)), random.randint(1, 6, (200, 2))
    boxes = np.concatenate((corners, corners + sizes), axis=1).astype(np.float32)
    scores = random.permutation(200).astype(np.float32) / 200
    candidates = (torch.from_numpy(boxes), torch.from_numpy(scores))
    if name == "nms":
        kept = ops.nms(*candidates, 0.5)
    else:
        kept = ops.batched_nms(*candidates, torch.zeros(200, dtype=torch.long), 0.5)
    assert kept.tolist() == suppressed(boxes, scores, 0.5)


def test_empty_mask_is_stable(defect: Any) -> None:
    """An empty mask has a stability score of 0/0, which passes a threshold of zero.

    https://github.com/facebookresearch/segment-anything/issues/552
    """
    from segment_anything.utils.amg import calculate_stability_score

    with defect("empty-mask-stability"):
        score = calculate_stability_score(torch.full((1, 4, 4), -9.0), 0.0, 1.0)
        if torch.isnan(score).any():
            raise ValueError("the stability of an empty mask is NaN")
        assert score.item() == 0


def test_wide_mask_stability(defect: Any) -> None:
    """The stability score of a mask wider than 32767 pixels is counted in int16, which overflows.

    https://github.com/facebookresearch/segment-anything/issues/554
    """
    from segment_anything.utils.amg import calculate_stability_score

    wide = torch.full((1, 2, 40000), 9.0)
    wide[..., 30000:] = 0.5  # above the threshold, but within its margin
    with defect("stability-int16"):
        score = calculate_stability_score(wide, 0.0, 1.0).item()
        if not 0 <= score <= 1:
            raise ValueError("the stability of a wide mask is {:.3f}".format(score))
        assert score == pytest.approx(0.75)


def test_boxes_of_integer_masks(defect: Any) -> None:
    """`batched_mask_to_box` accepts uint8 masks but returns wrong boxes.

    https://github.com/facebookresearch/segment-anything/issues/552
    """
    from segment_anything.utils.amg import batched_mask_to_box

    mask = torch.zeros((1, 6, 8), dtype=torch.bool)
    mask[0, 2:5, 3:7] = True
    assert batched_mask_to_box(mask).tolist() == [[3, 2, 6, 4]]
    with defect("integer-mask-boxes"):
        box = batched_mask_to_box(mask.to(torch.uint8)).tolist()
        if box != [[3, 2, 6, 4]]:
            raise ValueError("the box of a uint8 mask is {}".format(box))
