"""Do threads that use one SAM affect each other?

This does not depend on model size, so only the small model is checked.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, List

import numpy as np
import pytest
import torch

from samcheck.guest.models import predictor_states
from samcheck.guest.models.predictor_states import WAIT, Answer, ask, same, together, with_image
from samcheck.guest.models.variant import sam_predictor

GROUP = "state"


@pytest.fixture(scope="module")
def images() -> List[np.ndarray]:
    return predictor_states.images()


@pytest.fixture(scope="module")
def serial(plain: Any, images: List[np.ndarray]) -> List[Answer]:
    """The right answer for each image, computed one after the other."""
    return [ask(with_image(plain, image)) for image in images]


class WrongImage(Exception):
    """A caller got masks of an image that it did not set."""


def test_images_differ(serial: List[Answer]) -> None:
    """Control for the checks below: the three images have three different answers."""
    assert not any(same(serial[left], serial[right]) for left, right in ((0, 1), (0, 2), (1, 2)))


def test_shared_predictor(plain: Any, images: Any, serial: List[Answer], defect: Any) -> None:
    """Two threads that share a predictor each get the masks of their own image.

    https://github.com/facebookresearch/segment-anything/issues/357
    """
    shared = sam_predictor(plain)
    first_set, second_set = threading.Event(), threading.Event()

    def first() -> Answer:
        shared.set_image(images[0])
        first_set.set()
        assert second_set.wait(WAIT)
        return ask(shared)

    def second() -> Answer:
        assert first_set.wait(WAIT)
        shared.set_image(images[1])
        second_set.set()
        return ask(shared)

    answers = together(first, second)
    assert same(answers[1], serial[1])
    with defect("shared-predictor"):
        if same(answers[0], serial[1]):
            raise WrongImage("one thread got the masks of the other thread's image")
        assert same(answers[0], serial[0])


def test_predictor_per_thread(plain: Any, images: Any, serial: List[Answer]) -> None:
    """Threads that share a model but not a predictor get answers bit-identical to serial ones.

    https://github.com/facebookresearch/sam2/pull/643
    """
    threads = 4
    barrier = threading.Barrier(threads, timeout=WAIT)

    def worker(start: int) -> List[Answer]:
        ready, answers = sam_predictor(plain), []
        for turn in range(len(images)):
            ready.set_image(images[(start + turn) % len(images)])
            barrier.wait()
            answers.append(ask(ready))
        return answers

    by_thread = together(*[lambda start=start: worker(start) for start in range(threads)])
    for start, answers in enumerate(by_thread):
        for turn, answer in enumerate(answers):
            assert same(answer, serial[(start + turn) % len(images)]), (start, turn)


def test_lock_around_both_calls(plain: Any, images: Any, serial: List[Answer]) -> None:
    """A shared predictor gives the serial answers if one lock is held over `set_image` and `predict`.

    https://github.com/roboflow/inference/pull/2124
    """
    shared, lock = sam_predictor(plain), threading.Lock()

    def worker(number: int) -> bool:
        with lock:
            shared.set_image(images[number])
            return same(ask(shared), serial[number])

    assert all(together(*[lambda number=number: worker(number) for number in (0, 1, 2, 0, 1, 2)]))


@pytest.mark.parametrize("mode", ["autocast", "inference-mode"])
def test_mode_stays_in_its_thread(
    mode: str, plain: Any, device: str, images: Any, serial: List[Answer], settings: Dict[str, str]
) -> None:
    """Autocast and inference mode in one thread do not affect the answers of another.

    A worker thread must enter them itself: https://github.com/facebookresearch/sam2/issues/577
    """

    def worker() -> Answer:
        product = torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)
        settings["other_thread"] = "{}, inference mode {}".format(product.dtype, product.is_inference())
        return ask(with_image(plain, images[0]))

    entered = torch.autocast(device, torch.bfloat16) if mode == "autocast" else torch.inference_mode()
    with entered:
        answer = together(worker)[0]
    assert settings["other_thread"] == "torch.float32, inference mode False"
    assert same(answer, serial[0])


def test_autocast_never_left(
    plain: Any, device: str, images: Any, serial: List[Answer], settings: Dict[str, str]
) -> None:
    """Autocast that a thread enters and never exits, as notebooks do, ends with that thread.

    https://github.com/facebookresearch/segment-anything/pull/787
    """

    def careless() -> None:
        torch.autocast(device, torch.bfloat16).__enter__()
        try:
            outcome = "masks of dtype {}".format(ask(with_image(plain, images[0]))[0].dtype)
        except (TypeError, RuntimeError) as error:  # bfloat16 to NumPy; mixed with float32 in older releases
            outcome = "{}: {}".format(type(error).__name__, error)
        settings["in_that_thread"] = outcome

    together(careless)
    assert same(ask(with_image(plain, images[0])), serial[0])
    assert same(together(lambda: ask(with_image(plain, images[0])))[0], serial[0])


class LeakedDefault(Exception):
    """A thread sees the default dtype that another thread set."""


def test_default_dtype_of_another_thread(defect: Any) -> None:
    """`torch.set_default_dtype` in one thread does not affect other threads.

    https://github.com/pytorch/pytorch/issues/144673
    """
    before = torch.get_default_dtype()
    try:
        together(lambda: torch.set_default_dtype(torch.float64))
        dtype = torch.zeros(1).dtype
    finally:
        torch.set_default_dtype(before)
    with defect("default-dtype-global"):
        if dtype is torch.float64:
            raise LeakedDefault("new tensors of this thread are {}".format(dtype))
