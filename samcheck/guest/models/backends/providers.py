"""ONNX Runtime's execution providers: which one computes, and whether that is the GPU's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

from ...defects.watch import DefectWatch
from ...outcomes import CheckOutcome
from . import Unavailable, module

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def load() -> Any:
    return module("onnxruntime", "it runs ONNX files")


def provider_for(device: str) -> str:
    """Return the provider to request on `device`: the GPU's if the installed build reports it."""
    return CUDA if device == "cuda" and CUDA in load().get_available_providers() else CPU


def not_on_gpu(provider: str, device: str) -> str:
    """Return why what `provider` computes is not the GPU's, although SAM runs on `device`; empty if it is."""
    if device != "cuda" or provider != CPU:
        return ""
    if CUDA in load().get_available_providers():
        return "CPU provider: nothing ran on the GPU, for this asks for that provider"
    return (
        "CPU provider: nothing ran on the GPU, for ONNX Runtime {} has no CUDA provider: install the "
        "onnxruntime-gpu that is built for {}, in place of onnxruntime".format(load().__version__, _wanted())
    )


def _wanted() -> str:
    """Return the major versions that ONNX Runtime must share with PyTorch, ``CUDA 12 and cuDNN 9``."""
    import torch

    cuda, cudnn = str(torch.version.cuda).partition(".")[0], torch.backends.cudnn.version() or 0
    # 8902 is cuDNN 8.9.2, 90100 is 9.1.0.
    return "CUDA {} and cuDNN {}".format(cuda, cudnn // (1000 if cudnn < 10000 else 10000))


@contextmanager
def answering(
    provider: str, device: str, settings: Dict[str, str], watch: Optional[DefectWatch]
) -> Iterator[None]:
    """Hold what a session on `provider` answers, and store that provider in `settings`.

    An answer of the CPU provider must not pass for the GPU's: beside one, the check is skipped once it held.
    A known defect that `watch` has met stays one.
    """
    import pytest

    settings["provider"] = provider
    yield
    reason = not_on_gpu(provider, device)
    if reason and (watch is None or watch.outcome is not CheckOutcome.KNOWN):
        pytest.skip(reason)


def gpu_provider_for(device: str) -> str:
    """Return the provider for `device`.

    Raises:
        Unavailable: the installed build cannot compute there, and a time on the CPU would be taken for it.
    """
    provider = provider_for(device)
    reason = not_on_gpu(provider, device)
    if reason:
        raise Unavailable(reason)
    return provider


def unobtainable() -> str:
    """Return a provider that this build does not have."""
    return "ROCMExecutionProvider" if CUDA in load().get_available_providers() else CUDA
