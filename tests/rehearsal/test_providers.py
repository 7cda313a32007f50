"""An answer of ONNX Runtime's CPU provider never passes for the GPU's."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from samcheck.guest.defects.watch import DefectWatch
from samcheck.guest.models.backends import Unavailable, providers
from samcheck.guest.outcomes import CheckOutcome
from tests.processes.trial import Trial

WHY = (
    "CPU provider: nothing ran on the GPU, for ONNX Runtime 1.32.0 has no CUDA provider: install the "
    "onnxruntime-gpu that is built for CUDA 12 and cuDNN 9, in place of onnxruntime"
)


def install(monkeypatch: pytest.MonkeyPatch, *available: str) -> None:
    """Play what ONNX Runtime and PyTorch say of themselves."""
    runtime = ModuleType("onnxruntime")
    runtime.__spec__ = ModuleSpec("onnxruntime", None)
    runtime.__version__ = "1.32.0"  # type: ignore[attr-defined]
    runtime.get_available_providers = lambda: list(available)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    torch = ModuleType("torch")
    torch.version = SimpleNamespace(cuda="12.1")  # type: ignore[attr-defined]
    cudnn = SimpleNamespace(version=lambda: 90100)
    torch.backends = SimpleNamespace(cudnn=cudnn)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)


def test_without_its_cuda_provider_nothing_runs_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, providers.CPU)
    assert providers.provider_for("cuda") == providers.CPU
    assert providers.not_on_gpu(providers.CPU, "cuda") == WHY
    with pytest.raises(Unavailable, match="CPU provider"):
        providers.gpu_provider_for("cuda")
    assert providers.gpu_provider_for("cpu") == providers.CPU


def test_an_old_cudnn_counts_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, providers.CPU)
    sys.modules["torch"].backends.cudnn.version = lambda: 8902
    assert "CUDA 12 and cuDNN 8, in place" in providers.not_on_gpu(providers.CPU, "cuda")


def test_a_build_for_gpus_is_asked_for_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, providers.CUDA, providers.CPU)
    assert providers.gpu_provider_for("cuda") == providers.CUDA
    assert providers.gpu_provider_for("cpu") == providers.CPU
    assert providers.not_on_gpu(providers.CUDA, "cuda") == ""
    assert providers.not_on_gpu(providers.CPU, "cpu") == ""
    assert providers.not_on_gpu(providers.CPU, "cuda").endswith("for this asks for that provider")


def test_a_known_defect_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, providers.CPU)
    watch = DefectWatch()
    settings: dict[str, str] = {}
    watch.outcome = CheckOutcome.KNOWN
    with providers.answering(providers.CPU, "cuda", settings, watch):
        pass
    assert settings == {"provider": providers.CPU}
    watch.outcome = CheckOutcome.FIXED
    with (
        pytest.raises(pytest.skip.Exception, match="CPU provider"),
        providers.answering(providers.CPU, "cuda", settings, watch),
    ):
        pass


SUITE = """
import sys
from types import ModuleType
from samcheck.guest.models.backends import providers

providers.not_on_gpu = lambda provider, device: "CPU provider: why" if device == "cuda" else ""

def test_it(settings):
    with providers.answering(providers.CPU, {device!r}, settings, None):
        assert {held}
"""


@pytest.mark.parametrize(
    ("device", "held", "outcome"),
    [("cuda", True, "skipped"), ("cuda", False, "failed"), ("cpu", True, "passed")],
)
def test_what_held_on_the_cpu_is_not_tried_on_the_gpu(
    tmp_path: Path, device: str, held: bool, outcome: str
) -> None:
    """A wrong answer fails anyway; the provider is stored in each case."""
    trial = Trial(tmp_path)
    trial.write(SUITE.format(device=device, held=held))
    (check,) = trial.run().checks
    assert check.outcome == outcome
    assert check.settings == {"provider": providers.CPU}
    if outcome == "skipped":
        assert check.reason == "CPU provider: why"
