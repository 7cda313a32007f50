"""Forces kernels of attention that this device does not have, past the question whether it has them.

Run by an interpreter with PyTorch, as ``python -m tests.rehearsal.played_attention``. It prints why each
cannot run, and whether the model is as before, as JSON.
"""

from __future__ import annotations

import json
import warnings
from contextlib import nullcontext
from unittest import mock

import torch

from samcheck.guest.models import fused_attention, variants
from samcheck.guest.models.backends import Unavailable

REAL = torch.nn.functional.scaled_dot_product_attention


def warned(*given: object, **named: object) -> torch.Tensor:
    """Say why before refusing, as PyTorch does on a GPU."""
    warnings.warn("Flash Attention does not support non-null attn_mask.", stacklevel=1)
    raise RuntimeError("No available kernel. Aborting execution.")


def broken(*given: object, **named: object) -> torch.Tensor:
    raise RuntimeError("cuDNN Frontend error: [cudnn_frontend] Error: No execution plans support the graph.")


def reason(model: torch.nn.Module, kernel: str) -> str:
    try:
        with fused_attention.fused(model, kernel, "mask") as ran:
            model.image_encoder(torch.zeros(1, 3, 256, 256))
    except Unavailable as error:
        return f"unavailable: {error}"
    except RuntimeError as error:
        return f"failed: {error}"
    return f"ran: {sorted(ran)}"


def main() -> None:
    torch.set_grad_enabled(False)
    model = variants.VARIANTS["tiny"].build()
    found = {kernel: reason(model, kernel) for kernel in fused_attention.KERNELS}
    name = "torch.nn.functional.scaled_dot_product_attention"
    with mock.patch.object(fused_attention, "_require_kernel"):
        found["forced"] = reason(model, "efficient")
        for play in (warned, broken):
            with mock.patch(name, play):
                found[play.__name__] = reason(model, "flash")
        with mock.patch.object(fused_attention, "_forced", return_value=nullcontext()):
            found["not forced"] = reason(model, "efficient")
    own = not any("forward" in vars(layer) for layer in fused_attention.attentions(model))
    print(json.dumps({"reasons": found, "own": own}))


if __name__ == "__main__":
    main()
