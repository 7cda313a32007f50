"""What happens when precisions are mixed, as guides recommend and in ways that work?"""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import numpy as np
import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, precision_support, precisions
from samcheck.guest.oracle.own_code import in_float64

DTYPES = {"half": torch.float16, "bfloat16": torch.bfloat16, "double": torch.float64}


class SilentlyWrong(Exception):
    """A step returned finite but wrong numbers; the message says which."""


@pytest.fixture
def cast(loaded: Any, device: str) -> Callable[[str], Any]:
    """Return a function that copies the model and casts the copy as a whole."""

    def make(name: str) -> Any:
        return copy.deepcopy(loaded).to(device=device, dtype=DTYPES[name])

    return make


def agrees(actual: inference.Prediction, expected: inference.Prediction, precision: str) -> bool:
    """Whether a prediction is right within the tolerance of `precision`."""
    tolerance = oracle.TOLERANCES[precision]
    return not oracle.deviation(actual, expected, tolerance).problems(tolerance)


@pytest.mark.variants("tiny")
@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("kind", ["point", "box", "mask"])
def test_naive_cast(
    cast: Callable[[str], Any],
    name: str,
    kind: str,
    new_predictor: Any,
    scene: Any,
    reference: Callable[[str], Any],
    defect: Any,
) -> None:
    """`model.half()` (or another dtype), `set_image` and `predict`, as guides recommend, give right masks.

    https://github.com/pytorch/benchmark/pull/1764
    """
    model = cast(name)
    prompt = inference.prompt(scene, kind, model.image_encoder.img_size)
    with defect("prompt-encoder-float32", "mask-prompt-float32", "cpu-half-kernels"):
        ready = new_predictor(model)
        ready.set_image(scene.image)
        prediction = inference.predict(ready, prompt)
        # Fixed only if the masks are right: a silent failure is worse than a loud one.
        assert agrees(prediction, reference(kind), "bf16")


@pytest.mark.variants("tiny")
@pytest.mark.parametrize("name", sorted(DTYPES))
def test_encoder_only_cast(
    loaded: Any, name: str, device: str, new_predictor: Any, scene: Any, defect: Any
) -> None:
    """`model.image_encoder.half()` alone works, although SAM does not cast the encoder's input.

    https://github.com/htcr/sam_road/issues/28
    """
    model = copy.deepcopy(loaded).to(device)
    model.image_encoder.to(DTYPES[name])
    with defect("encoder-input-float32", "cpu-half-kernels"):
        new_predictor(model).set_image(scene.image)


@pytest.mark.variants("tiny")
@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_cast_rounds_normalisation(cast: Callable[[str], Any], name: str, defect: Any) -> None:
    """Casting the model rounds the pixel mean and deviation, which are buffers, by up to 0.4 grey levels.

    https://github.com/facebookresearch/segment-anything/issues/540
    """
    model = cast(name)
    with defect("normalisation-rounded"):
        rounded = model.pixel_mean.double().cpu().flatten() - torch.tensor([123.675, 116.28, 103.53])
        if rounded.abs().max() > 1e-3:
            raise SilentlyWrong("pixel_mean is off by {:.3f}".format(float(rounded.abs().max())))


def require_autocast(name: str, device: str) -> None:
    """Skip the check if this build does not apply autocast to the dtype."""
    precision = precisions.PRECISIONS["autocast-fp16" if name == "half" else "autocast-bf16"]
    reason = precision_support.unavailable(precision, device)
    if reason:
        pytest.skip("no {} on {}: {}".format(precision.name, device, reason))


@pytest.mark.variants("tiny")
@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_autocast_everything(
    loaded: Any, name: str, device: str, new_predictor: Any, scene: Any, reference: Any, defect: Any
) -> None:
    """Autocast around `set_image` and `predict` gives right masks; bfloat16 scores cannot convert to NumPy.

    https://github.com/facebookresearch/segment-anything/pull/787
    """
    require_autocast(name, device)
    ready = new_predictor(copy.deepcopy(loaded).to(device))
    known = ("autocast-numpy", "autocast-narrow-scores", "autocast-layer-norm")
    with defect(*known), torch.autocast(device, dtype=DTYPES[name]):
        ready.set_image(scene.image)
        prediction = inference.predict(ready, inference.prompt(scene, "point"))
        if prediction.scores.dtype != np.float32:
            raise SilentlyWrong("scores come back as {}".format(prediction.scores.dtype))
        assert agrees(prediction, reference("point"), "bf16")


@pytest.mark.variants("tiny")
@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_autocast_features(
    loaded: Any, name: str, device: str, new_predictor: Any, scene: Any, oracle_model: Any, defect: Any
) -> None:
    """With autocast around `set_image` alone, the pattern that guides call safe, the features are right.

    https://github.com/facebookresearch/segment-anything/issues/540
    """
    require_autocast(name, device)
    ready = new_predictor(copy.deepcopy(loaded).to(device))
    with torch.autocast(device, dtype=DTYPES[name]):
        ready.set_image(scene.image)
    actual = ready.features[0].permute(1, 2, 0).float().cpu().numpy()
    wrong = oracle.relative_error(actual, oracle_model.encode(scene.image).features)
    assert np.isfinite(actual).all()
    allowed = oracle.TOLERANCES["bf16"].logits
    if name == "bfloat16" or device == "cuda":
        assert wrong <= allowed
        return
    with defect("layernorm2d-overflow"):
        if wrong > allowed:
            raise SilentlyWrong("features are finite and off by {:.2f}".format(wrong))


