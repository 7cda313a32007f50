"""Does the driver run this build of PyTorch by one of NVIDIA's rules, and also in other ways of loading code?

For GPUs only. The ways are environment variables of CUDA, so that each has a fresh process
(`samcheck.guest.fresh_encode`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Callable, Dict

import numpy as np
import pytest

from samcheck.guest import driver_compatibility, fingerprint, launch
from samcheck.guest.driver_compatibility import Compatibility

GROUP = "settings"

#: In a fresh process, none of these is the user's.
VARIABLES = ("CUDA_FORCE_PTX_JIT", "CUDA_CACHE_PATH", "CUDA_CACHE_DISABLE", "CUDA_MODULE_LOADING")

tiny_only = pytest.mark.variants("tiny")
float32_only = pytest.mark.precisions("fp32")


@pytest.fixture(scope="session")
def on_gpu(device: str) -> str:
    if device != "cuda":
        pytest.skip("the driver of a GPU has no part in a run on the {}".format(device))
    return device


@pytest.fixture(scope="session")
def compatibility(on_gpu: str) -> Compatibility:
    """Which of NVIDIA's rules applies here."""
    import torch

    libcuda, kernel = driver_compatibility.loaded_libcuda(), driver_compatibility.kernel_driver()
    package = driver_compatibility.is_compat_package(libcuda, kernel or "")
    return driver_compatibility.applies(driver_compatibility.driver_cuda(), str(torch.version.cuda), package)


@pytest.fixture
def encode(on_gpu: str, reference: Callable[[str], Any], tmp_path: Any) -> Callable[..., Dict[str, Any]]:
    """Encode in a fresh process with an empty cache and some variables; hold its answer to the oracle."""
    from samcheck.guest import oracle
    from samcheck.guest.models.inference import Prediction

    def run(**variables: str) -> Dict[str, Any]:
        name = "-".join(variables) or "plain"
        cache, answer = tmp_path / name, tmp_path / (name + ".npz")
        cache.mkdir()
        own = {key: value for key, value in os.environ.items() if key not in VARIABLES}
        search_path = os.pathsep.join(sys.path)
        environment = {**own, "PYTHONPATH": search_path, "CUDA_CACHE_PATH": str(cache), **variables}
        command = launch.command("samcheck.guest.fresh_encode", "--device", on_gpu, str(answer))
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
        seen: Dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
        seen["cached_bytes"] = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        if not seen["error"]:
            tolerance = oracle.TOLERANCES["fp32"]
            with np.load(str(answer)) as arrays:
                actual = Prediction(arrays["logits"], arrays["low_resolution"], arrays["scores"])
            wrong = oracle.deviation(actual, reference("point"), tolerance).problems(tolerance)
            assert not wrong, "{}: {}".format(name, wrong)
        return seen

    return run


def test_a_rule_of_compatibility_applies(compatibility: Compatibility, settings: Dict[str, str]) -> None:
    """The driver may run this build: it is as new as its CUDA, or minor-version or forward compatibility
    applies, by the libcuda that is really loaded.

    https://docs.nvidia.com/deploy/cuda-compatibility/
    """
    import torch

    of_libcuda = driver_compatibility.driver_cuda()
    settings.update(
        compatibility=str(compatibility),
        driver_cuda=of_libcuda,
        build_cuda=str(torch.version.cuda),
        libcuda=os.path.basename(driver_compatibility.loaded_libcuda()) or "not seen",
        kernel_driver=driver_compatibility.kernel_driver() or "not reported",
        CUDA_MODULE_LOADING=os.environ.get("CUDA_MODULE_LOADING", "not set"),
        module_loading=driver_compatibility.loading_mode() or "not reported",
    )
    assert compatibility is not Compatibility.NONE, "CUDA {} runs on a driver for {} by no rule".format(
        torch.version.cuda, of_libcuda
    )
    by_nvml = fingerprint.driver_facts().get("driver_cuda")
    if by_nvml and compatibility is not Compatibility.FORWARD:
        assert of_libcuda == by_nvml, "libcuda is not of the driver that NVML reports"


@pytest.mark.full
@tiny_only
@float32_only
def test_ptx_is_compiled(
    variant: str,
    precision: str,
    compatibility: Compatibility,
    encode: Callable[..., Dict[str, Any]],
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """With CUDA_FORCE_PTX_JIT=1 and an empty cache, as on a GPU newer than the build, masks are the same.

    https://docs.nvidia.com/cuda/ampere-compatibility-guide/
    """
    import torch

    settings["compatibility"] = str(compatibility)
    capability = torch.cuda.get_device_capability()
    ptx = driver_compatibility.usable_ptx(torch.cuda.get_arch_list(), capability)
    if not ptx:
        pytest.skip(
            "PyTorch {} holds no PTX that is compiled for compute capability {}.{}, only {}".format(
                torch.__version__, *capability, " ".join(torch.cuda.get_arch_list())
            )
        )
    settings["ptx"] = " ".join(ptx)
    plain, compiled = encode(), encode(CUDA_FORCE_PTX_JIT="1")
    assert not plain["error"]
    measured["first_call_ms"] = plain["first_ms"]
    if driver_compatibility.lacks_ptx(compiled["error"]):
        pytest.skip("some library has no PTX that this driver compiles: {}".format(compiled["error"]))
    assert not compiled["error"]
    measured.update(
        ptx_first_call_ms=compiled["first_ms"],
        ptx_second_call_ms=compiled["second_ms"],
        ptx_cached_mib=compiled["cached_bytes"] / 2**20,
    )
    assert compiled["cached_bytes"] > plain["cached_bytes"]  # it was really compiled


@pytest.mark.full
@tiny_only
@float32_only
@pytest.mark.parametrize("loading", ["EAGER", "LAZY"])
def test_module_loading(
    variant: str,
    precision: str,
    loading: str,
    encode: Callable[..., Dict[str, Any]],
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """Masks are the same whether CUDA loads all code at once or each kernel when it is first used.

    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#lazy-loading
    """
    seen = encode(CUDA_MODULE_LOADING=loading)
    assert not seen["error"]
    settings["module_loading"] = seen["loading"] or "not reported"
    measured.update(first_call_ms=seen["first_ms"], second_call_ms=seen["second_ms"])
    if seen["loading"]:  # from CUDA 11.7 on
        assert seen["loading"] == loading, "asked for {}, got {}".format(loading, seen["loading"])
