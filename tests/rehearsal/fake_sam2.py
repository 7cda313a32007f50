"""Runs SAM 2's steps on a CUDA device that does not exist, as `fake_cuda` runs those of SAM.

Run by an interpreter with PyTorch and sam2, with `cudart_stub.c` preloaded, as
``python -m tests.rehearsal.fake_sam2 VARIANT RUNS``, where the runs are a JSON list of step, precision and
what the step's method of `Sam2Steps` takes. It prints the events of each, as JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

import torch

# What runs in inference mode is dispatched whole, and not as the operations that take memory.
torch.inference_mode = lambda mode=True: torch.no_grad()

from sam2 import automatic_mask_generator  # noqa: E402

from samcheck.guest.memory.sam2_steps import Sam2Steps  # noqa: E402
from samcheck.guest.models import precisions, variants  # noqa: E402
from tests.rehearsal import fake_cuda  # noqa: E402

#: Height and width of the image and of the video.
SIZE = (480, 640)
ATTENTION = torch.nn.functional.scaled_dot_product_attention
RUN_LENGTHS = automatic_mask_generator.mask_to_rle_pytorch


def attention(q: Any, k: Any, v: Any, dropout_p: float = 0.0) -> Any:
    """Choose the kernel that a GPU of compute capability 8.0 or newer has for these types."""
    assert dropout_p == 0
    if q.device.type != "cuda":
        return ATTENTION(q, k, v)
    if q.dtype is torch.float32:
        return torch.ops.aten._scaled_dot_product_efficient_attention(q, k, v, None, False)[0]
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v)[0]


def frames_of(video_path: Any, image_size: int, offload_video_to_cpu: bool, **_: Any) -> Any:
    """Take the place of `load_video_frames`, which reads files."""
    frames = torch.zeros(COUNT["frames"], 3, image_size, image_size)
    return (frames if offload_video_to_cpu else frames.to("cuda")), *SIZE


def run_lengths(masks: torch.Tensor) -> Any:
    """As `fake_cuda.run_lengths`."""
    fake_cuda.RUN_LENGTHS = RUN_LENGTHS
    return fake_cuda.run_lengths(masks)


#: Of the video that is followed.
COUNT = {"frames": 1}
fake_cuda.REPLACED.update(
    {
        "torch.Tensor.item": lambda tensor: 0.0,
        "torch.nn.init.trunc_normal_": lambda tensor, **_: tensor,
        "torch.jit.script": lambda function: function,
        "torch.nn.functional.scaled_dot_product_attention": attention,
        "sam2.automatic_mask_generator.mask_to_rle_pytorch": run_lengths,
        "sam2.sam2_video_predictor.load_video_frames": frames_of,
        "samcheck.guest.models.sam2_predictors.Sam2Video._answer": lambda video, *answer: answer,
    }
)


def events(variant: str, model: Any, step: str, precision: str, arguments: list[Any]) -> list[list[int]]:
    """The events of one run, of a model that has done the same before on a smaller scale."""
    model = precisions.apply(model, precisions.PRECISIONS[precision], "cuda")
    steps = Sam2Steps(variants.VARIANTS[variant], model, SIZE)
    warm = (2, 1) if step == "video" else (1,)
    steps.generator  # noqa: B018
    found: list[list[int]] = []
    for given in (warm, arguments):
        COUNT["frames"] = given[0]
        with fake_cuda.StorageRecorder(model) as recorder, suppress(fake_cuda.Finished):
            getattr(steps, step)(*given)
        found = list(recorder.events)
    return found


def main() -> None:
    variant, runs = sys.argv[1], json.loads(sys.argv[2])
    with fake_cuda.gpu():
        model = variants.VARIANTS[variant].build()
        print(json.dumps([events(variant, model, *run) for run in runs]))


if __name__ == "__main__":
    main()
