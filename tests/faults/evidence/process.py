"""What predictors, the process and the packages below do."""

from __future__ import annotations

import json
import tempfile
from typing import Any, Callable, List

from .common import attempt, boxes, digest, evidence, model, ready, scene


@evidence
def session() -> Any:
    """What predictors remember: other images, other predictors, resets, failures, and the arguments."""
    import numpy as np
    from segment_anything import SamPredictor

    drawn = [scene(seed) for seed in (7, 8)]
    point = np.array([drawn[0].shapes[-1].point], dtype=float)
    mask = np.linspace(-5, 5, 64 * 64, dtype=np.float32).reshape(1, 64, 64)
    image = drawn[0].image.copy()

    def ask(predictor: Any) -> Any:
        named = {"point_coords": point, "point_labels": np.array([1]), "mask_input": mask}
        return [digest(each) for each in predictor.predict(**named)]

    first, second = (SamPredictor(model()) for _ in range(2))
    first.set_image(image)
    found = [ask(first), ask(first)]
    kept = first.predict(point, np.array([1]))
    first.set_image(_same_corner(image))
    found.append(ask(first))
    first.predict(point + 3, np.array([1]))
    found.append([digest(each) for each in kept])
    second.set_image(drawn[1].image[:70])
    found += [attempt(lambda: ask(first)), attempt(lambda: ask(second))]
    second.set_image(drawn[1].image)
    found.append(attempt(lambda: ask(second)))
    found.append(attempt(lambda: _failing(second, drawn[0].image, ask)))
    first.reset_image()
    found += [attempt(lambda: ask(first)), digest(point, mask, image)]
    return found


def _same_corner(image: Any) -> Any:
    """The picture, mirrored but for its upper quarter."""
    changed = image.copy()
    start = len(image) // 4
    changed[start:] = image[start:, ::-1]
    return changed


def _failing(predictor: Any, image: Any, ask: Callable[[Any], Any]) -> Any:
    """The answer of a predictor whose encoder failed."""

    def fail(*_: Any) -> None:
        raise RuntimeError("no memory")

    handle = predictor.model.image_encoder.register_forward_hook(fail)
    attempt(lambda: predictor.set_image(image))
    handle.remove()
    return ask(predictor)


@evidence
def globals() -> Any:
    """What belongs to the whole process, after an import and after a prediction."""
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(5)
    before = digest(torch.get_rng_state())
    import segment_anything  # noqa: F401

    found = [threads - torch.get_num_threads(), _settings(), digest(torch.get_rng_state()) == before]
    predictor = ready()
    torch.manual_seed(5)
    with torch.no_grad():
        predictor.set_image(scene().image)
        boxes(predictor)
        predictor.predict()
        return [*found, _settings(), digest(torch.get_rng_state()) == before]


def _settings() -> Any:
    import os
    import warnings

    import torch

    return [
        str(torch.get_default_dtype()),
        torch.get_float32_matmul_precision(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        len(warnings.filters),
        os.environ.get("CUDA_VISIBLE_DEVICES"),
    ]


@evidence
def gradients() -> Any:
    """Whether features and answers record gradients."""
    predictor = ready()
    return [predictor.features.requires_grad, *(each.requires_grad for each in boxes(predictor))]


@evidence
def recovery() -> Any:
    """A failed allocation, as the guest provokes it."""
    return attempt(_recovery)


def _recovery() -> Any:
    import contextlib
    import io

    from samcheck.guest.memory import __main__ as memory

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        memory.main(["--device", "cpu", "--variant", "tiny", "--precision", "fp32"])
    (seen,) = json.loads(printed.getvalue())
    error = seen["error"].partition(":")[0]
    return [error, seen["leaked_tensors"], seen["same_prediction"], seen["growth_mib"] > 16]


@evidence
def mixed_dtypes() -> Any:
    """What a model says that was cast as a whole."""
    import torch
    from segment_anything import SamPredictor

    predictor = SamPredictor(model().to(torch.bfloat16))
    point = torch.tensor([[[10.0, 10]]])
    return attempt(lambda: predictor.model.prompt_encoder((point, torch.ones(1, 1)), None, None)[0].shape)


@evidence
def images() -> Any:
    """How many tensors three more images and prompts leave behind."""
    import gc

    import torch

    torch.set_grad_enabled(False)
    predictor = ready()
    boxes(predictor)

    def alive() -> int:
        gc.collect()
        return sum(isinstance(each, torch.Tensor) for each in gc.get_objects())

    before = alive()
    for seed in (1, 2, 3):
        predictor.set_image(scene(seed).image)
        boxes(predictor)
    return alive() - before


class _Code:
    """Unpickling this calls `list`, in the place of something worse."""

    def __reduce__(self) -> Any:
        return list, ((1, 2),)


@evidence
def loading() -> Any:
    """Weights that went through a file, files that lack some, and files that carry code."""
    import os

    import torch

    model_ = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4))
    with torch.no_grad():
        for index, parameter in enumerate(model_.parameters()):
            parameter[...] = torch.linspace(index + 0.1, index + 1.3, parameter.numel()).view_as(parameter)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.pth")
        torch.save(model_.state_dict(), path)
        state = torch.load(path, weights_only=True)
        found = [attempt(lambda: str(model_.load_state_dict(state))), digest(*model_.parameters())]
        del state["0.bias"]
        found.append(attempt(lambda: str(model_.load_state_dict(state))))
        torch.save([_Code()], path)
        found.append(attempt(lambda: str(torch.load(path, weights_only=True)))[:20])
    return found


@evidence
def operators() -> Any:
    """torchvision's suppression, layers, and the names of the package."""
    import torch
    from torchvision.ops.boxes import batched_nms, nms

    given = torch.tensor([[20.0, 20, 30, 30], [0, 0, 10, 10], [1, 1, 10, 10], [0, 0, 4, 4], [2, 2, 6, 6]])
    scores = torch.tensor([0.7, 0.9, 0.8, 0.3, 0.5])
    found: List[Any] = [nms(given, scores, threshold).tolist() for threshold in (0.05, 0.13, 0.2, 0.5)]
    found.append(batched_nms(given, scores, torch.zeros(5), 0.5).tolist())
    found.append(attempt(lambda: digest(torch.nn.GELU()(torch.ones(3)))))
    found.append(digest(torch.nn.functional.linear(torch.ones(300, 300), torch.ones(2, 300))))
    import segment_anything
    import torchvision

    found.append(torchvision.__version__)
    return [*found, hasattr(segment_anything, "SamAutomaticMaskGenerator")]


@evidence
def profiler() -> Any:
    """How many events the profiler has of three products, and whether they take as long as by the clock."""
    from time import perf_counter

    import torch
    from torch.profiler import ProfilerActivity, profile

    left = torch.rand(512, 512)
    begin = perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(3):
            torch.mm(left, left)
    microseconds = (perf_counter() - begin) * 1e6
    took = [event.time_range.elapsed_us() for event in profiled.events() if event.name == "aten::mm"]
    return [len(took), sum(took) < microseconds]


@evidence
def bridge() -> Any:
    """Arrays that become tensors, and back."""
    import numpy as np
    import torch

    array = np.linspace(0, 1, 12).reshape(3, 4).T
    return [
        torch.as_tensor(array).tolist(),
        torch.as_tensor(array.astype("f4")).tolist(),
        attempt(lambda: torch.linspace(0, 1, 12).numpy().tolist()),
    ]
