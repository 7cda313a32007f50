"""Whether a large image encoder that does not fit in float32 fits in a narrower precision.

With a large model the encoder needs more than a batch of points on an image of usual size, so smaller
batches do not help: https://github.com/facebookresearch/segment-anything/issues/174
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Optional

from ..models import precision_support, precisions, weights
from ..models.variant import Variant
from .failures import attempt
from .peaks import Steps
from .process_memory import LIMITS, MIB, recover

#: The limit, as a share of what the encoder needs in float32; in bfloat16 it needs 0.5.
SHARE = 0.65


@dataclass(frozen=True)
class Narrowed:
    """The result of encoding one image under one limit, in float32 and in a narrower precision.

    Attributes:
        unsupported: why the precision cannot run here; the other fields are then empty.
        need_mib: what must be allowed for the encoder in float32, as estimated.
        limit_mib: what the limit allowed.
        wide_error, narrow_error: the error in each; empty if it did not fail.
        narrow_seconds: how long the narrower one took.
        finite: the narrower one's features are finite.
    """

    unsupported: Optional[str] = None
    need_mib: float = 0.0
    limit_mib: float = 0.0
    wide_error: str = ""
    narrow_error: str = ""
    narrow_seconds: float = 0.0
    finite: bool = False


def encoding(variant: Variant, device: str, precision: str) -> Narrowed:
    """Encode in float32, which should fail, then in `precision`."""
    wanted = precisions.PRECISIONS[precision]
    missing = precision_support.unavailable(wanted, device)
    if missing:
        return Narrowed(unsupported=missing)
    model: Any = weights.load(variant)[0].to(device)
    wide = Steps(variant, model, "fp32", device)
    need = wide.allowance("encode", 1)
    limit = int(need * SHARE)
    failure = _under(limit, wide, device)[1]
    narrow = Steps(variant, precisions.apply(model, wanted, device), precision, device)
    begin = perf_counter()
    finite, narrow_failure = _under(limit, narrow, device)
    return Narrowed(
        need_mib=need / MIB,
        limit_mib=limit / MIB,
        wide_error=failure.error if failure else "",
        narrow_error=narrow_failure.error if narrow_failure else "",
        narrow_seconds=perf_counter() - begin,
        finite=bool(finite),
    )


def _under(limit: int, steps: Steps, device: str) -> Any:
    recover(device)
    with LIMITS[device](limit):
        return attempt(partial(steps.encode, 1))
