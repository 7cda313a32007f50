"""What the suite's start takes for a GPU that is gone, with a stand-in for PyTorch."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from samcheck.guest import device


def torch_that_says(error: str, name: str = "NVIDIA V100") -> SimpleNamespace:
    def ones(*_: object, **__: object) -> object:
        if error:
            raise RuntimeError(error)
        return SimpleNamespace(sum=lambda: 1.0)

    properties = SimpleNamespace(name=name)
    cuda = SimpleNamespace(init=lambda: None, get_device_properties=lambda _: properties)
    return SimpleNamespace(cuda=cuda, ones=ones)


@pytest.mark.parametrize(
    ("error", "name", "said"),
    [
        ("", "NVIDIA V100", ""),
        ("", "NVIDIA A100", "the GPU is NVIDIA A100, but NVIDIA V100 was expected"),
        ("CUDA error: unspecified launch failure", "NVIDIA V100", "no GPU can be used, but NVIDIA V100"),
        # The GPU is there; that the build has no code for it is for the checks to say.
        ("CUDA error: no kernel image is available for execution on the device", "NVIDIA V100", ""),
        ("the provided PTX was compiled with an unsupported toolchain.", "NVIDIA V100", ""),
        ("CUDA error: no kernel image is available", "NVIDIA A100", "the GPU is NVIDIA A100, but"),
    ],
)
def test_a_build_that_does_not_fit_is_no_lost_gpu(
    monkeypatch: pytest.MonkeyPatch, error: str, name: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch_that_says(error, name))
    found = device.difference("cuda", "NVIDIA V100")
    assert found.startswith(said) if said else found == ""
