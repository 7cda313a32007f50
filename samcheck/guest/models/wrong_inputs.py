"""Wrong inputs that people pass to `SamPredictor`, and what SAM may do with each.

Wrong means that `SamPredictor`'s documentation rules the input out, or that nothing could be found with it.
SAM should refuse it with an exception before returning any answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple, Type

import numpy as np
import torch

from .scenes import Scene
from .variant import sam_predictor

SAME_IOU = 0.98

#: Exceptions that a future input check would raise.
REFUSING = (AssertionError, TypeError, ValueError)


class SilentlyAccepted(Exception):
    """SAM answered although the input was wrong; the message begins with the input's id."""


class InputHarness:
    """A model with one scene: passes right or wrong inputs to it and returns SAM's answers.

    Attributes:
        right_prompt: the right prompt; `point` (1, 2) and `box` (4,) are right too.
        size: (H, W) of the image.
        step: the last method called, to locate a refusal.
        answer: answer to the right prompt on the right image.
    """

    def __init__(self, model: Any, scene: Scene) -> None:
        self.model, self.scene = model, scene
        self.point: np.ndarray = np.array([scene.shapes[-1].point], dtype=float)
        self.box: np.ndarray = np.array(scene.shapes[-1].box, dtype=float)
        self.right_prompt = {"point_coords": self.point, "point_labels": np.array([1])}
        self.size: Tuple[int, ...] = scene.image.shape[:2]
        self.ready = self.fresh()
        self.ready.set_image(scene.image)
        self.step = ""
        self.answer = self.prompt(**self.right_prompt)

    def fresh(self) -> Any:
        """Create a predictor without an image."""
        return sam_predictor(self.model)

    def image(self, image: Any, image_format: str = "RGB") -> Any:
        """Set this image in a fresh predictor and predict the scene's front shape."""
        predictor = self.fresh()
        self.step = "set_image"
        predictor.set_image(image, image_format)
        return self._predict(predictor, self.right_prompt)

    def tensor(self, tensor: torch.Tensor, size: Optional[Tuple[int, ...]] = None) -> Any:
        """Do the same with `set_torch_image`, which skips resizing."""
        predictor = self.fresh()
        self.step = "set_torch_image"
        predictor.set_torch_image(tensor.to(self.model.device), size or self.size)
        return self._predict(predictor, self.right_prompt)

    def prompt(self, **arguments: Any) -> Any:
        """Predict with this prompt on the right image."""
        return self._predict(self.ready, arguments)

    def points(self, points: Any, labels: Any = (1,)) -> Any:
        return self.prompt(point_coords=points, point_labels=np.array(labels))

    def resized(self) -> torch.Tensor:
        """Return the image as `set_torch_image` expects it: (1, 3, h, w) uint8."""
        pixels = torch.as_tensor(self.ready.transform.apply_image(self.scene.image))
        return pixels.permute(2, 0, 1).contiguous()[None]

    def _predict(self, predictor: Any, arguments: Dict[str, Any]) -> Any:
        self.step = "predict"
        return predictor.predict(**arguments)


@dataclass(frozen=True)
class Happened:
    """What SAM did with an input: it `refused` it, or answered `as_right`, as for the right input."""

    refused: bool
    as_right: bool
    text: str


@dataclass(frozen=True)
class WrongInput:
    """One wrong input.

    Attributes:
        id: a readable name.
        ask: passes it to SAM and returns the answer, if there is one.
        refusals: the exceptions that releases of other packages refuse it with.
        accepted: id of the catalogued defect that SAM silently accepts it, in some release.
    """

    id: str
    ask: Callable[[InputHarness], Any]
    refusals: Tuple[Type[Exception], ...] = ()
    accepted: Optional[str] = None


def hand_over(harness: InputHarness, case: WrongInput) -> Happened:
    """Try one input; an exception that no release is known to raise for it propagates."""
    try:
        masks, scores, _ = case.ask(harness)
    except Exception as error:
        if type(error) not in (case.refusals or REFUSING):
            raise
        reason = (str(error).splitlines() or [""])[0][:200]
        return Happened(True, False, "{} by {}: {}".format(type(error).__name__, harness.step, reason))
    finite = bool(np.isfinite(scores).all())
    as_right = finite and _same_masks(masks, harness.answer[0])
    text = "answered with masks {}, {:.0%} of the pixels set, scores {}".format(
        masks.shape, masks.mean(), "finite" if finite else "not finite"
    )
    return Happened(False, as_right, text + (", as for the right input" if as_right else ""))


def _same_masks(masks: np.ndarray, right: np.ndarray) -> bool:
    """Whether every mask is right except for a few pixels: conversion may lose a grey level."""
    if masks.shape != right.shape:
        return False
    both, either = (masks & right).sum((1, 2)), (masks | right).sum((1, 2))
    return bool((both >= SAME_IOU * either).all())


