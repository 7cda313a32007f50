"""Can SAM be imported, do the packages it needs work together, and does the device compute?

This module does not import torch at the top level: it must be able to report why torch cannot be imported.
"""

from __future__ import annotations

import importlib.util
from importlib import metadata
from typing import Any, Dict

import pytest

PACKAGES = {
    "numpy": "numpy",
    "torch": "torch",
    "torchvision": "torchvision",
    "segment_anything": "segment-anything",
}


@pytest.mark.parametrize("module", sorted(PACKAGES))
def test_package_imports(module: str, settings: Dict[str, str]) -> None:
    """Each package imports, and its version is the one in its metadata.

    A torchvision build that does not match torch fails here:
    https://github.com/facebookresearch/sam2/issues/220
    """
    imported = importlib.import_module(module)
    installed = metadata.version(PACKAGES[module])
    settings["version"] = str(getattr(imported, "__version__", installed))
    # PyTorch's own builds report 2.4.1+cu121 where the default index has 2.4.1.
    assert settings["version"].split("+")[0] == installed.split("+")[0]


def test_numpy_bridge() -> None:
    """Arrays convert between torch and NumPy, which a torch built for NumPy 1 cannot do under NumPy 2.

    https://github.com/facebookresearch/segment-anything/issues/477
    """
    import numpy as np
    import torch

    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    back = torch.as_tensor(pixels).numpy()
    assert back.dtype == np.uint8
    assert (back == pixels).all()


def test_pycocotools_can_be_imported(defect: Any) -> None:
    """If it is there: before 2.0.8 it is compiled for NumPy 1, and cannot be imported under NumPy 2.

    https://github.com/ppwwyyxx/cocoapi/pull/24
    """
    if importlib.util.find_spec("pycocotools") is None:
        pytest.skip("not installed: pycocotools, which SAM needs for coco_rle only")
    try:
        importlib.import_module("pycocotools.mask")
    except ValueError:
        with defect("pycocotools-numpy"):
            raise


def test_torchvision_operator(device: str) -> None:
    """torchvision's compiled `nms`, which the automatic mask generator needs, works on the device.

    https://github.com/facebookresearch/sam2/issues/220
    """
    import torch
    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]], device=device)
    kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7], device=device), 0.5)
    assert kept.tolist() == [0, 2]


def test_device_computes(device: str, settings: Dict[str, str]) -> None:
    """The PyTorch build has machine code for this device and computes a correct matrix product on it.

    https://github.com/facebookresearch/sam3/issues/374
    """
    import torch

    settings["device"] = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    left = torch.arange(6.0, device=device).reshape(2, 3)
    assert (left @ left.T).cpu().tolist() == [[5.0, 14.0], [14.0, 50.0]]


def test_encoder_kernels(precision: str, device: str, defect: Any) -> None:
    """Every layer type of the image encoder has a kernel for the precision on the device.

    https://github.com/yatengLG/ISAT_with_segment_anything/issues/126
    """
    from samcheck.guest.models import precision_support, precisions

    missing = precision_support.unavailable(precisions.PRECISIONS[precision], device)
    if precision == "fp16" and device == "cpu":
        with defect("cpu-half-kernels"):
            if missing:
                raise RuntimeError(missing.partition(": ")[2])
    elif precision in ("fp32", "fp16", "bf16"):  # what every device that SAM runs on must have
        assert missing is None
    elif missing:
        pytest.skip("no {} on {}: {}".format(precision, device, missing))
