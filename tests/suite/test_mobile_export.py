"""Does MobileSAM answer as the ONNX files do that its rebuilt weights come from?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch

from samcheck.guest.models import mobile_weights

GROUP = "implementations"
pytestmark = [pytest.mark.variants("mobile_sam")]

#: Largest difference of features (of about 1) and of logits (of about 50): measured 5e-7 and 2e-4.
FEATURES, LOGITS = 3e-6, 1e-3


def session(path: Path) -> Any:
    onnxruntime = pytest.importorskip(
        "onnxruntime", reason="the reference is ONNX Runtime, not installed here"
    )
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_onnx_runtime_agrees(loaded: Any, new_predictor: Any, scene: Any, measured: Dict[str, float]) -> None:
    """Encoder and decoder in PyTorch give what ONNX Runtime gives with the files that the weights are from.

    https://github.com/ChaoningZhang/MobileSAM/issues/142
    """
    folder = mobile_weights.exports()
    if folder is None or loaded.carried.kind != "rebuilt":
        pytest.skip("{} weights: these ONNX files are of the rebuilt ones".format(loaded.carried.kind))
    assert folder is not None
    ready = new_predictor(loaded)
    pixels = torch.as_tensor(ready.transform.apply_image(scene.image).transpose(2, 0, 1).copy())[None]
    ready.set_torch_image(pixels, scene.image.shape[:2])
    given = {"input": loaded.preprocess(pixels).numpy()}
    (features,) = session(folder / "encoder.onnx").run(None, given)
    measured["features_difference"] = float(np.abs(features - ready.features.numpy()).max())
    assert measured["features_difference"] <= FEATURES

    box = np.array(scene.shapes[-1].box, dtype=float)
    _, scores, low = ready.predict(box=box, multimask_output=True, return_logits=True)
    corners = ready.transform.apply_coords(box.reshape(1, 2, 2), scene.image.shape[:2])
    answers = session(folder / "sam.onnx").run(
        None,
        {
            "image_embeddings": ready.features.numpy(),
            "point_coords": corners.astype(np.float32),
            "point_labels": np.array([[2, 3]], np.float32),
            "mask_input": np.zeros((1, 1, 256, 256), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array(scene.image.shape[:2], np.float32),
        },
    )
    # The export picks a mask by the number of points: of two, the best of the three for ambiguous prompts.
    measured["logits_difference"] = float(np.abs(answers[2][0, 0] - low[scores.argmax()]).max())
    assert measured["logits_difference"] <= LOGITS
