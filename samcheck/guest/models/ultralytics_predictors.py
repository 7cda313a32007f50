"""Predictors for ultralytics' models with the arguments of `SamPredictor`.

Pixels, prompts and masks go through the methods of ultralytics' own predictor: what they do to them is a
part of what is tested. ultralytics is AGPL-3.0: it is imported only where a model of it is built, in an
environment that has it, and nothing of it is in samcheck.
"""

from __future__ import annotations

import atexit
import copy
import os
import shutil
import tempfile
from functools import lru_cache
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch

#: Where ultralytics writes its settings, whether it may connect, and whether it may install what it misses;
#: set before it is imported.
CONFIG_FOLDER, OFFLINE, INSTALLING = "YOLO_CONFIG_DIR", "YOLO_OFFLINE", "YOLO_AUTOINSTALL"
THREADS = "OMP_NUM_THREADS"
#: Below every score: by default, masks with a score of up to 0.25 are dropped.
EVERY_SCORE = -1e9


@lru_cache(maxsize=1)
def quiet() -> None:
    """Import ultralytics so that it writes nothing to the home folder, connects to nothing, installs nothing.

    It sets OMP_NUM_THREADS to 1 where it is not set, which processes started later would inherit.
    """
    if not os.environ.get(CONFIG_FOLDER):
        os.environ[CONFIG_FOLDER] = tempfile.mkdtemp(prefix="samcheck-")
        atexit.register(shutil.rmtree, os.environ[CONFIG_FOLDER], ignore_errors=True)
    os.environ.setdefault(OFFLINE, "true")
    os.environ.setdefault(INSTALLING, "false")
    threads = os.environ.get(THREADS)
    import ultralytics  # noqa: F401

    if threads is None:
        os.environ.pop(THREADS, None)


def letterboxed(image: np.ndarray, side: int) -> np.ndarray:
    """Return the pixels that ultralytics gives its model, uint8 (side, side, 3), of an RGB image."""
    quiet()
    from ultralytics.models.sam.predict import Predictor

    ready = Predictor(overrides={"imgsz": side, "save": False, "verbose": False})
    ready.imgsz = [side, side]
    (pixels,) = ready.pre_transform([image])
    return np.asarray(pixels)


