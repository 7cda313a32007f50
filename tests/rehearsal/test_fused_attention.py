"""Kernels of attention that refuse, fail or are not obtained, without a GPU that has them."""

from __future__ import annotations

from typing import Any

import pytest

from samcheck.guest.defects.catalogue import DEFECTS
from tests.rehearsal.test_cuda_graphs import printed


@pytest.fixture(scope="module")
def played(interpreter: str) -> Any:
    return printed(interpreter, "played_attention")


def test_kernels_that_are_here_run_and_others_say_why_not(played: Any) -> None:
    reasons = played["reasons"]
    assert (reasons["math"], reasons["flash"]) == ("ran: ['math']", "ran: ['flash']")
    for kernel in ("efficient", "cudnn"):
        assert reasons[kernel] == f"unavailable: this PyTorch has no {kernel} kernel of attention for CPU"


def test_a_refusal_keeps_what_pytorch_says(played: Any) -> None:
    """The error itself names no cause; PyTorch warns of it."""
    assert "No viable backend" in played["reasons"]["forced"]
    assert played["reasons"]["warned"].startswith(
        "unavailable: the flash kernel does not take these tensors: "
    )
    assert played["reasons"]["warned"].endswith("does not support non-null attn_mask.")


def test_a_kernel_that_fails_is_no_refusal(played: Any) -> None:
    said = played["reasons"]["broken"]
    assert said.startswith("failed: cuDNN Frontend error")
    assert DEFECTS["sdpa-cudnn-no-plan"].matches(RuntimeError(said))


def test_another_kernel_than_the_forced_one_is_named(played: Any) -> None:
    assert played["reasons"]["not forced"] == "ran: ['flash']"


def test_the_model_has_its_own_attention_again(played: Any) -> None:
    assert played["own"]
