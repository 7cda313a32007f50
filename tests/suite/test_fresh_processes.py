"""Does SAM compute the same bits in every process, as callers that store or compare features expect?"""

from __future__ import annotations

from typing import Any, Callable, Dict, Sequence

import pytest
import torch

from samcheck.guest import fresh_encoder
from samcheck.guest.plugin import ENVIRONMENT
from samcheck.guest.record import PRECISION_NAMES

GROUP = "correctness"


@pytest.fixture(scope="session")
def in_fresh_process(isolated: Any, asked_with: Callable[[str], Sequence[str]]) -> Callable[[int, str], str]:
    """Return a function that gives the digest of features from the n-th process that does nothing else."""

    def get(number: int, precision: str) -> str:
        rows = isolated(
            "encoded-bits", names=asked_with(precision), threads=torch.get_num_threads(), number=number
        )
        digests: Dict[str, str] = {row["precision"]: row["digest"] for row in rows}
        assert precision in digests, "{} runs in this process, but not in a fresh one".format(precision)
        return digests[precision]

    return get


def test_same_bits_in_two_processes(
    ready: Any, precision: str, device: str, in_fresh_process: Callable[[int, str], str]
) -> None:
    """Two processes that have computed nothing before encode an image to the same bits.

    On a CPU they are also the bits of the process that runs the checks. On a GPU the other processes have
    smaller workspaces, for which libraries may choose other kernels.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    first, second = (in_fresh_process(number, precision) for number in (1, 2))
    assert first == second
    if device == "cpu":
        assert first == fresh_encoder.digest(ready.features), "this process encodes to other bits"


@pytest.mark.full
@pytest.mark.variants("tiny")
def test_same_bits_in_two_interpreters(variant: str, device: str, settings: Dict[str, str]) -> None:
    """Two interpreters that run at the same time, with other hashes of strings, encode to the same bits.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    first, second = fresh_encoder.ask(variant, device, PRECISION_NAMES, ENVIRONMENT, 2)
    settings["precisions"] = ", ".join(first)
    assert "fp32" in first
    assert first == second
