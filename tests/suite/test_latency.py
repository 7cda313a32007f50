"""How long do the parts of SAM take here?"""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest
import torch

from samcheck.guest import latency
from samcheck.guest.sam import pipeline, precisions

#: A median over 0.3 s is steady to a few per cent; the usual second would cost the fast tier 15 s more.
pytestmark = pytest.mark.benchmark(max_time=0.3)


@pytest.fixture
def timed(
    benchmark: Any,
    model: Any,
    computed_in: str,
    precision: str,
    device: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> Callable[[Callable[[], Any]], Any]:
    """Times a step with pytest-benchmark, stores the numbers and what really ran; gives its result.

    https://github.com/facebookresearch/segment-anything/issues/344
    """

    def run(step: Callable[[], Any]) -> Any:
        result = latency.time(benchmark, latency.synchronised(step, device))
        if benchmark.stats is None:
            pytest.skip("pytest-benchmark was switched off on the command line")
        measured.update(latency.metrics(benchmark))
        settings["computed_in"] = computed_in
        settings["threads"] = str(torch.get_num_threads())
        settings["device"] = str(model.device)
        assert measured["rounds"] >= latency.FEWEST_ROUNDS
        assert model.device.type == device
        assert computed_in == precisions.PRECISIONS[precision].reads_back
        return result

    return run


def test_encoder(timed: Callable[..., Any], model: Any, device: str) -> None:
    """The image encoder alone, one image."""
    size = model.image_encoder.img_size
    pixels = torch.rand(1, 3, size, size, device=device)
    features = timed(lambda: model.image_encoder(pixels))
    assert features.shape[2:] == model.prompt_encoder.image_embedding_size
    assert torch.isfinite(features).all()


def test_decoder(timed: Callable[..., Any], ready: Any, scene: Any) -> None:
    """One prompt on an image that is already encoded, until the masks are in host memory."""
    given = pipeline.prompt(scene, "point")
    assert len(timed(lambda: pipeline.predict(ready, given)).masks) == 3


def test_end_to_end(timed: Callable[..., Any], model: Any, new_predictor: Any, scene: Any) -> None:
    """From a picture in host memory to masks in host memory, nothing cached."""
    given = pipeline.prompt(scene, "point")
    assert len(timed(lambda: pipeline.segment(new_predictor(model), scene, given)).masks) == 3
