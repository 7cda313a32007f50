"""Export of SAM 2's image encoder and mask decoder to ONNX, with both of PyTorch's exporters.

SAM 2 has no script of its own for it. The two parts are those of third parties' exports: the encoder ends
with the features that `SAM2ImagePredictor` keeps of an image, and the decoder begins with them
(https://github.com/vietanhdev/samexporter, sam2_onnx.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Mapping, Tuple

import torch

from .exported_decoder import INPUTS, OUTPUTS
from .onnx_export import TRACED_POINTS, Export, by_program, by_tracing

#: The oldest that the dynamo exporter writes by itself. Asked for an older one, that of PyTorch 2.8 fails:
#: "No ONNX function found for aten.sym_size".
PROGRAM_OPSET = 18
#: Of an image: for attention, and for the mask decoder's two steps of enlargement.
FEATURES = (INPUTS[0], "features_of_stride_8", "features_of_stride_4")
POINTS, LABELS = INPUTS[1:3]


class _ImageEncoder(torch.nn.Module):  # type: ignore[misc]
    """From normalised pixels to features."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Any) -> Tuple[Any, Any, Any]:
        fine, middle, coarse = self.model.forward_image(pixels)["backbone_fpn"]
        return coarse + self.model.no_mem_embed.reshape(1, -1, 1, 1), middle, fine


class _MaskDecoder(torch.nn.Module):  # type: ignore[misc]
    """From features and points to the scores and masks, at low resolution, of an ambiguous prompt."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, coarse: Any, middle: Any, fine: Any, points: Any, labels: Any) -> Tuple[Any, Any]:
        prompts = self.model.sam_prompt_encoder
        sparse, dense = prompts(points=(points, labels), boxes=None, masks=None)
        masks, scores, _, _ = self.model.sam_mask_decoder(
            image_embeddings=coarse,
            image_pe=prompts.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
            repeat_image=False,
            high_res_features=[fine, middle],
        )
        return scores, masks


def _encoder(export: Any, model: Any, path: str) -> None:
    side = model.image_size
    export(_ImageEncoder(model), {"pixels": torch.zeros(1, 3, side, side)}, FEATURES, path)


def _decoder(export: Any, model: Any, path: str) -> None:
    side = model.image_size
    features = _ImageEncoder(model)(torch.zeros(1, 3, side, side))
    inputs: Dict[str, Any] = dict(zip(FEATURES, features))
    inputs[POINTS], inputs[LABELS] = torch.zeros(1, TRACED_POINTS, 2), torch.ones(1, TRACED_POINTS)
    export(_MaskDecoder(model), inputs, OUTPUTS[1:], path)


_by_program = partial(by_program, opset=PROGRAM_OPSET)

HOW: Mapping[str, Export] = {
    "encoder-legacy": partial(_encoder, by_tracing),
    "encoder-dynamo": partial(_encoder, _by_program),
    "decoder-legacy": partial(_decoder, by_tracing),
    "decoder-dynamo": partial(_decoder, _by_program),
}
