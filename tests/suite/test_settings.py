"""Does SAM leave process-wide settings unchanged, and does it work when others change them?

One process imports, builds and uses SAM (`samcheck.guest.process_settings`); the checks read its report.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zlib
from collections import Counter
from typing import Any, Dict

import pytest

from samcheck.guest import launch, process_settings
from samcheck.guest.plugin import ENVIRONMENT

#: Allowed rounding from summing in another order; 3e-7 of the largest logit was measured between one thread
#: and two.
ROUNDING = 1e-5

#: The variable that some PyTorch releases set when they start CUDA.
CUDA_STARTS = re.compile(r"added CUDA_MODULE_LOADING=\w+$")

#: Known defects of other packages that change a setting, by setting.
KNOWN = {
    "environment": "import-sets-environment",
    "warnings_filters": "import-filters-warnings",
}


@pytest.fixture(scope="module")
def report(device: str) -> Dict[str, Any]:
    """The report of `samcheck.guest.process_settings`, run in a fresh process."""
    environment = dict(ENVIRONMENT, PYTHONPATH=os.pathsep.join(sys.path))
    environment["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS must have it before deterministic mode
    done = subprocess.run(
        launch.command("samcheck.guest.process_settings", "--device", device),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        pytest.fail("the process exited with status {}: {}".format(done.returncode, last), pytrace=False)
    seen: Dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


class ChangedSetting(Exception):
    """Importing or using SAM changed a setting of the process."""


def change(before: str, after: str) -> str:
    """Describe what was added and removed, word by word, so that long settings stay readable."""
    old, new = Counter(before.split(" ")), Counter(after.split(" "))
    gone, come = " ".join((old - new).elements()), " ".join((new - old).elements())
    return "{} instead of {}".format(come or "nothing", gone or "nothing") if gone else "added " + come


def brief(value: str) -> str:
    """Shorten a setting for storage: long ones, such as the environment, become a digest."""
    return value if len(value) <= 80 else "digest {:08x}".format(zlib.crc32(value.encode()))


@pytest.mark.parametrize("name", sorted(process_settings.READERS))
def test_setting_is_left_alone(
    name: str, report: Dict[str, Any], defect: Any, settings: Dict[str, str]
) -> None:
    """Importing torchvision and segment_anything, building SAM and using it leave this setting unchanged.

    https://github.com/MouseLand/cellpose/issues/1253
    """
    stages = report["snapshots"]
    if name not in stages["torch"]:
        pytest.skip("this PyTorch has no torch.{}".format(name))
    for stage in ("torch", "imported", "built", "used"):
        assert not stages[stage][name].startswith("cannot be read"), stages[stage][name]
    settings.update(before=brief(stages["torch"][name]), after=brief(stages["used"][name]))
    for before, after, step in (
        ("torch", "imported", "importing"),
        ("imported", "built", "building"),
        ("built", "used", "using"),
    ):
        if stages[before][name] == stages[after][name]:
            continue
        difference = change(stages[before][name], stages[after][name])
        of_cuda = name == "environment" and CUDA_STARTS.match(difference)
        if step == "building" and (name in process_settings.CHANGED_BY_BUILDING or of_cuda):
            settings["building"] = difference
            continue
        with defect(*([KNOWN[name]] if name in KNOWN else [])):
            raise ChangedSetting("{} by {}: {}".format(name, step, difference))


def test_forked_child_uses_the_device(report: Dict[str, Any], settings: Dict[str, str]) -> None:
    """A child forked after importing SAM can use the device: importing does not break forking.

    https://github.com/pytorch/pytorch/issues/40403
    """
    settings["child"] = report["fork"]
    assert report["fork"] == "4.0"


@pytest.mark.parametrize("condition", ["repeated", "no-grad", "inference-mode", "one-thread"])
def test_condition_changes_nothing(
    condition: str, report: Dict[str, Any], measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """Under this condition SAM gives bit-identical answers; with one thread, equal up to rounding.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    seen = report["under"][condition]
    assert not seen["error"]
    measured["relative_difference"] = seen["difference"]
    settings["dtypes"] = seen["dtypes"]
    assert seen["difference"] <= (ROUNDING if condition == "one-thread" else 0)
    assert seen["dtypes"] == "float32, float32, float32"


def test_deterministic_algorithms(report: Dict[str, Any], device: str, defect: Any) -> None:
    """SAM runs under `torch.use_deterministic_algorithms(True)` and gives the same answer.

    https://github.com/pytorch/pytorch/issues/89492
    """
    seen = report["under"]["deterministic"]
    if device == "cpu":
        assert seen["error"] == ""
        assert seen["difference"] == 0
        return
    with defect("cumsum-deterministic"):
        if seen["error"]:
            raise RuntimeError(seen["error"].partition(": ")[2])
        assert seen["difference"] <= ROUNDING


def test_default_float64(report: Dict[str, Any], defect: Any) -> None:
    """A float32 model gives the same answer after `torch.set_default_dtype(torch.float64)`.

    https://github.com/pytorch/pytorch/issues/144673
    """
    seen = report["under"]["default-float64"]
    with defect("default-dtype-float64"):
        if seen["error"]:
            raise RuntimeError(seen["error"].partition(": ")[2])
        assert seen["difference"] == 0
        assert seen["dtypes"] == "float32, float32, float32"
