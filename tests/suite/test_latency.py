"""How long do the parts of SAM take here?"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Callable, Dict, List

import pytest
import torch

from samcheck.guest import latency
from samcheck.guest.record import Series
from samcheck.guest.sam import pipeline, precisions
from samcheck.guest.sam.variants import KNOWN_EVERYWHERE

MANY = 64

only_float32 = pytest.mark.precisions("fp32")


@pytest.fixture(scope="session")
def timer(device: str) -> float:
    """What the timer adds to each round, in ms."""
    return latency.timer_ms(device)


@pytest.fixture
def timed(
    benchmark: Any,
    model: Any,
    computed_in: str,
    precision: str,
    device: str,
    timer: float,
    pytestconfig: pytest.Config,
    measured: Dict[str, float],
    series: List[Series],
    settings: Dict[str, str],
) -> Callable[[Callable[[], Any]], Any]:
    """Times a step with pytest-benchmark, stores the numbers and what really ran; gives its result.

    https://github.com/facebookresearch/segment-anything/issues/344
    """

    def run(step: Callable[[], Any]) -> Any:
        timing = latency.Timing(
            benchmark, step, device, pytestconfig.getoption("--samcheck-benchmark-seconds")
        )
        if timing.series is None:
            pytest.skip("pytest-benchmark was switched off on the command line")
        series.append(timing.series)
        measured.update(timing.metrics)
        measured["timer_share"] = timer / measured["median_ms"]
        settings["computed_in"] = computed_in
        settings["threads"] = str(torch.get_num_threads())
        settings["device"] = str(model.device)
        assert measured["timer_share"] < latency.TIMER_SHARE
        assert model.device.type == device
        assert computed_in == precisions.PRECISIONS[precision].reads_back
        return timing.result

    return run


def per_second(measured: Dict[str, float]) -> None:
    measured["images_per_s"] = 1e3 / measured["median_ms"]


def test_encoder(timed: Callable[..., Any], model: Any, device: str, measured: Dict[str, float]) -> None:
    """The image encoder alone, one image."""
    size = model.image_encoder.img_size
    pixels = torch.rand(1, 3, size, size, device=device)
    features = timed(lambda: model.image_encoder(pixels))
    per_second(measured)
    assert features.shape[2:] == model.prompt_encoder.image_embedding_size
    assert torch.isfinite(features).all()


def test_decoder(timed: Callable[..., Any], ready: Any, scene: Any) -> None:
    """One prompt on an image that is already encoded, until the masks are in host memory."""
    given = pipeline.prompt(scene, "point")
    assert len(timed(lambda: pipeline.predict(ready, given)).masks) == 3


@only_float32
def test_decoder_many(timed: Callable[..., Any], ready: Any, scene: Any, device: str) -> None:
    """64 prompts at once, as the automatic generator asks them, until the masks are on the device."""
    height, width = scene.image.shape[:2]
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(MANY, 1, 2, generator=generator) * torch.tensor([width - 1, height - 1])
    points = ready.transform.apply_coords_torch(points, (height, width)).to(device)
    labels = torch.ones(MANY, 1, dtype=torch.int, device=device)
    masks, _, _ = timed(lambda: ready.predict_torch(points, labels))
    assert masks.shape == (MANY, 3, height, width)


def test_end_to_end(
    timed: Callable[..., Any], model: Any, new_predictor: Any, scene: Any, measured: Dict[str, float]
) -> None:
    """From a picture in host memory to masks in host memory, nothing cached."""
    given = pipeline.prompt(scene, "point")
    assert len(timed(lambda: pipeline.segment(new_predictor(model), scene, given)).masks) == 3
    per_second(measured)


@only_float32
def test_cached(timed: Callable[..., Any], model: Any, ready: Any, new_predictor: Any, scene: Any) -> None:
    """The same with the embedding kept in host memory from an earlier visit to the picture."""
    given, features = pipeline.prompt(scene, "point"), ready.features.cpu()

    def step() -> Any:
        predictor = new_predictor(model)
        predictor.original_size, predictor.input_size = ready.original_size, ready.input_size
        predictor.features, predictor.is_image_set = features.to(model.device), True
        return pipeline.predict(predictor, given)

    assert (timed(step).masks == pipeline.predict(ready, given).masks).all()


@only_float32
def test_automatic(
    timed: Callable[..., Any], model: Any, scene: Any, variant: str, measured: Dict[str, float]
) -> None:
    """The automatic mask generator, 8 x 8 points, one image."""
    from segment_anything import SamAutomaticMaskGenerator

    generator = SamAutomaticMaskGenerator(model, points_per_side=8)
    found = timed(lambda: generator.generate(scene.image))
    per_second(measured)
    assert isinstance(found, list)


@pytest.mark.full
@only_float32
@pytest.mark.parametrize("what", ["load", "first_call"])
def test_fresh_process(
    fresh: Dict[str, float], what: str, precision: str, measured: Dict[str, float], series: List[Series]
) -> None:
    """Loading the model, and the first picture, in a process that has done neither."""
    name = "{}_ms".format(what)
    measured["median_ms"] = fresh[name]
    measured["of_the_second_call"] = fresh["first_call_ms"] / fresh["second_call_ms"]
    series.append(Series({"wall_ms": [fresh[name]]}, rounds=1, warmup=0, stopped="once per process"))
    assert fresh["masks"] == 3


@pytest.fixture(scope="session")
def fresh(variant: str, device: str) -> Dict[str, float]:
    """What a fresh process says of its start (`samcheck.guest.first_call`)."""
    if variant not in KNOWN_EVERYWHERE:
        pytest.skip("{} was registered in this process only, and this needs another one".format(variant))
    command = [sys.executable, "-m", "samcheck.guest.first_call", "--device", device, "--variant", variant]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: Dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found
