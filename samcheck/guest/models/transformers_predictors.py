"""Predictors for transformers' models with the arguments of `SamPredictor`.

Pixels and coordinates go through the model's own processor, and masks through its `post_process_masks`, as
transformers' documentation shows it: what they do to them is a part of what is tested.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np
import torch


class TransformersPredictor:
    """An image set once, then any number of prompts.

    Attributes:
        model: the model of transformers.
        processor: its processor, for squares of `side` pixels.
    """

    mask_threshold = 0.0

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.reset_image()

    @property
    def device(self) -> torch.device:
        device: torch.device = self._positions.device
        return device

    @property
    def _positions(self) -> torch.Tensor:
        """A tensor that stays in what the model computes in when its encoder alone is cast."""
        matrix: torch.Tensor = self.model.shared_image_embedding.positional_embedding
        return matrix

    def reset_image(self) -> None:
        self.is_image_set = False
        self.pixels: Optional[torch.Tensor] = None
        self.original_size: Optional[Tuple[int, int]] = None
        self._embeddings: Dict[str, Any] = {}

    def set_image(self, image: np.ndarray, image_format: str = "RGB") -> None:
        """Encode an image, uint8 (H, W, 3)."""
        if image_format not in ("RGB", "BGR"):
            raise ValueError("image_format must be RGB or BGR, is {}".format(image_format))
        self.reset_image()
        rgb = image if image_format == "RGB" else np.ascontiguousarray(image[..., ::-1])
        inputs = self.processor(images=rgb, return_tensors="pt")
        self.pixels = inputs["pixel_values"].to(device=self.device, dtype=self._positions.dtype)
        with torch.no_grad():
            self._embeddings = self.embed(self.pixels)
        self.original_size = (image.shape[0], image.shape[1])
        self.is_image_set = True

    def embed(self, pixels: torch.Tensor) -> Dict[str, Any]:
        """Return the arguments of the model's forward that stand for an image."""
        return {"image_embeddings": self.model.get_image_embeddings(pixels)}

    def prompts(self, coordinates: Any, labels: Any, box: Any, mask: Any) -> Dict[str, Any]:
        """Return the arguments of the model's forward for a prompt in pixels of the image."""
        given: Dict[str, Any] = {}
        if coordinates is not None:
            if labels is None:
                raise ValueError("point_labels must be supplied if point_coords is supplied.")
            given["input_points"] = self.rescaled(np.asarray(coordinates, float))[None, None]
            given["input_labels"] = torch.as_tensor(np.asarray(labels), device=self.device)[None, None]
        if box is not None:
            given["input_boxes"] = self.rescaled(np.asarray(box, float).reshape(1, 4), True)[None]
        if mask is not None:
            given["input_masks"] = torch.as_tensor(
                mask, dtype=self._positions.dtype, device=self.device
            ).reshape(1, 1, *mask.shape[-2:])
        return given

    def rescaled(self, coordinates: np.ndarray, box: bool = False) -> torch.Tensor:
        """Let the processor convert pixels of the image to those of the model's input."""
        raise NotImplementedError

    def resized(self, low: torch.Tensor) -> torch.Tensor:
        """Let the processor bring logits (M, h, w) to the size of the image, (M, H, W)."""
        raise NotImplementedError

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
            answer = self.model(**self._embeddings, **given, multimask_output=multimask_output)
            low = answer.pred_masks[0, 0]
            full = self.resized(low)
        masks = full if return_logits else full > self.mask_threshold
        return masks.cpu().numpy(), answer.iou_scores[0, 0].cpu().numpy(), low.cpu().numpy()


class SamModelPredictor(TransformersPredictor):
    """For `SamModel`, and for `SamHQModel`, whose features include those of early layers."""

    def __init__(self, model: Any, side: int) -> None:
        from transformers import SamImageProcessor, SamProcessor

        square = {"height": side, "width": side}
        super().__init__(model, SamProcessor(SamImageProcessor(size={"longest_edge": side}, pad_size=square)))

    def embed(self, pixels: torch.Tensor) -> Dict[str, Any]:
        features = self.model.get_image_embeddings(pixels)
        if isinstance(features, torch.Tensor):
            return {"image_embeddings": features}
        return {"image_embeddings": features[0], "intermediate_embeddings": features[1]}

    def rescaled(self, coordinates: np.ndarray, box: bool = False) -> torch.Tensor:
        changed = self.processor._normalize_coordinates(
            self.processor.target_size, coordinates, self.original_size, is_bounding_box=box
        )
        return torch.as_tensor(changed, dtype=self._positions.dtype, device=self.device)

    def resized(self, low: torch.Tensor) -> torch.Tensor:
        assert self.original_size is not None
        inside = self.processor.image_processor._get_preprocess_shape(
            self.original_size, self.processor.target_size
        )
        (masks,) = self.processor.image_processor.post_process_masks(
            [low[None]], [self.original_size], [inside], binarize=False
        )
        full: torch.Tensor = masks[0]
        return full


def _sizes(side: int) -> Dict[str, Dict[str, int]]:
    """Return the options of an image processor for squares of `side` pixels, and masks of a quarter of it."""
    names = {"size": side, "mask_size": side // 4}
    return {name: {"height": pixels, "width": pixels} for name, pixels in names.items()}


class Sam2ModelPredictor(TransformersPredictor):
    """For `Sam2Model`."""

    def __init__(self, model: Any, side: int) -> None:
        import transformers

        image_processor = getattr(transformers, "Sam2ImageProcessor", None)
        if image_processor is None:  # before transformers 5
            image_processor = transformers.Sam2ImageProcessorFast
        super().__init__(model, transformers.Sam2Processor(image_processor(**_sizes(side)), target_size=side))

    def rescaled(self, coordinates: np.ndarray, box: bool = False) -> torch.Tensor:
        changed = self.processor._normalize_coordinates(
            self.processor.target_size, torch.as_tensor(coordinates), self.original_size, is_bounding_box=box
        )
        return changed.to(dtype=self._positions.dtype, device=self.device)

    def resized(self, low: torch.Tensor) -> torch.Tensor:
        (masks,) = self.processor.post_process_masks([low[None]], [self.original_size], binarize=False)
        full: torch.Tensor = masks[0]
        return full


class Sam3TrackerPredictor(Sam2ModelPredictor):
    """For `Sam3TrackerModel`, which is used as `Sam2Model` is."""

    def __init__(self, model: Any, side: int) -> None:
        from transformers import Sam3ImageProcessor, Sam3TrackerProcessor

        processor = Sam3TrackerProcessor(Sam3ImageProcessor(**_sizes(side)), target_size=side)
        TransformersPredictor.__init__(self, model, processor)
