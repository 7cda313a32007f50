"""SAM 3's predictor of images, of Meta's package, behind the same interface as those of other families."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from .sam2_predictors import Sam2ImageAdapter


def inner_predictor(model: Any, **options: Any) -> Any:
    """Create a `SAM3InteractiveImagePredictor` for its model's feature sizes: its own are for 1008 px."""
    from sam3.model.sam1_task_predictor import SAM3InteractiveImagePredictor

    predictor = SAM3InteractiveImagePredictor(model, **options)
    grid = model.image_size // model.backbone_stride
    predictor._bb_feat_sizes = [(scale * grid, scale * grid) for scale in (4, 2, 1)]
    return predictor


class Sam3ImageAdapter(Sam2ImageAdapter):
    """A `SAM3InteractiveImagePredictor`, which is used as `SAM2ImagePredictor` is.

    It does not fill holes: where scikit-image or a GPU is there, they would be filled, and elsewhere not.
    """

    def __init__(self, model: Any) -> None:
        self.inner = inner_predictor(model, max_hole_area=0.0)

    def predict(
        self,
        point_coords: Optional[np.ndarray] = None,
        point_labels: Optional[np.ndarray] = None,
        box: Optional[np.ndarray] = None,
        mask_input: Optional[np.ndarray] = None,
        multimask_output: bool = True,
        return_logits: bool = False,
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        if mask_input is not None:
            mask_input = self._fitting(mask_input)
        return super().predict(point_coords, point_labels, box, mask_input, multimask_output, return_logits)

    def _fitting(self, mask: np.ndarray) -> np.ndarray:
        """Resize a mask prompt: with patches of 14 pixels it has 2/7 of the side, elsewhere a quarter."""
        import torch

        size = self.inner.model.sam_prompt_encoder.mask_input_size
        if mask.shape[-2:] == tuple(size):
            return mask
        given = torch.as_tensor(mask, dtype=torch.float32).reshape(1, 1, *mask.shape[-2:])
        fitting: np.ndarray = torch.nn.functional.interpolate(given, size, mode="bilinear")[0].numpy()
        return fitting
