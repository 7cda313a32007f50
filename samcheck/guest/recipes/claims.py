"""The guide's claims about Python, CUDA and PyTorch, tested in the running environment.

A claim that this environment cannot test is not tried. One environment can contradict a claim, but cannot
prove it.
"""

from __future__ import annotations

import os
import sys
from typing import List

import numpy as np
import torch

from ..models import inference
from ..models.backends import Unavailable
from .recipe import Context, Contradicted, Measured, Recipe, SilentlyWrong, mean_iou

#: Minimum IoU of the small model's mask for a point inside the front shape with the true mask.
LEAST_QUALITY = 0.8
PYTHONS = ((3, 8), (3, 10))
#: Machine code for Hopper and Blackwell, which CUDA 11.7 does not support.
NEWER_THAN_11_7 = ("sm_90", "sm_100", "sm_120")


def _works(context: Context) -> float:
    """Return the IoU of SAM's best mask with the true one.

    Raises:
        SilentlyWrong: it is too low for SAM to work here.
    """
    prediction = inference.segment(context.predictor(context.model), context.scene, context.prompt)
    best = prediction.masks[int(np.argmax(prediction.scores))]
    quality = mean_iou(best[None], context.scene.shapes[-1].mask[None])
    if not quality >= LEAST_QUALITY:
        raise SilentlyWrong("the mask has an IoU of {:.2f} with the true one".format(quality))
    return quality


def python(context: Context) -> Measured:
    """Test the claim "Python 3.8 to 3.10 only"."""
    quality = _works(context)
    if _advised_against(context):
        raise Contradicted("SAM works here on Python {}.{}".format(*sys.version_info))
    return {"iou_with_truth": quality}


def _advised_against(_: Context) -> bool:
    return not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]


def cuda(context: Context) -> Measured:
    """Test the claim that CUDA 11.7 is the most stable choice, by what this build has machine code for."""
    build = torch.version.cuda
    if build is None:
        raise Unavailable("this is a CPU build of PyTorch")
    if build != "11.7":
        if context.device != "cuda":
            raise Unavailable("this build is for CUDA {}, and there is no GPU to run it".format(build))
        _works(context)
        raise Contradicted("SAM works on this GPU with CUDA {}".format(build))
    known = _architectures()
    if not any(
        architecture in NEWER_THAN_11_7 or architecture.startswith("compute_") for architecture in known
    ):
        raise Contradicted("this build runs on no GPU of Hopper or Blackwell: it is for " + " ".join(known))
    return {}


def _architectures() -> List[str]:
    return list(torch._C._cuda_getArchFlags().split())


def toolkit(context: Context) -> Measured:
    """Test ``conda install cudatoolkit=11.7``: does PyTorch use a separately installed CUDA runtime?"""
    if torch.version.cuda is None:
        raise Unavailable("this is a CPU build of PyTorch")
    loaded = _runtimes()
    if not loaded:
        raise Unavailable("this process has loaded no CUDA runtime")
    packages = os.path.dirname(os.path.dirname(torch.__file__))
    own = [os.path.relpath(path, packages) for path in loaded if path.startswith(packages + os.sep)]
    if own:
        raise Contradicted("PyTorch {} brings its own CUDA runtime: {}".format(torch.__version__, own[0]))
    return {}


def _runtimes() -> List[str]:
    """List the CUDA runtime files that this process has mapped."""
    with open("/proc/self/maps", encoding="utf-8") as stream:
        return sorted({line.split()[-1] for line in stream if "/libcudart" in line})


def image(context: Context) -> Measured:
    """Test ``FROM nvidia/cuda:11.7.1-base``, Python 3.9, torch 2.0.1+cu117: do they work together?

    Whether the tag exists is not tested here.
    """
    wanted = {"Python": "3.9", "PyTorch": "2.0.1", "CUDA": "11.7"}
    here = {
        "Python": "{}.{}".format(*sys.version_info),
        "PyTorch": torch.__version__.split("+")[0],
        "CUDA": str(torch.version.cuda),
    }
    if here != wanted:
        observed = ", ".join("{} {}".format(name, value) for name, value in here.items())
        raise Unavailable("this is another environment: " + observed)
    return {"iou_with_truth": _works(context)}


def torch_bool(context: Context) -> Measured:
    """Test ``module 'torch' has no attribute 'bool'``: does SAM's use of it raise that here?"""
    from segment_anything.utils.amg import MaskData

    kept = MaskData(scores=torch.arange(3))
    try:
        kept.filter(torch.tensor([True, False, True], dtype=torch.bool))
    except AttributeError as error:
        return {"raised": float("bool" in str(error))}
    if kept["scores"].tolist() != [0, 2]:
        raise SilentlyWrong("filtering by a mask kept {}".format(kept["scores"].tolist()))
    raise Contradicted("PyTorch {} has torch.bool, as every release since 1.2".format(torch.__version__))


RECIPES = (
    Recipe(
        "python-range",
        "Python 3.8 to 3.10 only",
        "newer ones are to be avoided",
        python,
        defects=("recipe-python-range",),
        expected=_advised_against,
        says="claim",
    ),
    Recipe(
        "cuda-11.7",
        "CUDA 11.7 is the most stable",
        "the choice for production",
        cuda,
        defects=("recipe-cuda-11.7",),
        says="claim",
    ),
    Recipe(
        "cudatoolkit",
        "conda install cudatoolkit=11.7",
        "PyTorch gets its CUDA from there",
        toolkit,
        defects=("recipe-cudatoolkit",),
        says="claim",
    ),
    Recipe(
        "docker-image",
        "FROM nvidia/cuda:11.7.1-base, Python 3.9, torch 2.0.1+cu117",
        "they go together",
        image,
        says="claim",
    ),
    Recipe(
        "torch-bool",
        "module 'torch' has no attribute 'bool'",
        "an error to be met",
        torch_bool,
        defects=("recipe-torch-bool",),
        says="claim",
    ),
)