def _chw(harness: InputHarness) -> torch.Tensor:
    return torch.as_tensor(harness.scene.image).permute(2, 0, 1)


def _rgba(harness: InputHarness) -> np.ndarray:
    image = harness.scene.image
    return np.concatenate([image, np.full_like(image[..., :1], 255)], axis=2)


def _pil(harness: InputHarness) -> Any:
    from torchvision.transforms.functional import to_pil_image

    return to_pil_image(harness.scene.image)


def _nan_mask(harness: InputHarness) -> np.ndarray:
    return np.full((1, *harness.model.prompt_encoder.mask_input_size), np.nan)


def _before_set_image(harness: InputHarness) -> Any:
    harness.step = "predict"
    return harness.fresh().predict(**harness.right_prompt)


def _two_images_two_prompts(harness: InputHarness) -> Any:
    predictor = harness.fresh()
    predictor.set_torch_image(harness.resized().repeat(2, 1, 1, 1).to(harness.model.device), harness.size)
    harness.step = "predict_torch"
    points = torch.as_tensor(harness.point, dtype=torch.float, device=harness.model.device)
    labels = torch.ones(2, 1, device=points.device)
    return [tensor.cpu().numpy() for tensor in predictor.predict_torch(points.repeat(2, 1, 1), labels)]


_ASSERT, _ATTRIBUTE, _INDEX = (AssertionError,), (AttributeError,), (IndexError,)
_RUN, _TYPE, _VALUE, _ZERO = (RuntimeError,), (TypeError,), (ValueError,), (ZeroDivisionError,)

_IMAGES = (
    WrongInput("none", lambda b: b.image(None), _ATTRIBUTE),
    WrongInput("path", lambda b: b.image("truck.jpg"), _ATTRIBUTE),
    WrongInput("nested-list", lambda b: b.image(b.scene.image.tolist()), _ATTRIBUTE),
    WrongInput("pil-image", lambda b: b.image(_pil(b)), _ATTRIBUTE),
    WrongInput("tensor-chw", lambda b: b.image(_chw(b)), (), "input-tensor"),
    WrongInput("tensor-hwc", lambda b: b.image(torch.as_tensor(b.scene.image)), _VALUE),
    WrongInput("tensor-bgr", lambda b: b.image(_chw(b), "BGR"), _VALUE),
    # torchvision since 0.17 accepts floating-point images and multiplies them by 255.
    WrongInput("float-image-to-1", lambda b: b.image(b.scene.image / 255), _TYPE),
    WrongInput("float32-image-to-1", lambda b: b.image((b.scene.image / 255).astype("f4")), _TYPE),
    WrongInput("float-image-to-255", lambda b: b.image(b.scene.image * 1.0), _TYPE, "input-float-image"),
    WrongInput("uint16-image", lambda b: b.image(b.scene.image.astype(np.uint16) * 257), _TYPE),
    WrongInput("int64-image", lambda b: b.image(b.scene.image.astype(np.int64)), _TYPE),
    WrongInput("bool-image", lambda b: b.image(b.scene.image > 128), _TYPE),
    WrongInput("grey-image", lambda b: b.image(b.scene.image[..., 0]), _RUN),
    WrongInput("grey-image-with-channel", lambda b: b.image(b.scene.image[..., :1]), _RUN),
    WrongInput("two-channel-image", lambda b: b.image(b.scene.image[..., :2]), _ASSERT),
    WrongInput("rgba-image", lambda b: b.image(_rgba(b)), _ASSERT),
    WrongInput("chw-image", lambda b: b.image(np.moveaxis(b.scene.image, 2, 0)), _VALUE),
    WrongInput("batch-of-images", lambda b: b.image(b.scene.image[None]), _VALUE),
    WrongInput("image-without-rows", lambda b: b.image(b.scene.image[:0]), _VALUE),
    WrongInput("image-without-columns", lambda b: b.image(b.scene.image[:, :0]), _VALUE),
    WrongInput("image-without-pixels", lambda b: b.image(b.scene.image[:0, :0]), _ZERO),
    WrongInput("one-row-of-2000-pixels", lambda b: b.image(np.zeros((1, 2000, 3), np.uint8)), _VALUE),
    WrongInput("format-in-lower-case", lambda b: b.image(b.scene.image, "rgb"), _ASSERT),
    WrongInput("bgr-as-rgb", lambda b: b.image(b.scene.image[..., ::-1]), (), "input-colour-order"),
    WrongInput("black-by-cast", lambda b: b.image((b.scene.image / 256).astype("u1")), (), "input-range"),
)

