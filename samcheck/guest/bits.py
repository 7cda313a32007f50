"""The exact bits of results, to be compared with those of other runs.

The same kind of device gives the same bits with the same driver, libraries and build of PyTorch, and may give
others as soon as one of these changes: a library chooses its algorithm also by the number of
multiprocessors (https://github.com/pytorch/pytorch/issues/105726). So other bits are no error, unless
nothing else is different.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, Callable, Dict, Iterable, Tuple

import numpy as np

from .record import BITS

#: Relative L2 error of an operation that rounding explains, by dtype: five to ten times what torch 2.0.1,
#: 2.4.1 and 2.15.0 made on a CPU at most. TF32 in place of float32 would make 3e-4.
ROUNDING = {"float32": 3e-6, "float16": 1e-3, "bfloat16": 1.7e-2}
SEED = 20230405


def digest(arrays: Iterable[Any]) -> str:
    """Return 16 hexadecimal digits for the dtypes, shapes and bytes of tensors or arrays.

    NaN with other bits count as different, and so do 0 and -0.
    """
    found = hashlib.sha256()
    for array in arrays:
        found.update("{} {} ".format(array.dtype, tuple(array.shape)).encode())
        found.update(_bytes(array))
    return found.hexdigest()[:16]


def _bytes(array: Any) -> bytes:
    if isinstance(array, np.ndarray):
        return bytes(array.tobytes())
    import torch

    plain = array.detach().cpu().contiguous().view(-1)
    return bytes(plain.view(torch.uint8).numpy().tobytes())  # NumPy has no bfloat16


def setting(what: str) -> str:
    """Return the name under which a check stores the bits of something."""
    return BITS + what


def operations(device: str, dtype: str) -> Dict[str, Tuple[Any, Any]]:
    """Return results of the operations that SAM consists of, and the same in float64 from the same numbers.

    The numbers come from NumPy's legacy generator, whose stream never changes (NEP 19).
    """
    import torch
    from torch.nn import functional

    numbers = np.random.RandomState(SEED)

    def drawn(*shape: int) -> Any:
        return torch.from_numpy(numbers.standard_normal(shape)).to(getattr(torch, dtype))

    image, kernel, wide, square = drawn(2, 8, 64, 64), drawn(16, 8, 3, 3), drawn(384, 512), drawn(512, 512)
    heads, other_heads = drawn(12, 196, 64), drawn(12, 64, 196)
    steps: Dict[str, Callable[[Callable[[Any], Any]], Any]] = {
        "matrix": lambda on: on(wide) @ on(square),
        "batched": lambda on: torch.bmm(on(heads), on(other_heads)),
        "convolution": lambda on: functional.conv2d(on(image), on(kernel), padding=1),
        "softmax": lambda on: functional.softmax(on(wide), dim=-1),
        "layer_norm": lambda on: functional.layer_norm(on(wide), (512,)),
        "gelu": lambda on: functional.gelu(on(wide)),
        "sum": lambda on: on(square).sum(dim=0),
    }
    return {
        name: (step(lambda tensor: tensor.to(device)), step(lambda tensor: tensor.double()))
        for name, step in steps.items()
    }


def relative_error(actual: Any, expected: Any) -> float:
    """Return the relative L2 error of a tensor; infinite if it is not finite."""
    error = float((actual.cpu().double() - expected).norm() / expected.norm())
    return error if math.isfinite(error) else math.inf
