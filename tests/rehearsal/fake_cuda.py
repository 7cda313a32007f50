"""Runs SAM's steps on a CUDA device that does not exist, and writes down every tensor they take.

Under FakeTensorMode PyTorch dispatches each operation for its device but computes shapes only, so a machine
without a GPU sees which tensors a GPU would hold. Libraries' workspaces are not among them.

Run by an interpreter with PyTorch, with `cudart_stub.c` preloaded, as
``python -m tests.rehearsal.fake_cuda VARIANT COUNT PRECISION...``. It prints the events ``[key, bytes]`` of
`samcheck.guest.memory_model.ledger` by precision and step, as JSON.
"""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from unittest import mock

import torch
from segment_anything import automatic_mask_generator
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from samcheck.guest.memory.peaks import Steps
from samcheck.guest.models import precisions, variants


class Finished(Exception):
    """The step has come to a point that depends on values, behind everything that is counted."""


class StorageRecorder(TorchDispatchMode):  # type: ignore[misc]
    """Records the storages on CUDA that operations take, and when they are freed.

    Attributes:
        events: as in a ledger.
        convolutions: how many events there were when each convolution began.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.events: list[list[int]] = []
        self.convolutions: list[int] = []
        self._seen = WeakIdKeyDictionary()
        # A storage's Python object is kept alive, else its identity is lost.
        self._weights = [tensor.untyped_storage() for tensor in held_by(model)]
        for storage in self._weights:
            self._seen[storage] = True

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten.convolution.default:
            self.convolutions.append(len(self.events))
        result = function(*args, **(kwargs or {}))
        pooling = function is torch.ops.aten.max_pool2d_with_indices.default
        if not pooling:
            self._inside(function, args, kwargs)
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "cuda":
                self._note(tensor.untyped_storage())
        if pooling:  # its results are there before it copies
            self._inside(function, args, kwargs)
        return result

    def _inside(self, function: Any, args: Any, kwargs: Any) -> None:
        """Record what a kernel takes for itself: `make_reduction` in aten/src/ATen/native/ReduceOpsUtils.h
        casts the input of a sum to the type of its result, unless that is half to float; and max pooling
        copies an input that is dense in no format (aten/src/ATen/native/cuda/DilatedMaxPool2d.cu)."""
        if function is torch.ops.aten.sum.dim_IntList and kwargs and kwargs.get("dtype"):
            given, wanted = args[0], kwargs["dtype"]
            if given.dtype not in (wanted, torch.float16, torch.bfloat16):
                self._briefly(given.numel() * wanted.itemsize)
        if function is torch.ops.aten.max_pool2d_with_indices.default:
            given = args[0]
            if not (given.is_contiguous() or given.is_contiguous(memory_format=torch.channels_last)):
                self._briefly(given.numel() * given.element_size())

    def _briefly(self, size: int) -> None:
        key = len(self.events)
        self.events += [[key, size], [key, -size]]

    def _note(self, storage: Any) -> None:
        if storage in self._seen or not storage.nbytes():
            return
        self._seen[storage] = True
        key, size = len(self.events), storage.nbytes()
        self.events.append([key, size])
        weakref.finalize(storage, self.events.append, [key, -size])


def held_by(model: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors that the model's modules hold, be they parameters or not."""
    for module in model.modules():
        for value in vars(module).values():
            for leaf in tree_leaves(value) if isinstance(value, (torch.Tensor, dict, list, tuple)) else ():
                if isinstance(leaf, torch.Tensor):
                    yield leaf


def finish(*args: Any, **kwargs: Any) -> Any:
    raise Finished


def embedded_points(encoder: Any, points: torch.Tensor, labels: torch.Tensor, pad: bool) -> torch.Tensor:
    """Take the place of `PromptEncoder._embed_points`, which selects by labels, and so by values."""
    batch, count, _ = points.shape
    return torch.empty(batch, count + pad, encoder.embed_dim, device=points.device)


RUN_LENGTHS = automatic_mask_generator.mask_to_rle_pytorch


def run_lengths(masks: torch.Tensor) -> Any:
    """Count run lengths up to where the number of changes, and so a size, depends on values."""
    with mock.patch("torch.Tensor.nonzero", finish):
        return RUN_LENGTHS(masks)


def traces(variant: str, model: Any, precision: str, at_once: int) -> dict[str, list[list[int]]]:
    """The events of each step with this many images, prompts or points."""
    model = precisions.apply(model, precisions.PRECISIONS[precision], "cuda")
    return recorded(variant, model, precision, at_once)


def recorded(variant: str, model: Any, precision: str, at_once: int) -> dict[str, list[list[int]]]:
    """The events of each step of a model on the GPU."""
    found = {}
    steps = Steps(variants.VARIANTS[variant], model, precision, "cuda")
    steps.large = True  # its features are then made up, and not computed
    steps.predictor  # noqa: B018
    for step in ("encode", "predict", "automatic"):
        with StorageRecorder(model) as recorder, suppress(Finished):
            getattr(steps, step)(at_once)
        found[step] = list(recorder.events)
    return found


def applied(module: torch.nn.Module, change: Any, recurse: bool = True) -> torch.nn.Module:
    """Take the place of `Module._apply`, which cannot exchange what a fake parameter holds."""
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            part.register_parameter(name, torch.nn.Parameter(change(weight)))
        for name, buffer in part.named_buffers(recurse=False):
            part.register_buffer(name, change(buffer))
    return module


AS_TENSOR = torch.as_tensor


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> torch.Tensor:
    """Take the place of `torch.as_tensor`, which copies to a GPU behind the back of FakeTensorMode."""
    tensor = AS_TENSOR(data, dtype=dtype)
    return torch.empty_like(tensor, device=device) if device is not None else tensor


SELECT = torch._C._select_conv_backend


def select_convolution(**options: Any) -> Any:
    """Choose PyTorch's own kernel where each channel has its own weights; cuDNN's would ask for the GPU."""
    if options["groups"] > 1:
        return torch._C._ConvBackend.CudaDepthwise2d
    return SELECT(**options)


#: What stands in the way of a GPU that is not there, or of values that are not computed.
REPLACED: dict[str, Any] = {
    "torch.cuda._lazy_init": lambda: None,
    "torch.cuda.is_available": lambda: False,
    "torch.cuda.amp.common.amp_definitely_not_available": lambda: False,
    "torch.cuda.is_bf16_supported": lambda *_, **__: True,
    "torch.nn.Module._apply": applied,
    "torch.as_tensor": as_tensor,
    "torch._C._select_conv_backend": select_convolution,
    "torch.isfinite": finish,
    "torch.all": lambda *_, **__: True,
    "segment_anything.modeling.PromptEncoder._embed_points": embedded_points,
    "segment_anything.automatic_mask_generator.mask_to_rle_pytorch": run_lengths,
}


#: One for all tensors, since those of two modes cannot be used together.
FAKE = FakeTensorMode(allow_non_fake_inputs=True)


@contextmanager
def gpu() -> Iterator[None]:
    """Inside, tensors on CUDA have shapes and no values."""
    torch.backends.cudnn.enabled = False  # which of its algorithms fits would be asked of the GPU
    with ExitStack() as stack:
        for name, replacement in REPLACED.items():
            stack.enter_context(mock.patch(name, replacement))
        stack.enter_context(torch.no_grad())
        stack.enter_context(FAKE)
        yield


def main() -> None:
    variant, at_once, *wanted = sys.argv[1:]
    with gpu():
        model = variants.VARIANTS[variant].build()
        print(json.dumps({name: traces(variant, model, name, int(at_once)) for name in wanted}))


if __name__ == "__main__":
    main()