_TENSORS = (
    WrongInput("two-images", lambda b: b.tensor(b.resized().repeat(2, 1, 1, 1)), (), "input-second-image"),
    WrongInput("two-images-two-prompts", _two_images_two_prompts, _RUN),
    WrongInput("no-batch-axis", lambda b: b.tensor(b.resized()[0]), _ASSERT),
    WrongInput("no-images", lambda b: b.tensor(b.resized()[:0]), _RUN),
    WrongInput("channels-last", lambda b: b.tensor(b.resized().permute(0, 2, 3, 1)), _ASSERT),
    WrongInput("not-resized", lambda b: b.tensor(_chw(b)[None]), _ASSERT),
    WrongInput("size-with-channels", lambda b: b.tensor(b.resized(), (*b.size, 3)), _VALUE),
    WrongInput("size-as-width-height", lambda b: b.tensor(b.resized(), b.size[::-1]), (), "input-size"),
    WrongInput("tensor-to-1", lambda b: b.tensor(b.resized() / 255), (), "input-range"),
    WrongInput("nan-pixels", lambda b: b.tensor(b.resized() * np.nan), (), "input-not-finite"),
)

_PROMPTS = (
    WrongInput("before-set-image", _before_set_image, _RUN),
    WrongInput("labels-missing", lambda b: b.prompt(point_coords=b.point), _ASSERT),
    WrongInput("labels-too-few", lambda b: b.points(np.repeat(b.point, 3, axis=0)), _INDEX),
    WrongInput("labels-too-many", lambda b: b.points(b.point, (1, 0, 1)), _INDEX),
    WrongInput("labels-batched", lambda b: b.points(b.point, ((1,),)), _RUN),
    WrongInput("labels-without-points", lambda b: b.points(None), (), "input-no-prompt"),
    WrongInput("label-5", lambda b: b.points(b.point, (5,)), (), "input-label"),
    WrongInput("label-minus-2", lambda b: b.points(b.point, (-2,)), (), "input-label"),
    WrongInput("label-0.9", lambda b: b.points(b.point, (0.9,)), (), "input-label"),
    WrongInput("points-as-list", lambda b: b.points(b.point.tolist()), _ATTRIBUTE),
    WrongInput("points-as-tensor", lambda b: b.points(torch.as_tensor(b.point)), _ATTRIBUTE),
    WrongInput("points-as-text", lambda b: b.points(np.array([["here", "there"]])), _VALUE),
    WrongInput("points-without-axis", lambda b: b.points(b.point[0]), _INDEX),
    WrongInput("points-batched", lambda b: b.points(b.point[None]), _RUN),
    WrongInput("points-in-3d", lambda b: b.points(np.ones((1, 3))), _RUN),
    WrongInput("points-in-1d", lambda b: b.points(np.ones((1, 1))), _INDEX),
    WrongInput("points-empty", lambda b: b.points(np.zeros((0, 2)), ()), (), "input-no-prompt"),
    WrongInput("no-prompt", lambda b: b.prompt(), (), "input-no-prompt"),
    WrongInput("nan-point", lambda b: b.points(b.point * np.nan), (), "input-not-finite"),
    WrongInput("infinite-point", lambda b: b.points(b.point * np.inf), (), "input-not-finite"),
    WrongInput("nan-box", lambda b: b.prompt(box=b.box * np.nan), (), "input-not-finite"),
    WrongInput("nan-mask", lambda b: b.prompt(mask_input=_nan_mask(b)), (), "input-not-finite"),
    WrongInput("point-outside", lambda b: b.points(b.point + 10000), (), "input-outside-image"),
    WrongInput("point-negative", lambda b: b.points(b.point - 10000), (), "input-outside-image"),
    WrongInput("box-outside", lambda b: b.prompt(box=b.box + 10000), (), "input-outside-image"),
    WrongInput("box-corners-swapped", lambda b: b.prompt(box=b.box[[2, 3, 0, 1]]), (), "input-box"),
    WrongInput("box-without-area", lambda b: b.prompt(box=b.box[[0, 1, 0, 1]]), (), "input-box"),
    WrongInput("box-as-list", lambda b: b.prompt(box=b.box.tolist()), _ATTRIBUTE),
    WrongInput("box-of-three-numbers", lambda b: b.prompt(box=b.box[:3]), _VALUE),
    WrongInput("several-boxes", lambda b: b.prompt(box=np.stack([b.box, b.box])), _RUN),
    WrongInput("mask-of-wrong-size", lambda b: b.prompt(mask_input=np.zeros((1, 48, 48))), _RUN),
    WrongInput("mask-without-axis", lambda b: b.prompt(mask_input=np.zeros((64, 64))), _INDEX),
)

WRONG_INPUTS = _IMAGES + _TENSORS + _PROMPTS
