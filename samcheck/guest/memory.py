"""Provoking a real allocation failure, and finding out what is left of it afterwards.

    python -m samcheck.guest.memory --device cpu --variant tiny --precision fp32

Runs in a process of its own, since the address-space limit of the CPU case holds for a whole
process, and prints a list of `Recovery` as JSON, one per precision.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import resource
import sys
import weakref
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Callable, Iterator, List, Optional

import numpy as np
import torch

from .sam import availability, pipeline, precisions, scenes, variants, weights

MIB = 2**20
_C_LIBRARY = ctypes.CDLL(None)

#: What a failed allocation says, by device and layer. CUBLAS and the driver do not raise
#: `torch.cuda.OutOfMemoryError`: https://github.com/pytorch/pytorch/issues/128601
OUT_OF_MEMORY = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator",
    "can't allocate memory",
    "not enough memory",
)


@dataclass(frozen=True)
class Recovery:
    """What was seen around one provoked allocation failure.

    Attributes:
        precision: the precision that ran.
        unsupported: why this precision cannot run here; the other fields are then empty.
        error: ``TypeName: message`` of the failure; empty when nothing failed.
        limit_mib: how much could still be allocated when the limit was set.
        wanted_mib: the size of the masks that were asked for.
        growth_mib: memory in use after the recovery minus before: allocated by tensors on a GPU,
            resident and anonymous in the process on the CPU.
        leaked_tensors: tensors that exist after the recovery and did not before.
        same_prediction: the prediction after the recovery is the one before, bit by bit.
    """

    precision: str
    unsupported: Optional[str] = None
    error: str = ""
    limit_mib: float = 0.0
    wanted_mib: float = 0.0
    growth_mib: float = 0.0
    leaked_tensors: int = 0
    same_prediction: bool = False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is a failed allocation, on any device, in any of its spellings."""
    if isinstance(error, MemoryError):
        return True
    text = "{}: {}".format(type(error).__name__, error)
    return isinstance(error, RuntimeError) and any(sign in text for sign in OUT_OF_MEMORY)


def _status_kib(field: str) -> int:
    """A field of /proc/self/status in KiB (``VmSize``, ``RssAnon``)."""
    with open("/proc/self/status", encoding="ascii") as stream:
        for line in stream:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise LookupError(field)


@contextmanager
def address_space(headroom: int) -> Iterator[None]:
    """Let this process map `headroom` bytes more than now; the old limit comes back afterwards."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = _status_kib("VmSize") * 1024 + headroom
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextmanager
def gpu_fraction(headroom: int) -> Iterator[None]:
    """Let this process hold `headroom` bytes of GPU memory more than now, without using the card up."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + headroom) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def in_use(device: str) -> float:
    """MiB in use: allocated by tensors on a GPU, resident and not of a file on the CPU.

    Pages of libraries are left out: how many of them are resident depends on what ran before.
    """
    if device == "cuda":
        return float(torch.cuda.memory_allocated()) / MIB
    return _status_kib("RssAnon") / 1024


def live_tensors() -> List[Any]:
    """A weak reference to every tensor that Python can reach."""
    return [weakref.ref(item) for item in gc.get_objects() if isinstance(item, torch.Tensor)]


def new_tensors(before: List[Any]) -> int:
    """How many tensors there are now that were not among `before`."""
    known = {id(tensor) for tensor in (reference() for reference in before) if tensor is not None}
    now = (reference() for reference in live_tensors())
    return sum(tensor is not None and id(tensor) not in known for tensor in now)


def _attempt(step: Callable[[], Any]) -> str:
    """Run `step`; the text of the allocation failure, empty if it went well.

    Only text leaves this function: keeping the exception would keep the frames, and with them every
    tensor of the failed call (https://github.com/pytorch/pytorch/issues/27600).
    """
    try:
        step()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return " ".join("{}: {}".format(type(error).__name__, error).split())
    return ""


def recover(device: str) -> None:
    """Give back what a failed call left: call it outside of the ``except`` block."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif hasattr(_C_LIBRARY, "malloc_trim"):  # glibc keeps freed blocks of up to 32 MiB for later
        _C_LIBRARY.malloc_trim(0)


def many_masks(ready: Any, count: int) -> None:
    """Ask for `count` prompts in one batch, as the automatic mask generator does."""
    size = ready.original_size
    coordinates = np.random.Generator(np.random.PCG64(0)).random((count, 1, 2)) * size[::-1]
    points = ready.transform.apply_coords(coordinates, size)
    device = ready.device
    ready.predict_torch(
        torch.as_tensor(points, dtype=torch.float32, device=device),
        torch.ones((count, 1), dtype=torch.int, device=device),
        multimask_output=True,
        return_logits=True,
    )


def provoke(ready: Any, precision: str, device: str) -> Recovery:
    """Make one batch of prompts fail for want of memory, recover, and look around.

    The limit leaves a quarter of what the masks of the batch alone need, so the failure does not
    depend on how full the machine is.
    """
    scene = scenes.draw(7, 240, 320)
    given = pipeline.prompt(scene, "point")
    side = ready.model.image_encoder.img_size
    count = 64 if side >= 1024 else 512
    wanted = count * 3 * side**2 * 4
    limit = gpu_fraction if device == "cuda" else address_space

    ready.set_image(scene.image)
    many_masks(ready, 8)  # warm the allocator and the thread pool, so that they are in the baseline
    before = pipeline.predict(ready, given)
    recover(device)
    tensors, used = live_tensors(), in_use(device)
    with limit(wanted // 4):
        error = _attempt(lambda: many_masks(ready, count))
        recover(device)
        leaked = new_tensors(tensors)
        growth = in_use(device) - used
        after = pipeline.predict(ready, given)
    return Recovery(
        precision=precision,
        error=error,
        limit_mib=wanted / 4 / MIB,
        wanted_mib=wanted / MIB,
        growth_mib=growth,
        leaked_tensors=leaked,
        same_prediction=bool(
            np.array_equal(before.low_resolution, after.low_resolution)
            and np.array_equal(before.logits, after.logits)
        ),
    )


def main(arguments: Optional[List[str]] = None) -> None:
    variants.discover()
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.memory")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--variant", choices=sorted(variants.VARIANTS), required=True)
    parser.add_argument("--precision", action="append", choices=sorted(precisions.PRECISIONS), required=True)
    options = parser.parse_args(arguments)
    torch.set_grad_enabled(False)
    variant = variants.VARIANTS[options.variant]
    model: Any = weights.load(variant)[0]
    found = []
    for index, name in enumerate(options.precision):
        precision = precisions.PRECISIONS[name]
        missing = availability.unavailable(precision, options.device)
        if missing:
            found.append(Recovery(name, unsupported=missing))
            continue
        applied = precisions.apply(model, precision, options.device)
        if index == len(options.precision) - 1:
            model = None  # 2.5 GiB for the largest variant
        found.append(provoke(variant.predictor(applied), name, options.device))
        del applied
    json.dump([asdict(recovery) for recovery in found], sys.stdout)


if __name__ == "__main__":
    main()
