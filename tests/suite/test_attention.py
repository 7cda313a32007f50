"""Does PyTorch's fused attention, which ports of SAM use, compute what SAM's own formula does?

Which kernels exist, and which of them PyTorch chooses, differs by release and GPU: each one is forced.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest
import torch

from samcheck.guest.models import fused_attention
from samcheck.guest.models.backends import or_skip

GROUP = "backends"


@pytest.mark.precisions("fp32", "tf32", "fp16", "bf16", "autocast-bf16")
@pytest.mark.parametrize("form", fused_attention.FORMS)
@pytest.mark.parametrize("kernel", fused_attention.KERNELS)
def test_fused_attention(
    kernel: str,
    form: str,
    model: Any,
    precision: str,
    scene: Any,
    new_predictor: Any,
    judged: Callable[[Any], str],
    defect: Any,
    settings: Dict[str, str],
) -> None:
    """With this kernel of `scaled_dot_product_attention` in the encoder, answers agree with the oracle.

    Some have silently misread such a mask: https://github.com/pytorch/pytorch/pull/191612
    """
    ready = new_predictor(model)
    try:
        with or_skip(), fused_attention.fused(model, kernel, form) as ran:
            ready.set_image(scene.image)
    except RuntimeError:
        with defect("sdpa-cudnn-no-plan"):
            raise
        return
    settings["kernel"] = ", ".join(sorted(ran))
    assert ran == {kernel}, "another kernel computed than the one that was forced"
    assert not judged(ready)


@pytest.mark.variants("tiny")
@pytest.mark.precisions("fp32")
def test_own_attention_again(model: Any, ready: Any, scene: Any, new_predictor: Any) -> None:
    """After fused attention, and after a failure in it, the model computes as before, bit by bit.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    again = new_predictor(model)
    with or_skip(), fused_attention.fused(model, "math", "mask"):
        again.set_image(scene.image)
    assert not torch.equal(again.features, ready.features), "the attention was not exchanged"
    with pytest.raises(ValueError, match="provoked"), fused_attention.fused(model, "math", "mask"):
        raise ValueError("provoked")
    again.set_image(scene.image)
    assert torch.equal(again.features, ready.features)