class UltralyticsPredictor:
    """A `Predictor` or `SAM2Predictor` of ultralytics with the arguments and results of `SamPredictor`.

    Attributes:
        model: the model of ultralytics.
        inner: its predictor.
    """

    mask_threshold = 0.0

    def __init__(self, model: Any, side: int) -> None:
        quiet()
        from ultralytics.models.sam import predict

        self.model, self.side = model, side
        second = hasattr(model, "sam_mask_decoder")
        self.inner = (predict.SAM2Predictor if second else predict.Predictor)(overrides=self._overrides())
        # It converts a model to float32 in place: it gets a stand-in, whose marks the model then takes over.
        stand_in = torch.nn.Identity()
        self.inner.setup_model(stand_in, verbose=False)
        for name in ("fp16", "format", "base_model", "stride"):
            setattr(model, name, getattr(stand_in, name))
        self.inner.model = model
        self.inner.torch_dtype = self._decoder.iou_token.weight.dtype
        self.inner.setup_source(np.zeros((side, side, 3), np.uint8))  # sets the sizes of pixels and features
        self.reset_image()

    def __deepcopy__(self, memo: Dict[int, Any]) -> UltralyticsPredictor:
        """Copy the model; ultralytics' predictor has a lock, which cannot be copied."""
        return UltralyticsPredictor(copy.deepcopy(self.model, memo), self.side)

    def _overrides(self) -> Dict[str, Any]:
        return {
            "imgsz": self.side,
            "device": self.device,
            "conf": 0.0,
            "save": False,
            "verbose": False,
        }

    @property
    def _decoder(self) -> Any:
        """The mask decoder, which stays in what the model computes in when its encoder alone is cast."""
        decoder = getattr(self.model, "sam_mask_decoder", None)
        return self.model.mask_decoder if decoder is None else decoder

    @property
    def device(self) -> torch.device:
        device: torch.device = self._decoder.iou_token.weight.device
        return device

    @property
    def features(self) -> Any:
        """The features (1, C, s, s) of the image, None without one."""
        kept = self.inner.features
        return kept["image_embed"] if isinstance(kept, dict) else kept

    def reset_image(self) -> None:
        self.inner.reset_image()
        self.is_image_set = False
        self.original_size: Optional[Tuple[int, int]] = None

    def pixels(self, image: np.ndarray) -> torch.Tensor:
        """Preprocess an RGB image as `set_image` does, to (1, 3, S, S) in what the model computes in."""
        self.inner.im = None
        prepared: torch.Tensor = self.inner.preprocess([np.ascontiguousarray(image[..., ::-1])])
        return prepared.to(self.inner.torch_dtype)

    def set_image(self, image: np.ndarray, image_format: str = "RGB") -> None:
        """Encode an image, uint8 (H, W, 3); ultralytics takes arrays as BGR."""
        if image_format not in ("RGB", "BGR"):
            raise ValueError("image_format must be RGB or BGR, is {}".format(image_format))
        self.reset_image()
        bgr = np.ascontiguousarray(image[..., ::-1]) if image_format == "RGB" else image
        if self.inner.torch_dtype is torch.float32:
            self.inner.set_image(bgr)
        else:  # set_image prepares pixels in float32 whatever the model computes in
            self.inner.setup_source(bgr)
            with torch.no_grad():
                self.inner.features = self.inner.get_im_features(self.pixels(bgr[..., ::-1]))
        self.original_size = (image.shape[0], image.shape[1])
        self.is_image_set = True

    def prompts(self, points: Any, labels: Any, box: Any, mask: Any) -> List[Any]:
        """Let ultralytics convert prompts in pixels of the image to those of the model's input."""
        if points is not None:  # (N, 2) would be N objects with a point each
            if labels is None:
                raise ValueError("point_labels must be supplied if point_coords is supplied.")
            points, labels = np.asarray(points, float)[None], np.asarray(labels)[None]
        if box is not None:
            box = np.asarray(box, float).reshape(1, 4)
        side = (self.side, self.side)
        return list(self.inner._prepare_prompts(side, self.original_size, box, points, labels, mask))

    def resized(self, low: torch.Tensor) -> torch.Tensor:
        """Bring logits (M, s, s) to the size of the image, (M, H, W), with the steps of `postprocess`."""
        from ultralytics.utils import ops

        assert self.original_size is not None
        gain = min(self.side / length for length in self.original_size)
        ratio = [round(length * gain) * low.shape[1] / self.side / length for length in self.original_size]
        full: torch.Tensor = ops.scale_masks(low[None], self.original_size, (ratio, (0, 0)), padding=False)[0]
        return full

    def predict(
        self,
        point_coords: Optional[np.ndarray] = None,
        point_labels: Optional[np.ndarray] = None,
        box: Optional[np.ndarray] = None,
        mask_input: Optional[np.ndarray] = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predict masks (M, H, W), scores (M,) and logits at low resolution."""
        if not self.is_image_set:
            raise RuntimeError("An image must be set with .set_image(...) before mask prediction.")
        given = self.prompts(point_coords, point_labels, box, mask_input)
        with torch.no_grad():
            low, scores = self.inner._inference_features(self.inner.features, *given, multimask_output)
            masks = self.resized(low) if return_logits else self._thresholded(low, scores)
        return masks.cpu().numpy(), scores.cpu().numpy(), low.cpu().numpy()

    def _thresholded(self, low: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return masks as `postprocess` does, whatever their score."""
        assert self.original_size is not None
        image = np.zeros((*self.original_size, 3), np.uint8)
        self.inner.args.conf = EVERY_SCORE
        pixels = torch.empty(1, 3, self.side, self.side)
        self.inner.batch = ["image"], [image]
        (result,) = self.inner.postprocess((low, scores), pixels, [image])
        masks: torch.Tensor = result.masks.data
        return masks
