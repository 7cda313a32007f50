"""EfficientViT-SAM's own traps: what works with segment-anything and not with it."""

from __future__ import annotations

import ast
import copy
import re
from contextlib import nullcontext
from importlib import metadata
from typing import Any, Iterator

import numpy as np
import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, scenes
from samcheck.guest.models.families import efficientvit_sam

GROUP = "pitfalls"

FAMILY = efficientvit_sam.EFFICIENTVIT.name
pytestmark = pytest.mark.families(FAMILY)
on_the_small_one = pytest.mark.variants("efficientvit_sam_mini")


class SilentlyWrong(Exception):
    """A step returned finite but wrong numbers; the message says which."""


class WrongDeclaration(Exception):
    """A package's metadata promise what its code does not keep."""


@on_the_small_one
@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_encoder_cast(loaded: Any, variant: str, name: str, defect: Any) -> None:
    """`image_encoder.half()` or `.bfloat16()` runs, with pixels of that dtype.

    https://github.com/mit-han-lab/efficientvit/blob/master/efficientvit/models/nn/ops.py
    """
    encoder = getattr(copy.deepcopy(loaded.image_encoder), name)()
    pixels = getattr(torch.rand(1, 3, loaded.image_size[1], loaded.image_size[1]), name)()
    with defect("efficientvit-half"), torch.no_grad():
        encoder(pixels)


