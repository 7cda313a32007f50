"""Helpers that put a `SamPredictor` into a state: with an image, in threads, after a failure midway."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Tuple

import numpy as np

from . import scenes
from .variant import sam_predictor

Answer = Tuple[np.ndarray, np.ndarray, np.ndarray]
WAIT = 60.0  # seconds that a thread waits for another


class ProvokedError(RuntimeError):
    """The error that `failing` makes a module raise, as if out of memory."""


def images() -> List[np.ndarray]:
    """Return three images of the same size, so that mixing them up raises no error."""
    return [scenes.draw(seed=seed, height=120, width=160).image for seed in (1, 2, 3)]


def with_image(model: Any, image: np.ndarray) -> Any:
    ready = sam_predictor(model)
    ready.set_image(image)
    return ready


def generator(model: Any) -> Any:
    """Create an automatic generator with sixteen points in two batches that keeps every mask."""
    from segment_anything import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(
        model, points_per_side=4, points_per_batch=8, pred_iou_thresh=0.0, stability_score_thresh=0.0
    )


def ask(ready: Any) -> Answer:
    """Predict logits, scores and low-resolution logits for a point in the middle of the image."""
    answer: Answer = ready.predict(
        point_coords=np.array([[80.0, 60.0]]), point_labels=np.array([1]), return_logits=True
    )
    return answer


def same(left: Answer, right: Answer) -> bool:
    """Whether two answers are bit-identical."""
    return all(map(np.array_equal, left, right))


def together(*steps: Callable[[], Any]) -> List[Any]:
    """Run each step in its own thread, at the same time; return their results in order."""
    with ThreadPoolExecutor(len(steps)) as pool:
        return [future.result(WAIT) for future in [pool.submit(step) for step in steps]]


@contextmanager
def failing(module: Any, after: int = 0) -> Iterator[None]:
    """Inside, let `module` work `after` times and then fail."""
    calls: List[None] = []

    def fail(*_: Any) -> None:
        calls.append(None)
        if len(calls) > after:
            raise ProvokedError("provoked")

    handle = module.register_forward_pre_hook(fail)
    try:
        yield
    finally:
        handle.remove()
