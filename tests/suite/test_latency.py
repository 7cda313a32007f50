"""How long do the parts of SAM take here?"""

from __future__ import annotations

from typing import Any, Callable, Dict

import torch

from samcheck.guest import latency
from samcheck.guest.sam import pipeline, precisions


def _time(
    benchmark: Any,
    step: Callable[[], Any],
    model: Any,
    device: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> Any:
    """Time `step` with pytest-benchmark and store the numbers; returns what the step gave."""
    result = benchmark(latency.synchronised(step, device))
    measured.update(latency.metrics(benchmark))
    settings["encoder_dtype"] = str(precisions.encoder_dtype(model))
    settings["threads"] = str(torch.get_num_threads())
    settings["device"] = str(model.device)
    assert measured["rounds"] >= 5
    assert model.device.type == device
    return result


def test_encoder(
    benchmark: Any,
    model: Any,
    precision: str,
    device: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """The image encoder alone, one image, and it really ran in the precision asked for."""
    size = model.image_encoder.img_size
    pixels = torch.rand(1, 3, size, size, device=device)
    features = _time(benchmark, lambda: model.image_encoder(pixels), model, device, measured, settings)
    assert precisions.encoder_dtype(model) is precisions.PRECISIONS[precision].dtype
    assert torch.isfinite(features).all()


def test_decoder(
    benchmark: Any,
    model: Any,
    precision: str,
    device: str,
    scene: Any,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """One prompt on an image that is already encoded, until the masks are in host memory."""
    ready = pipeline.predictor(model)
    ready.set_image(scene.image)
    given = pipeline.prompt(scene, "point")
    found = _time(benchmark, lambda: pipeline.predict(ready, given), model, device, measured, settings)
    assert len(found.masks) == 3


def test_end_to_end(
    benchmark: Any,
    model: Any,
    precision: str,
    device: str,
    scene: Any,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """From a picture in host memory to masks in host memory, nothing cached."""
    given = pipeline.prompt(scene, "point")
    found = _time(benchmark, lambda: pipeline.segment(model, scene, given), model, device, measured, settings)
    assert len(found.masks) == 3
