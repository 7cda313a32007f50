"""What state does SAM keep between calls, after a failure and after a reset?

This does not depend on model size, so only the small model is checked.
"""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import torch

from samcheck.guest.models import predictor_states
from samcheck.guest.models.predictor_states import (
    Answer,
    ProvokedError,
    ask,
    failing,
    generator,
    same,
    with_image,
)


@pytest.fixture(scope="module")
def images() -> List[np.ndarray]:
    return predictor_states.images()


@pytest.fixture(scope="module")
def serial(plain: Any, images: List[np.ndarray]) -> List[Answer]:
    """The right answer for each image, one after the other."""
    return [ask(with_image(plain, image)) for image in images]


def test_no_graph_is_kept(plain: Any, images: List[np.ndarray]) -> None:
    """Even with gradients enabled, no answer keeps its autograd graph, which would fill memory.

    https://github.com/facebookresearch/segment-anything/issues/384
    """
    with torch.enable_grad():
        ready = with_image(plain, images[0])
        points = torch.tensor([[[60.0, 60.0]]], device=ready.device)
        answers = ready.predict_torch(points, torch.ones((1, 1), device=ready.device))
        records = generator(plain).generate(images[0])
    assert not any(tensor.requires_grad for tensor in (ready.features, *answers))
    assert records


BIGGER = np.full((200, 100, 3), 90, np.uint8)
FAILURES: Dict[str, Callable[[Any], None]] = {
    "format": lambda ready: ready.set_image(BIGGER, "rgb"),
    "dtype": lambda ready: ready.set_image(BIGGER.astype(np.uint16)),
    "channels": lambda ready: ready.set_image(np.repeat(BIGGER, 2, axis=2)[..., :4]),
    "encoder": lambda ready: ready.set_image(BIGGER),
}


def fail_to_set(ready: Any, stage: str) -> None:
    """Make `set_image` fail at a stage; only the encoder's failure is injected."""
    expected = (ProvokedError, AssertionError, TypeError)
    if stage == "encoder":
        with failing(ready.model.image_encoder), pytest.raises(expected):
            FAILURES[stage](ready)
    else:
        with pytest.raises(expected):
            FAILURES[stage](ready)


@pytest.mark.parametrize("stage", sorted(FAILURES))
def test_failed_set_image_mixes_nothing(
    stage: str, plain: Any, images: Any, serial: List[Answer], settings: Dict[str, str]
) -> None:
    """After a failed `set_image`, SAM still answers for the previous image, or refuses to.

    It never combines the features of one image with the size of another:
    https://github.com/bingogome/samm/issues/55
    """
    ready = with_image(plain, images[0])
    fail_to_set(ready, stage)
    if ready.is_image_set:
        settings["afterwards"] = "answers for the image before"
        assert same(ask(ready), serial[0])
    else:
        settings["afterwards"] = "refuses"
        with pytest.raises(RuntimeError, match="image must be set"):
            ask(ready)
    ready.set_image(images[1])
    assert same(ask(ready), serial[1])


class StaleState(Exception):
    """A predictor without an image still holds state from one."""


def test_size_after_failed_set_image(plain: Any, images: Any, defect: Any) -> None:
    """After `set_image` fails in the encoder, the size of its image is not kept.

    https://github.com/bingogome/samm/issues/55
    """
    ready = with_image(plain, images[0])
    fail_to_set(ready, "encoder")
    assert not ready.is_image_set
    assert ready.features is None
    with defect("failed-set-image-size"):
        if ready.original_size == BIGGER.shape[:2]:
            raise StaleState("original_size is {} of the image that failed".format(ready.original_size))


def test_reset_clears_everything(plain: Any, images: Any, defect: Any) -> None:
    """`reset_image` forgets the image and its sizes.

    https://github.com/bingogome/samm/issues/55
    """
    ready = with_image(plain, images[0])
    ready.reset_image()
    assert not ready.is_image_set
    assert ready.features is None
    with defect("reset-image-keeps-size"):
        kept = {name: getattr(ready, name, None) for name in ("original_size", "input_size")}
        if any(kept.values()):
            raise StaleState("reset_image kept {}".format(kept))


