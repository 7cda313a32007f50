"""Does SAM refuse wrong inputs, or does it silently return something?

Input handling does not depend on model size, so only the small model is checked.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np
import pytest

from samcheck.guest.models import wrong_inputs


@pytest.fixture(scope="module")
def harness(plain: Any, scene: Any) -> wrong_inputs.InputHarness:
    return wrong_inputs.InputHarness(plain, scene)


@pytest.mark.parametrize("case", wrong_inputs.WRONG_INPUTS, ids=lambda case: case.id)
def test_wrong_input(
    harness: wrong_inputs.InputHarness, case: wrong_inputs.WrongInput, defect: Any, settings: Dict[str, str]
) -> None:
    """A wrong input is refused without an answer, and the next right one is answered as before.

    https://github.com/facebookresearch/segment-anything/issues/268 shows what people pass in.
    """
    happened = wrong_inputs.hand_over(harness, case)
    settings["happened"] = happened.text
    if case.accepted and not (happened.refused and case.refusals):
        with defect(case.accepted):
            if not happened.refused:
                raise wrong_inputs.SilentlyAccepted("{}: {}".format(case.id, happened.text))
    else:
        assert happened.refused or happened.as_right, happened.text
    assert all(map(np.array_equal, harness.answer, harness.prompt(**harness.right_prompt)))


#: Unusual inputs that the documentation allows.
RIGHT_INPUTS: Dict[str, Callable[[wrong_inputs.InputHarness], Any]] = {
    "the-usual": lambda b: b.image(b.scene.image),
    "bgr-marked": lambda b: b.image(b.scene.image[..., ::-1], "BGR"),
    "not-contiguous": lambda b: b.image(b.scene.image[::-1].copy()[::-1]),
    "fortran-order": lambda b: b.image(np.asfortranarray(b.scene.image)),
    "resized-tensor": lambda b: b.tensor(b.resized()),
    "float-tensor": lambda b: b.tensor(b.resized().float()),
    "integer-points": lambda b: b.points(b.point.astype(np.int64)),
    "float32-points": lambda b: b.points(b.point.astype(np.float32)),
    "bool-label": lambda b: b.points(b.point, (True,)),
    "label-as-list": lambda b: b.prompt(point_coords=b.point, point_labels=[1]),
}


@pytest.mark.parametrize("name", sorted(RIGHT_INPUTS))
def test_right_input(harness: wrong_inputs.InputHarness, name: str) -> None:
    """A valid input in an unusual form gives bit-identical results to its usual form.

    https://github.com/facebookresearch/segment-anything/pull/780
    """
    assert all(map(np.array_equal, RIGHT_INPUTS[name](harness), harness.answer))


def test_arrays_of_any_strides(harness: wrong_inputs.InputHarness) -> None:
    """Points, labels, box and mask may be views with any strides: only their values matter.

    https://github.com/facebookresearch/segment-anything/issues/477
    """
    height, width = harness.size
    points = np.array([[width / 4, height / 2], [width / 2, height / 4], [width / 3, height / 5]])
    usual = {
        "point_coords": points,
        "point_labels": np.array([1, 0, 1]),
        "box": harness.box.copy(),
        "mask_input": np.ascontiguousarray(harness.answer[2][:1]),
    }
    views = {
        "point_coords": np.asfortranarray(points),
        "point_labels": np.repeat(usual["point_labels"], 2)[::2],
        "box": harness.box[::-1].copy()[::-1],
        "mask_input": np.asfortranarray(harness.answer[2][:1]),
    }
    for name, view in views.items():
        assert np.array_equal(view, usual[name])
    assert all(map(np.array_equal, harness.prompt(**usual), harness.prompt(**views)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1)], ids=str)
def test_smallest_images(harness: wrong_inputs.InputHarness, shape: Any) -> None:
    """Images one pixel high or wide give masks of the same size and finite scores.

    https://github.com/facebookresearch/segment-anything/issues/294
    """
    masks, scores, _ = harness.image(np.full((*shape, 3), 128, np.uint8))
    assert masks.shape == (3, *shape)
    assert np.isfinite(scores).all()


def test_arguments_are_left_alone(harness: wrong_inputs.InputHarness) -> None:
    """The caller's image and prompt arrays are not modified."""
    image, point, label = harness.scene.image.copy(), harness.point.copy(), np.array([1])
    low = harness.prompt(**harness.right_prompt)[2][:1].copy()
    kept = [array.copy() for array in (image, point, label, low, harness.box)]
    harness.image(image)
    harness.prompt(point_coords=point, point_labels=label, box=harness.box, mask_input=low)
    assert all(map(np.array_equal, kept, (image, point, label, low, harness.box)))
