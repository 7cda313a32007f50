"""Does what a popular deployment guide recommends work here, as it is written or when it is put right?

Each check stores a verdict, the exact error where there is one, and what was claimed beside what was
measured. On the small model a step takes about 10 ms and ratios of time are good to a tenth or so; on a CPU
they say nothing of GPUs.
"""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import pytest

from samcheck.guest.models.backends import or_skip
from samcheck.guest.models.onnx_export import Exports
from samcheck.guest.models.variant import sam_predictor
from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.recipes import FIRST_REQUEST, LOADING, RECIPES
from samcheck.guest.recipes.recipe import Context
from samcheck.guest.recipes.trial import RecipeTrial
from samcheck.guest.record import VARIANT_TIERS

#: Sizes that a CPU encodes an image with in seconds; the others are for GPUs.
FOR_CPUS = ("tiny", "vit_b")

STEPS = [id for id, recipe in RECIPES.items() if recipe.says == "recipe"]
CLAIMS = [id for id, recipe in RECIPES.items() if recipe.says == "claim"]
CORRECTED = [id for id, recipe in RECIPES.items() if recipe.corrected is not None]

of_sam = pytest.mark.variants(*VARIANT_TIERS)
of_sizes = pytest.mark.variants(*LOADING)


@pytest.fixture(scope="module")
def context(
    loaded: Any,
    variant: str,
    device: str,
    exact_float32: None,
    scene: Any,
    new_predictor: Callable[[Any], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Context:
    if device == "cpu" and variant not in FOR_CPUS:
        pytest.skip("{} takes too long on a CPU, and its figures would say nothing of GPUs".format(variant))
    exports = Exports(loaded, str(tmp_path_factory.mktemp("recipes-" + variant)))
    model = copy.deepcopy(loaded).to(device)
    return Context(model, new_predictor, scene, device, exports, variant, VARIANTS[variant].tier == "fast")


@of_sam
@pytest.mark.parametrize("id", STEPS)
def test_as_written(
    id: str, context: Context, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """The literal recipe works, and what comes of it is right.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(RECIPES[id], settings, measured).as_written(context, defect)


@of_sam
@pytest.mark.parametrize("id", CORRECTED)
def test_corrected(id: str, context: Context, measured: Dict[str, float], settings: Dict[str, str]) -> None:
    """The recipe put right works.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(RECIPES[id], settings, measured).corrected(context)


@of_sam
@pytest.mark.full
def test_first_request(
    context: Context, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """In a new process a warm-up makes the next request as fast as any.

    https://github.com/ChaoningZhang/MobileSAM/issues/61
    """
    with or_skip():
        RecipeTrial(FIRST_REQUEST, settings, measured).as_written(context, defect)


@pytest.mark.parametrize("id", CLAIMS)
def test_claim(
    id: str,
    plain: Any,
    device: str,
    scene: Any,
    defect: Any,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """What the guide says of Python, CUDA and PyTorch is so in this environment.

    http://www.maplevalley.com.cn/news/2064736/
    """
    context = Context(plain, sam_predictor, scene, device, None, "tiny", True)
    with or_skip():
        RecipeTrial(RECIPES[id], settings, measured).as_written(context, defect)


@of_sizes
@pytest.mark.full
def test_loading_as_written(
    variant: str, context: Context, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """SAM's sizes load under the names that the guide has for their files.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(LOADING[variant], settings, measured).as_written(context, defect)


@of_sizes
@pytest.mark.full
def test_loading_corrected(
    variant: str, context: Context, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """SAM's sizes load from their official files, give the same masks, and take so much memory and time.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(LOADING[variant], settings, measured).corrected(context)
