"""Runs MobileSAM's steps on a CUDA device that does not exist, as `fake_cuda` runs those of SAM.

Its model is built before: it holds small constants, of which FakeTensorMode makes no copies.

Run by an interpreter with PyTorch and mobile_sam, with `cudart_stub.c` preloaded, as
``python -m tests.rehearsal.fake_mobile VARIANT COUNT PRECISION...``.
"""

from __future__ import annotations

import json
import sys

import torch

from samcheck.guest.models import precisions, variants
from tests.rehearsal import fake_cuda

fake_cuda.REPLACED["mobile_sam.modeling.PromptEncoder._embed_points"] = fake_cuda.embedded_points


def traces(variant: str, at_once: int, precision: str) -> dict[str, list[list[int]]]:
    """The events of each step with this many images, prompts or points."""
    model = variants.VARIANTS[variant].build()
    model = precisions.apply(model, precisions.PRECISIONS[precision], "cpu")
    with fake_cuda.gpu():
        fake_cuda.applied(model, lambda tensor: torch.empty_like(tensor, device="cuda"))
        return fake_cuda.recorded(variant, model, precision, at_once)


def main() -> None:
    variant, at_once, *wanted = sys.argv[1:]
    print(json.dumps({name: traces(variant, int(at_once), name) for name in wanted}))


if __name__ == "__main__":
    main()
