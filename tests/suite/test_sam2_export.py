"""Do SAM 2's exported image encoder and mask decoder give in ONNX Runtime what PyTorch gives?"""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np
import pytest

from samcheck.guest.models import onnx_graph, sam2_export, scenes
from samcheck.guest.models.backends import onnx_runtime, or_skip, providers
from samcheck.guest.models.backends.harness import prompt
from samcheck.guest.models.exported_decoder import BOX_LABELS, problems
from samcheck.guest.models.inference import predict
from samcheck.guest.models.onnx_export import Exports
from samcheck.guest.oracle import relative_error

GROUP = "backends"

pytestmark = [
    pytest.mark.families("sam2"),
    pytest.mark.capabilities("image"),
    pytest.mark.precisions("fp32"),
    pytest.mark.parametrize("backend", ["onnxruntime"]),
    # The other one takes ten seconds for each part of the smallest model.
    pytest.mark.parametrize("exporter", ["legacy", pytest.param("dynamo", marks=pytest.mark.full)]),
]

#: Error that rounding explains in features (relative L2): six times the largest that was measured, 8.4e-7,
#: for the small variant and hiera_tiny with PyTorch 2.15 and ONNX Runtime 1.32 on a CPU.
FEATURES = 5e-6
#: (H, W)
SIZE = (160, 240)
#: The predictor cuts off what it returns at low resolution.
LARGEST_LOGIT = 32


@pytest.fixture(scope="module")
def exports(loaded: Any, variant: str, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """The exported parts of the model."""
    return Exports(loaded, str(tmp_path_factory.mktemp("exported-" + variant)), sam2_export.HOW)


@pytest.fixture(scope="module")
def ready(model: Any, new_predictor: Callable[[Any], Any]) -> Any:
    """A predictor in plain PyTorch with an image."""
    predictor = new_predictor(model)
    predictor.set_image(scenes.draw(7, *SIZE).image)
    return predictor


def features(ready: Any) -> Dict[str, np.ndarray]:
    """Return what a predictor keeps of its image, by the exported parts' names."""
    kept = ready.inner._features
    fine, middle = kept["high_res_feats"]
    maps = (kept["image_embed"], middle, fine)
    return {name: each.float().cpu().numpy() for name, each in zip(sam2_export.FEATURES, maps)}


def points(kind: str, side: int) -> Dict[str, np.ndarray]:
    """Return points and labels of a prompt, a box as its two corners; the decoder pads them by itself."""
    given = prompt(kind, SIZE, side)
    coords, labels = (given.points, given.labels) if given.box is None else (given.box, BOX_LABELS)
    scaled = np.reshape(coords, (1, -1, 2)) / SIZE[::-1] * side
    return {
        sam2_export.POINTS: scaled.astype(np.float32),
        sam2_export.LABELS: np.array([labels], np.float32),
    }


def test_encoder_matches(
    backend: str,
    exporter: str,
    exports: Exports,
    ready: Any,
    device: str,
    settings: Dict[str, str],
    measured: Dict[str, float],
) -> None:
    """The features of an image, for attention and of both finer strides, are those that PyTorch computes.

    https://github.com/facebookresearch/sam2/issues/508
    """
    with or_skip():
        path = exports.get("encoder-" + exporter)
        session = onnx_runtime.OnnxSession(path, providers.provider_for(device))
    assert not exports.model.training  # SAM 2's own code behaves otherwise in training
    settings["operators"] = str(sum(onnx_graph.read(path).operators.values()))
    pixels = ready.inner._transforms(scenes.draw(7, *SIZE).image)[None]
    with providers.answering(session.provider, device, settings, None):
        actual = session.run({"pixels": pixels.numpy()})
        for name, expected in features(ready).items():
            off = measured[name + "_relative_l2"] = relative_error(actual[name], expected[0])
            assert off <= FEATURES


@pytest.mark.parametrize("kind", ["1", "2", "7", "box"])
def test_decoder_matches(
    backend: str,
    exporter: str,
    kind: str,
    exports: Exports,
    ready: Any,
    side: int,
    device: str,
    settings: Dict[str, str],
) -> None:
    """For any number of points and for a box, the three masks and their scores are the predictor's.

    https://github.com/facebookresearch/sam2/issues/508
    """
    with or_skip():
        path = exports.get("decoder-" + exporter)
        session = onnx_runtime.DecoderSession(path, providers.provider_for(device))
    assert isinstance(onnx_graph.read(path).inputs[sam2_export.POINTS][1], str)  # a name: it is dynamic
    expected = predict(ready, prompt(kind, SIZE, side))
    with providers.answering(session.provider, device, settings, None):
        actual = session.predict({**features(ready), **points(kind, side)})
        actual.low_resolution[:] = actual.low_resolution.clip(-LARGEST_LOGIT, LARGEST_LOGIT)
        assert not problems(actual, expected, full=False)