@on_the_small_one
@pytest.mark.parametrize("longest", ["other", "same"])
def test_bgr(loaded: Any, variant: str, new_predictor: Any, longest: str, defect: Any) -> None:
    """A BGR image gives the features of its RGB form, also if its longer side is that of the input.

    https://github.com/mit-han-lab/efficientvit/blob/master/efficientvit/models/efficientvit/sam.py
    """
    side = loaded.image_size[1]
    image = scenes.draw(7, *((side // 2, side) if longest == "same" else (240, 320))).image
    rgb, bgr = new_predictor(loaded), new_predictor(loaded)
    rgb.set_image(image)
    with defect("efficientvit-bgr") if longest == "same" else nullcontext():
        bgr.set_image(np.ascontiguousarray(image[..., ::-1]), image_format="BGR")
        assert torch.equal(bgr.features, rgb.features)


def test_epsilon_of_builders(defect: Any) -> None:
    """A model from the function for its size computes as one from the function that loads checkpoints.

    https://github.com/mit-han-lab/efficientvit/blob/master/efficientvit/sam_model_zoo.py
    """
    from efficientsam.models.efficientvit.sam import efficientvit_sam_l0
    from efficientsam.sam_model_zoo import create_efficientvit_sam_model

    with torch.device("meta"):  # nothing is computed
        bare = epsilons(efficientvit_sam_l0())
        trained = epsilons(create_efficientvit_sam_model("efficientvit-sam-l0", pretrained=False))
    assert trained == [1e-6]
    with defect("efficientvit-builder-epsilon"):
        if bare != trained:
            raise SilentlyWrong("norms have epsilons {} and not {}".format(bare, trained))


def epsilons(model: Any) -> Any:
    kinds = (torch.nn.LayerNorm, torch.nn.BatchNorm2d)
    return sorted({module.eps for module in model.modules() if isinstance(module, kinds)})


def test_other_image_size(defect: Any) -> None:
    """An encoder for another size of images makes as many tokens as the decoder that it is given to has.

    https://github.com/mit-han-lab/efficientvit/blob/master/efficientvit/models/efficientvit/sam.py
    """
    from efficientsam.models.nn import UpSampleLayer

    encoder = efficientvit_sam.build_mini().image_encoder
    layers = [module for module in encoder.modules() if isinstance(module, UpSampleLayer)]
    sides = {tuple(layer.size) for layer in layers}
    assert len(layers) == 3
    assert sides == {(16, 16)}, "samcheck's small variant sets them"
    with defect("efficientvit-fixed-size"):
        made = untouched_tokens()
        if made != 16:
            raise SilentlyWrong("an encoder for 16 tokens makes {}".format(made))


def untouched_tokens() -> int:
    """Return the tokens along a side that the package's own neck makes of a picture of 128 pixels."""
    from efficientsam.models.efficientvit.sam import SamNeck

    widths = {"stage2": 32, "stage3": 64, "stage4": 64}
    neck = SamNeck(list(widths), list(widths.values()), 32, 1, 1, "fmb").eval()
    maps = {name: torch.zeros(1, width, 4, 4) for name, width in widths.items()}
    with torch.no_grad():
        return int(neck(maps)["sam_encoder"].shape[-1])


@on_the_small_one
def test_image_batch(
    loaded: Any, variant: str, new_predictor: Any, oracle_model: Any, scene: Any, side: int, defect: Any
) -> None:
    """`set_image_batch`, given what `transform` makes of an image, predicts as `set_image` does.

    https://github.com/mit-han-lab/efficientvit/blob/master/efficientvit/models/efficientvit/sam.py
    """
    square = scenes.draw(8, side, side)
    for drawn in (square, scene):
        ready, batch = new_predictor(loaded), new_predictor(loaded)
        ready.set_image(drawn.image)
        batch.set_image_batch(loaded.transform(drawn.image)[None])
        assert torch.equal(ready.features, batch.features)
    prompt = inference.prompt(scene, "box")
    with defect("efficientvit-batch-size"):
        seen, wanted = (each.predict(**prompt.arguments())[0].shape[1:] for each in (batch, ready))
        if seen != wanted:
            raise SilentlyWrong("masks of {}, not {}".format(tuple(seen), tuple(wanted)))


@on_the_small_one
def test_sizes(loaded: Any, variant: str, new_predictor: Any, oracle_model: Any) -> None:
    """Images of any shape are resized and padded, and prompts in units of another square than the input's.

    https://github.com/mit-han-lab/efficientvit/blob/master/efficientvit/models/efficientvit/sam.py
    """
    for size in ((320, 240), (97, 61), (40, 333), (13, 11)):
        drawn = scenes.draw(11, *size)
        ready = new_predictor(loaded)
        ready.set_image(drawn.image)
        prompt = inference.prompt(drawn, "box")
        expected = oracle_model.predict(oracle_model.encode(drawn.image), prompt)
        seen = oracle.deviation(inference.predict(ready, prompt), expected, oracle.TOLERANCES["fp32"])
        assert not seen.problems(oracle.TOLERANCES["fp32"])


def test_declared_python(defect: Any) -> None:
    """The code runs on the oldest Python that the package declares.

    https://docs.python.org/3/whatsnew/3.10.html#pep-604-new-type-union-operator
    """
    declared = metadata.metadata(FAMILY)["Requires-Python"]
    oldest = re.search(r">=\s*3\.(\d+)", declared)
    assert oldest is not None, declared
    with defect("efficientsam-python"):
        files = [str(path) for path in with_unions()]
        if files and int(oldest.group(1)) < 10:
            text = "efficientsam declares Python {}, and {} has annotations of 3.10"
            raise WrongDeclaration(text.format(declared, files[0]))


def with_unions() -> Iterator[Any]:
    """Yield the modules with ``X | Y`` in an annotation, which is computed when they are imported."""
    for path in metadata.files(FAMILY) or ():
        if path.suffix == ".py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if not any(is_future(node) for node in tree.body) and any(map(is_union, annotated(tree))):
                yield path


def is_future(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def annotated(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            found = getattr(node, name, None)
            if isinstance(found, ast.AST):
                yield found


def is_union(annotation: ast.AST) -> bool:
    operators = (node.op for node in ast.walk(annotation) if isinstance(node, ast.BinOp))
    return any(isinstance(operator, ast.BitOr) for operator in operators)
