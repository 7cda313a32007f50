"""Do the recommendations of a popular deployment guide work here, as written or when corrected?

Each check stores a verdict, the exact error if there is one, and the guide's claim next to the measurement.
On the small model a step takes about 10 ms and time ratios are accurate to about a tenth; on a CPU they say
nothing about GPUs.
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

#: Model sizes that encode an image in seconds on a CPU; the others need a GPU.
FOR_CPUS = ("tiny", "vit_b")

STEPS = [id for id, recipe in RECIPES.items() if recipe.says == "recipe"]
CLAIMS = [id for id, recipe in RECIPES.items() if recipe.says == "claim"]
CORRECTED = [id for id, recipe in RECIPES.items() if recipe.corrected is not None]

of_sam = pytest.mark.families("segment-anything")
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
        pytest.skip("{} takes too long on a CPU, and its figures say nothing about GPUs".format(variant))
    exports = Exports(loaded, str(tmp_path_factory.mktemp("recipes-" + variant)))
    model = copy.deepcopy(loaded).to(device)
    return Context(model, new_predictor, scene, device, exports, variant, VARIANTS[variant].tier == "fast")


@of_sam
@pytest.mark.parametrize("id", STEPS)
def test_as_written(
    id: str, context: Context, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """The recipe works as written, and its result is right.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(RECIPES[id], settings, measured).as_written(context, defect)


@of_sam
@pytest.mark.parametrize("id", CORRECTED)
def test_corrected(id: str, context: Context, measured: Dict[str, float], settings: Dict[str, str]) -> None:
    """The corrected recipe works.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(RECIPES[id], settings, measured).corrected(context)


@of_sam
@pytest.mark.full
def test_first_request(
    context: Context, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """In a new process, a warm-up makes the next request as fast as later ones.

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
    """The guide's claim about Python, CUDA or PyTorch holds in this environment.

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
    """The model sizes load under the file names that the guide uses.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(LOADING[variant], settings, measured).as_written(context, defect)


@of_sizes
@pytest.mark.full
def test_loading_corrected(
    variant: str, context: Context, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """The model sizes load from their official files and give the same masks; memory and time are stored.

    http://www.maplevalley.com.cn/news/2064736/
    """
    with or_skip():
        RecipeTrial(LOADING[variant], settings, measured).corrected(context)
