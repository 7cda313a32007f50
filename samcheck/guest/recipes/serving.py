"""Recipes for serving many images and prompts: warming up, threads, a cache of embeddings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List

import numpy as np
import torch

from ..models import inference, predictor_states
from ..models.predictor_states import WAIT, Answer, ask, same
from . import first_call
from .measuring import of_steps, share, times
from .predictors import Predictors
from .recipe import Context, Measured, Recipe, SilentlyWrong, require_right

THREADS = 2


def warm_up_as_written(context: Context) -> Measured:
    """Call `predict` three times with a random image, which is taken for the point coordinates."""
    ready = context.predictor(context.model)
    side = context.model.image_encoder.img_size
    image = torch.randn(1, 3, side, side, device=context.device)
    for _ in range(first_call.WARM_UPS):
        ready.predict(image)
    return {}


def warm_up(context: Context) -> Measured:
    """Call `set_image` and `predict` three times, with a black image and a point; later answers are right."""
    ready = context.predictor(context.model)
    first_call.warm_up(ready, context.scene.image.shape)
    require_right(inference.segment(ready, context.scene, context.prompt), context.plain)
    return {}


def after_warm_up(context: Context) -> Measured:
    """Compare a request after the warm-up with the very first one, in a new process."""
    return first_call.measured(context.variant, context.device)


def _serially(context: Context, images: List[np.ndarray]) -> List[Answer]:
    return [ask(_set(context.predictor(context.model), image)) for image in images]


def _set(ready: Any, image: np.ndarray) -> Any:
    ready.set_image(image)
    return ready


def shared_predictor(context: Context) -> Measured:
    """Run ``ThreadPoolExecutor().map(process, images)``, where `process` uses one predictor for all.

    The threads are made to meet between `set_image` and `predict`, as they sometimes do by chance, so that
    the outcome is deterministic.
    """
    images = predictor_states.images()[:THREADS]
    expected = _serially(context, images)
    shared, meeting = context.predictor(context.model), threading.Barrier(THREADS, timeout=WAIT)

    def process(image: np.ndarray) -> Answer:
        shared.set_image(image)
        meeting.wait()
        return ask(shared)

    with ThreadPoolExecutor(THREADS) as pool:
        actual = list(pool.map(process, images))
    return _in_threads(context, images, actual, expected, process)


def predictor_each(context: Context) -> Measured:
    """Do the same with a predictor for each image; they share the model."""
    images = predictor_states.images()
    expected = _serially(context, images)

    def process(image: np.ndarray) -> Answer:
        return ask(_set(context.predictor(context.model), image))

    with ThreadPoolExecutor(THREADS) as pool:
        actual = list(pool.map(process, images))
    return _in_threads(context, images, actual, expected, process)


def _in_threads(
    context: Context,
    images: List[np.ndarray],
    actual: List[Answer],
    expected: List[Answer],
    process: Callable[[np.ndarray], Answer],
) -> Measured:
    """Compare all images in threads with one after the other, once the answers are verified."""
    wrong = sum(not same(answer, right) for answer, right in zip(actual, expected))
    if wrong:
        raise SilentlyWrong("{} of {} images got the masks of another one".format(wrong, len(images)))

    def together() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(process, images))

    return times(together, lambda: _serially(context, images), context.device)


def cached(context: Context) -> Measured:
    """Measure time and memory of another prompt for an image that is encoded once.

    The encoder's share is its share of the time of a request without the cache.
    """
    ready = _set(context.predictor(context.model), context.scene.image)
    return _another_prompt(context, lambda: ready)


def cached_images(context: Context) -> Measured:
    """Do the same for alternating images of several sizes: each keeps its features and its sizes."""
    predictors = Predictors(lambda: context.predictor(context.model))
    images = [context.scene.image, predictor_states.images()[0]]
    expected = _serially(context, images)
    for _ in range(2):  # the second time, all come from the cache
        if not all(same(ask(predictors.of(image)), answer) for image, answer in zip(images, expected)):
            raise SilentlyWrong("an image got other masks from the cache than without it")
    if predictors.encoded != len(images):
        raise SilentlyWrong("{} images were encoded {} times".format(len(images), predictors.encoded))
    return _another_prompt(context, lambda: predictors.of(context.scene.image))


def _another_prompt(context: Context, ready: Callable[[], Any]) -> Measured:
    """Compare a prompt on an already encoded image with one on a new image."""

    def anew() -> Any:
        return context.segment(context.model)

    def again() -> Any:
        return inference.predict(ready(), context.prompt)

    if not np.array_equal(again().logits, anew().logits):
        raise SilentlyWrong("another prompt on the same image gave other masks than a new image")
    return {**of_steps(again, anew, context.device), **encoder_share(context)}


def encoder_share(context: Context) -> Measured:
    """Measure the share of `set_image` in the time from an image to masks."""
    ready = context.predictor(context.model)
    return share(
        lambda: ready.set_image(context.scene.image),
        lambda: inference.predict(ready, context.prompt),
        context.device,
        "encoder_share",
    )


RECIPES = (
    Recipe(
        "warm-up",
        "three warm-up calls of predict with an image tensor",
        "the first request is as fast as the others",
        warm_up_as_written,
        corrected=warm_up,
        correction="set_image with a picture, and predict with a point",
        defects=("recipe-warm-up",),
    ),
    Recipe(
        "thread-pool",
        "ThreadPoolExecutor around one shared predictor as batching",
        "several images at once",
        shared_predictor,
        corrected=predictor_each,
        correction="a predictor for each image; they share the model",
        defects=("recipe-shared-predictor",),
    ),
    Recipe(
        "embedding-cache",
        "keeping the embedding of an image for further prompts",
        "the encoder is 75 % of the time; with all steps together 89 ms instead of 210, 58 % less memory",
        cached,
        {"encoder_share": 0.75, "time_ratio": 89 / 210, "memory_ratio": 0.42},
        cached_images,
        "each image keeps its sizes beside its features, under a digest of its pixels",
        real_sizes=True,
    ),
)
#: Needs a new process, which takes long to import PyTorch: for the full tier.
FIRST_REQUEST = Recipe(
    "first-request",
    "a request after the warm-up, against the first one of a new process",
    "the first request is as fast as the others",
    after_warm_up,
    real_sizes=True,
)