@pytest.mark.variants("tiny")
def test_bfloat16_to_numpy(device: str, defect: Any) -> None:
    """A bfloat16 tensor cannot be converted to a NumPy array; after ``.float()`` it can.

    https://github.com/opengeos/segment-geospatial/issues/327
    """
    tensor = torch.ones(2, dtype=torch.bfloat16, device=device).cpu()
    assert tensor.float().numpy().tolist() == [1.0, 1.0]
    with defect("bfloat16-numpy"):
        tensor.numpy()


def scaled(loaded: Any, scene: Any, largest: float) -> Any:
    """Copy the model and scale its neck's activations up to `largest`; features change by rounding only."""
    model = copy.deepcopy(loaded)
    seen = []
    handle = model.image_encoder.neck[0].register_forward_hook(lambda *call: seen.append(call[2]))
    model.image_encoder(model.preprocess(inference.resized_tensor(model, scene.image)))
    handle.remove()
    with torch.no_grad():
        model.image_encoder.neck[0].weight *= largest / seen[0].abs().max()
    return model


@pytest.fixture
def loud(loaded: Any, scene: Any) -> Any:
    """A model with activations far above 256 and far below float16's largest number, 65504."""
    return scaled(loaded, scene, 8000.0)


def half_features(model: Any, scene: Any) -> np.ndarray:
    """Compute features (h, w, C) with the whole encoder cast to float16, including `LayerNorm2d`."""
    encoder = copy.deepcopy(model.image_encoder).half()
    resized = inference.resized_tensor(model, scene.image)
    features = encoder(model.preprocess(resized).half())[0]
    array: np.ndarray = features.permute(1, 2, 0).float().cpu().numpy()
    return array


@pytest.mark.variants("tiny")
def test_half_collapse_is_seen(
    loaded: Any, loud: Any, device: str, scene: Any, defect: Any, measured: Dict[str, float]
) -> None:
    """`LayerNorm2d` squares activations: in float16, above 256, features are finite but wrong, and detected.

    https://github.com/facebookresearch/segment-anything/issues/540
    """
    from samcheck.guest.oracle.sam import Oracle

    if precision_support.missing_kernel(torch.float16, device):
        pytest.skip("no float16 kernels on {}".format(device))
    quiet = scaled(loaded, scene, 50.0)
    expected = Oracle.of(loud).encode(scene.image).features
    actual = half_features(loud.to(device), scene)
    control = half_features(copy.deepcopy(quiet).to(device), scene)
    measured["relative_l2"] = oracle.relative_error(actual, expected)
    measured["control_relative_l2"] = oracle.relative_error(
        control, Oracle.of(quiet).encode(scene.image).features
    )
    assert np.isfinite(actual).all(), "a NaN check would have seen this"
    assert measured["control_relative_l2"] <= oracle.TOLERANCES["bf16"].logits
    with defect("layernorm2d-overflow"):
        if measured["relative_l2"] > 0.5:
            raise SilentlyWrong("features are finite and off by {:.2f}".format(measured["relative_l2"]))
        assert measured["relative_l2"] <= oracle.TOLERANCES["bf16"].logits


@pytest.mark.variants("tiny")
@pytest.mark.precisions("fp16", "bf16")
def test_safe_path_survives_large_activations(
    model: Any, loud: Any, precision: str, device: str, scene: Any
) -> None:
    """With `LayerNorm2d` kept in float32, the same activations give correct features.

    https://github.com/facebookresearch/segment-anything/issues/696
    """
    from samcheck.guest.oracle.sam import Oracle

    safe = precisions.apply(loud, precisions.PRECISIONS[precision], device)
    features = safe.image_encoder(safe.preprocess(inference.resized_tensor(safe, scene.image)))
    actual = features[0].permute(1, 2, 0).cpu().numpy()
    expected = Oracle.of(loud).encode(scene.image).features
    assert oracle.relative_error(actual, expected) <= oracle.TOLERANCES[precision].logits


@pytest.mark.capabilities("image")
def test_types_that_come_back(ready: Any, scene: Any, settings: Dict[str, str]) -> None:
    """At every precision, features, logits and scores are finite and float32.

    https://github.com/facebookresearch/segment-anything/issues/540
    """
    if hasattr(ready, "features"):
        settings["features_dtype"] = str(ready.features.dtype)
        assert ready.features.dtype is torch.float32
    prediction = inference.predict(ready, inference.prompt(scene, "box"))
    for array in (prediction.logits, prediction.low_resolution, prediction.scores):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()


@pytest.mark.variants("tiny")
@pytest.mark.parametrize("kind", ["point", "mask"])
def test_float64_when_helped(
    loaded: Any, new_predictor: Any, scene: Any, reference: Any, kind: str, measured: Dict[str, float]
) -> None:
    """In float64, with coordinates cast explicitly, SAM's own code matches the oracle to many digits.

    This compares the formulas without rounding: https://arxiv.org/abs/2304.02643
    """
    ready = new_predictor(in_float64(loaded))
    ready.set_image(scene.image)
    prompt = inference.prompt(scene, kind, loaded.image_encoder.img_size)
    prediction = inference.predict(ready, prompt)
    measured["relative_l2"] = oracle.relative_error(prediction.low_resolution, reference(kind).low_resolution)
    # SAM rounds coordinates, mean and deviation to float32, and nothing else.
    assert measured["relative_l2"] <= 5e-7
