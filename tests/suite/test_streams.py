"""Do CUDA streams that use one SAM at the same time affect each other?"""

from __future__ import annotations

from typing import Any, Dict

import pytest
import torch

from samcheck.guest.models import cuda_streams, inference, scenes

GROUP = "state"
ROUNDS = 4


# Not tf32: who computes in it switches it on for all threads, for as long as an encoder runs.
@pytest.mark.precisions("fp32", "fp16", "bf16", "autocast-fp16", "autocast-bf16")
def test_two_streams(model: Any, device: str, measured: Dict[str, float], settings: Dict[str, str]) -> None:
    """Two threads that encode on streams of their own at the same time get the bits of one after the other.

    https://github.com/facebookresearch/sam2/pull/643
    """
    if device != "cuda":
        pytest.skip("streams exist on CUDA devices only")
    pixels = [
        model.preprocess(inference.resized_tensor(model, scenes.draw(seed, 240, 320).image))
        for seed in (7, 8)
    ]
    expected = [cuda_streams.encoded(model.image_encoder, [each], ROUNDS)[0] for each in pixels]
    answers = cuda_streams.encoded(model.image_encoder, pixels, ROUNDS)
    measured["overlap_ms"] = cuda_streams.overlap_ms(answers)
    settings["streams"] = str(len({answer.stream for answer in answers}))
    assert not torch.equal(expected[0].features[0], expected[1].features[0])
    for answer, alone in zip(answers, expected):
        for features in (*alone.features, *answer.features):
            assert torch.equal(features, alone.features[0])