def test_nothing_is_answered_after_reset(plain: Any, images: Any) -> None:
    """Without an image, `predict`, `predict_torch` and `get_image_embedding` are refused.

    https://github.com/IDEA-Research/Grounded-SAM-2/issues/113
    """
    ready = with_image(plain, images[0])
    ready.reset_image()
    for step in (
        ask,
        lambda ready: ready.predict_torch(None, None),
        lambda ready: ready.get_image_embedding(),
    ):
        with pytest.raises(RuntimeError, match="image must be set"):
            step(ready)


def test_features_are_not_overwritten(plain: Any, images: Any, serial: List[Answer]) -> None:
    """Features kept by a caller or held by another predictor survive the next image unchanged.

    https://github.com/facebookresearch/sam2/issues/460
    """
    ready, other = with_image(plain, images[0]), with_image(plain, images[1])
    kept = ready.get_image_embedding()
    before = kept.clone()
    ready.set_image(images[2])
    assert torch.equal(kept, before)
    assert kept.data_ptr() != ready.features.data_ptr()
    assert same(ask(other), serial[1])


def test_answers_are_the_callers_own(plain: Any, images: Any, serial: List[Answer]) -> None:
    """Writing to returned arrays does not change later answers.

    https://github.com/facebookresearch/sam2/issues/501
    """
    ready = with_image(plain, images[0])
    for array in ask(ready):
        array[...] = 0
    assert same(ask(ready), serial[0])


def test_model_moved_after_set_image(plain: Any, device: str, images: Any, settings: Dict[str, str]) -> None:
    """After the model moves to another device, `predict` refuses the stale features with an error.

    https://github.com/storyicon/comfyui_segment_anything/issues/10
    """
    model = copy.deepcopy(plain)
    ready = with_image(model, images[0])
    model.to("meta" if device == "cpu" else "cpu")
    # Use a box: points would fail because the meta device has no `nonzero`, whatever the features are.
    with pytest.raises(RuntimeError, match="device") as refused:
        ready.predict(box=np.array([40.0, 30.0, 120.0, 90.0]))
    settings["refusal"] = str(refused.value).splitlines()[0][:200]


def test_generator_after_a_failure(plain: Any, images: Any, defect: Any) -> None:
    """When `generate` fails midway, it leaves no image set, and its next result is right.

    https://github.com/facebookresearch/segment-anything/issues/357
    """
    used = generator(plain)
    with failing(plain.mask_decoder, after=1), pytest.raises(ProvokedError):
        used.generate(images[0])
    left_behind = used.predictor.is_image_set
    actual, expected = used.generate(images[1]), generator(plain).generate(images[1])
    assert len(actual) == len(expected) > 0
    for left, right in ((actual[at], expected[at]) for at in range(len(actual))):
        assert np.array_equal(left["segmentation"], right["segmentation"])
    with defect("generator-keeps-image"):
        if left_behind:
            raise StaleState("is_image_set is True, with the features of the crop that failed")


class DoublePrecision(Exception):
    """Coordinates reach the model in float64."""


def test_generator_coordinates(plain: Any, images: Any, defect: Any, settings: Dict[str, str]) -> None:
    """The generator passes float32 coordinates to the model, because MPS has no float64.

    https://github.com/facebookresearch/segment-anything/issues/94
    """
    used = generator(plain)
    predict = used.predictor.predict_torch

    def spy(coordinates: torch.Tensor, *rest: Any, **options: Any) -> Any:
        settings["coordinates_dtype"] = str(coordinates.dtype)
        return predict(coordinates, *rest, **options)

    used.predictor.predict_torch = spy
    used.generate(images[0])
    with defect("generator-float64"):
        if settings["coordinates_dtype"] != "torch.float32":
            raise DoublePrecision(settings["coordinates_dtype"])


@pytest.mark.parametrize("word", ["cuda", "non_blocking", "pin_memory"])
def test_source_names_no_device(word: str) -> None:
    """SAM's source hard-codes no CUDA device and no asynchronous copy, which break on other devices.

    https://github.com/computational-cell-analytics/micro-sam/issues/163
    """
    import segment_anything

    modules = sorted(Path(segment_anything.__file__).parent.rglob("*.py"))
    assert len(modules) > 5
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            named = [getattr(node, field, None) for field in ("id", "attr", "arg", "value")]
            strings = [string for string in named if isinstance(string, str) and len(string) < 40]
            assert not any(word in string for string in strings), "{}: {}".format(module.name, strings)
