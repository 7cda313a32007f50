"""Does the automatic generator work with what it imports only if asked to: pycocotools and OpenCV?"""

from __future__ import annotations

import json
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest

from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.oracle import regions

GROUP = "automatic"

pytestmark = [
    pytest.mark.capabilities("automatic"),
    pytest.mark.precisions("fp32"),
    pytest.mark.small,
]

#: No threshold that a weight could fail, and no duplicate dropped.
EVERYTHING = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}
#: Holes and islands of fewer pixels go. Drawn parts lie below, at and above it.
LIMIT = 30
Records = List[Dict[str, Any]]


class HolesLeft(Exception):
    """The masks have the small holes and islands that they had without `min_mask_region_area`."""


@pytest.fixture
def need() -> Callable[[str, str, str], None]:
    """Return a function that skips a check whose module is not installed; a broken one is no reason."""

    def check(module: str, package: str, option: str) -> None:
        if find_spec(module) is None:
            pytest.skip("not installed: {}, which {} imports".format(package, option))

    return check


@pytest.fixture
def pycocotools(need: Callable[[str, str, str], None]) -> Any:
    """The module that encodes masks."""
    need("pycocotools", "pycocotools", "coco_rle")
    try:
        return import_module("pycocotools.mask")
    except Exception:  # whatever a broken one raises
        pytest.skip("pycocotools cannot be imported; test_pycocotools_can_be_imported says why")


@pytest.fixture
def opencv(need: Callable[[str, str, str], None]) -> Any:
    need("cv2", "OpenCV", "min_mask_region_area")
    return import_module("cv2")


@pytest.fixture(scope="module")
def maker(model: Any, variant: str) -> Callable[..., Any]:
    """Return a function that makes a generator with a coarse grid."""

    def make(**settings: Any) -> Any:
        return VARIANTS[variant].generator(model, **{"points_per_side": 4, **EVERYTHING, **settings})

    return make


@pytest.fixture(scope="module")
def records(maker: Callable[..., Any], scene: Any) -> Records:
    """What the generator finds if asked for neither."""
    found: Records = maker().generate(scene.image)
    return found


def test_coco_run_lengths_are_the_masks(
    pycocotools: Any, maker: Callable[..., Any], records: Records, scene: Any, settings: Dict[str, str]
) -> None:
    """Masks returned as `coco_rle` are those returned as arrays, read by pycocotools or without it.

    https://github.com/continue-revolution/sd-webui-segment-anything/issues/117
    """
    settings["pycocotools"] = metadata.version("pycocotools")
    encoded = maker(output_mode="coco_rle").generate(scene.image)
    assert len(encoded) == len(records) > 0
    for record, other in zip(records, encoded):
        runs = json.loads(json.dumps(other["segmentation"]))  # people write them to files
        assert np.array_equal(regions.decoded(runs), record["segmentation"])
        assert np.array_equal(pycocotools.decode(runs).astype(bool), record["segmentation"])
        assert pycocotools.area(runs) == other["area"] == record["area"]


def drawn() -> Dict[str, np.ndarray]:
    """Draw masks (40, 50) with holes and islands around the limit, and where all or nothing is small."""
    base = np.zeros((40, 50), bool)
    base[5:35, 5:30] = True
    masks = {name: base.copy() for name in ("holes", "islands", "both", "corners")}
    for name in ("holes", "both"):
        masks[name][8:13, 8:14] = False  # 30 pixels, which stay
        masks[name][20:25, 8:13] = False  # 25
        masks[name][25, 13] = False  # and one that touches them by a corner
        masks[name][30, 20] = False
    for name in ("islands", "both"):
        masks[name][5:11, 35:40] = True  # 30
        masks[name][20:25, 35:40] = True  # 25
        masks[name][0, 49] = True
    masks["corners"][36:39, 31:40] = True  # 27, joined by the next one's corners to the limit
    masks["corners"][39, 40] = masks["corners"][35, 40] = masks["corners"][35, 30] = True
    masks["small"] = np.zeros((40, 50), bool)
    masks["small"][2:4, 2:5] = masks["small"][20:24, 20:25] = True
    masks["unchanged"] = base
    masks["everything"] = np.ones((40, 50), bool)
    return masks


@pytest.mark.parametrize("name", sorted(drawn()))
def test_small_parts_of_a_drawn_mask(opencv: Any, maker: Callable[..., Any], name: str) -> None:
    """Holes and islands below the limit go, those at the limit stay, and something is left of every mask.

    https://github.com/facebookresearch/segment-anything/pull/194
    """
    module = import_module(type(maker()).__module__)
    remove: Any = getattr(module, "remove_small_regions", None)
    if remove is None:
        pytest.skip("the generator has no function remove_small_regions")
    mask = drawn()[name]
    filled, changed_holes = remove(mask, LIMIT, mode="holes")
    seen, changed_islands = remove(filled, LIMIT, mode="islands")
    expected = regions.without_small_parts(mask, LIMIT)
    assert np.array_equal(seen, expected)
    assert (changed_holes or changed_islands) == (not np.array_equal(mask, expected))


def key(record: Dict[str, Any]) -> Tuple[Any, ...]:
    """Name a mask by the point it was found from and its scores, which small parts do not change."""
    return (*record["point_coords"][0], record["predicted_iou"], record["stability_score"])


@pytest.mark.capabilities("automatic", "sam1")
def test_small_parts_are_removed(
    opencv: Any, maker: Callable[..., Any], records: Records, scene: Any, measured: Dict[str, float]
) -> None:
    """With `min_mask_region_area`, each mask is what a search without OpenCV makes of it, with area and box.

    https://github.com/facebookresearch/segment-anything/issues/187
    """
    cleaned = {key(each): each for each in maker(min_mask_region_area=LIMIT).generate(scene.image)}
    assert len(cleaned) == len(records)
    changed = 0
    for record in records:
        expected, other = regions.without_small_parts(record["segmentation"], LIMIT), cleaned[key(record)]
        assert np.array_equal(other["segmentation"], expected)
        assert other["area"] == expected.sum()
        changed += not np.array_equal(expected, record["segmentation"])
        if expected.any():
            columns, rows = np.flatnonzero(expected.any(0)), np.flatnonzero(expected.any(1))
            tight = [columns[0], rows[0], columns[-1] - columns[0], rows[-1] - rows[0]]
            assert other["bbox"] == tight
    measured.update(masks=len(records), changed=changed)
    assert changed, "no mask has a small hole or island, so nothing was removed"


def small_parts(records: Records) -> int:
    """Count the holes and islands below the limit."""
    masks = [record["segmentation"] for record in records]
    both = (mask for each in masks for mask in (each, ~each))
    return sum(regions.area(part) < LIMIT for mask in both for part in regions.parts(mask))


@pytest.mark.families("sam2")
def test_sam2_removes_small_parts(
    maker: Callable[..., Any], records: Records, scene: Any, measured: Dict[str, float], defect: Any
) -> None:
    """With `min_mask_region_area`, SAM 2's masks have fewer small parts; without its extension they all stay.

    https://github.com/facebookresearch/sam2/issues/131
    """
    cleaned = maker(min_mask_region_area=LIMIT).generate(scene.image)
    measured.update(small_before=small_parts(records), small_after=small_parts(cleaned))
    assert measured["small_before"], "no mask has a small hole or island, so nothing was to be removed"
    if measured["small_after"] == measured["small_before"]:
        with defect("sam2-extension-missing"):
            raise HolesLeft("all {:.0f} holes and islands were left".format(measured["small_after"]))
    else:
        assert measured["small_after"] < measured["small_before"]
