"""Does a CUDA graph of SAM, which replays kernels without Python, answer as SAM does?"""

from __future__ import annotations

from typing import Any, Dict

import pytest

from samcheck.guest import cuda_graphs, oracle
from samcheck.guest.models.backends import or_skip, require_sam

GROUP = "backends"


class NotCaptured(Exception):
    """A step could not be captured in a graph."""


@pytest.fixture
def replayed(
    loaded: Any, device: str, isolated: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> Any:
    """Return a function that captures and replays a part in a process of its own."""
    if device != "cuda":
        pytest.skip("CUDA graphs exist on CUDA devices only")
    with or_skip():
        require_sam(loaded)

    def get(part: str, precision: str) -> cuda_graphs.Replay:
        seen = cuda_graphs.Replay(**isolated("replayed", part=part, name=precision))
        if not seen.error:
            measured["relative_l2"] = seen.relative_l2
            settings["same_bits"] = str(seen.same_bits)
        return seen

    return get


@pytest.mark.precisions("fp32", "tf32", "fp16", "bf16", "autocast-fp16", "autocast-bf16")
def test_replayed_encoder(model: Any, precision: str, replayed: Any) -> None:
    """The image encoder, captured with one image and replayed with two others, gives their features.

    Its relative positions are made before: https://github.com/facebookresearch/segment-anything/pull/595
    """
    seen = replayed("encoder", precision)
    assert not seen.error
    assert seen.relative_l2 <= oracle.TOLERANCES[precision].logits


@pytest.mark.precisions("fp32")
def test_replayed_decoder(precision: str, replayed: Any) -> None:
    """The mask decoder, captured with one image and prompt, gives the masks of two others when replayed.

    https://github.com/facebookresearch/sam2/pull/775
    """
    seen = replayed("decoder", precision)
    assert not seen.error
    assert seen.relative_l2 <= oracle.TOLERANCES[precision].logits


@pytest.mark.variants("tiny")
@pytest.mark.precisions("fp32")
def test_encoder_is_captured_as_it_is(precision: str, replayed: Any, defect: Any) -> None:
    """The image encoder can be captured in a CUDA graph without changes.

    https://github.com/facebookresearch/segment-anything/pull/595
    """
    seen = replayed("encoder-as-it-is", precision)
    with defect("capture-relative-positions"):
        if seen.error:
            raise NotCaptured(seen.error)
        assert seen.relative_l2 <= oracle.TOLERANCES[precision].logits
