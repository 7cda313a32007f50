"""Everything in float64, where implementations themselves ask for less.

SAM 2 stores a memory in bfloat16, and it rotates queries and keys, encodes times and makes frames in float32,
and so does transformers' implementation. Rounded differently by one unit, two memories differ by 1e-3: so
videos can be compared closely only where neither rounds.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import Any, Iterator
from unittest import mock

import torch


def _double(tensor: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return tensor.double()


@contextmanager
def everything_in_float64() -> Iterator[None]:
    """Let code that asks for float32 or bfloat16 get float64; models must be built and asked within."""
    before = torch.get_default_dtype()
    with ExitStack() as changed:
        changed.callback(torch.set_default_dtype, before)
        wide = torch.float64
        torch.set_default_dtype(wide)
        for name in ("float32", "float", "bfloat16"):
            changed.enter_context(mock.patch.object(torch, name, wide))
        changed.enter_context(mock.patch.object(torch.Tensor, "float", _double))
        yield
