"""Does the device compute what it should, and twice the same bits, which other runs are compared with?"""

from __future__ import annotations

from typing import Dict

import pytest

from samcheck.guest import bits
from samcheck.guest.models import precision_support, precisions

GROUP = "correctness"


@pytest.mark.parametrize(("dtype", "name"), [("float32", "fp32"), ("float16", "fp16"), ("bfloat16", "bf16")])
def test_operations(
    dtype: str,
    name: str,
    device: str,
    exact_float32: None,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """The operations that SAM consists of agree with float64, and give the same bits twice.

    https://github.com/pytorch/pytorch/issues/105726
    """
    missing = precision_support.unavailable(precisions.PRECISIONS[name], device)
    if missing:
        pytest.skip(missing)
    first, second = (bits.operations(device, dtype) for _ in range(2))
    for operation, (actual, expected) in first.items():
        settings[bits.setting(operation)] = bits.digest([actual])
        measured[operation + "_relative_l2"] = bits.relative_error(actual, expected)
        assert measured[operation + "_relative_l2"] <= bits.ROUNDING[dtype], operation
        assert settings[bits.setting(operation)] == bits.digest([second[operation][0]]), operation
