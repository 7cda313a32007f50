"""What exported and compiled parts of SAM answer."""

from __future__ import annotations

import os
import tempfile
import warnings
from typing import Any, Dict

from .common import attempt, digest, evidence, model


@evidence
def exported() -> Any:
    """The decoder in ONNX Runtime: two prompts, a mask, other sizes, and a provider that is not there."""
    import onnxruntime
    import torch
    from segment_anything.utils.onnx import SamOnnxModel

    decoder = SamOnnxModel(model(), return_single_mask=False)
    inputs = {
        "image_embeddings": torch.linspace(-1, 1, 128 * 256).reshape(1, 128, 16, 16),
        "point_coords": torch.tensor([[[30.0, 40.0], [0.0, 0.0]]]),
        "point_labels": torch.tensor([[1.0, -1.0]]),
        "mask_input": torch.linspace(-4, 4, 64 * 64).reshape(1, 1, 64, 64),
        "has_mask_input": torch.ones(1),
        "orig_im_size": torch.tensor([150.0, 225.0]),
    }
    axes = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = os.path.join(folder, "decoder.onnx")
        named: Dict[str, Any] = {"input_names": list(inputs), "dynamic_axes": axes, "opset_version": 17}
        torch.onnx.export(decoder, tuple(inputs.values()), path, **named)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        asked = onnxruntime.InferenceSession(path, providers=["ROCMExecutionProvider"])
    found = [asked.get_providers()]
    for change in ({}, {"point_coords": inputs["point_coords"] + 9}, _one_more(inputs)):
        feed = {name: value.numpy() for name, value in dict(inputs, **change).items()}
        found.append(attempt(lambda: [digest(each) for each in session.run(None, feed)]))  # noqa: B023
    return found


def _one_more(inputs: Dict[str, Any]) -> Dict[str, Any]:
    """Three points instead of two."""
    return {name: inputs[name][:, [0, 0, 1]] for name in ("point_coords", "point_labels")}


@evidence
def compiled() -> Any:
    """A compiled function's answer, and how often it is compiled for two sizes."""
    import torch

    made = []

    def backend(graph: Any, _: Any) -> Any:
        made.append(graph)
        return graph.forward

    step = torch.compile(lambda x: x * 3 + 1, backend=backend)
    found = [digest(step(torch.linspace(0, 1, size))) for size in (5, 6, 7, 5)]
    return [*found, len(made)]


@evidence
def fused() -> Any:
    """Fused attention with a mask."""
    import torch

    query = torch.linspace(-1, 1, 6 * 64).reshape(1, 1, 6, 64)
    mask = torch.linspace(-3, 3, 36).reshape(1, 1, 6, 6)
    return digest(torch.nn.functional.scaled_dot_product_attention(query, -query, query**2, attn_mask=mask))


@evidence
def memory_formats() -> Any:
    """A convolution whose filters are stored channel by channel."""
    import torch

    filters = torch.linspace(-1, 1, 4 * 3 * 5 * 5).reshape(4, 3, 5, 5).to(memory_format=torch.channels_last)
    return digest(torch.nn.functional.conv2d(torch.linspace(-1, 1, 3 * 81).reshape(1, 3, 9, 9), filters))
