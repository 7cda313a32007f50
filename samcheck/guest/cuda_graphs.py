"""CUDA graphs of SAM's image encoder and mask decoder: captured with one input, replayed with another.

A task of `samcheck.guest.memory`, run in a process of its own: after a capture that failed, PyTorch's
allocator and random numbers may stay in the state of capturing.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple
from unittest import mock

import torch

from .models import inference, precisions, scenes, weights
from .models.backends import require_sam
from .oracle.tolerances import relative_error

Tensors = Sequence[torch.Tensor]
Step = Callable[..., Tensors]

#: Calls before a capture, in which libraries choose their kernels and take their workspaces.
WARM_UP = 3


@dataclass(frozen=True)
class Replay:
    """How a graph's answers differ from those of the same step without a graph.

    Attributes:
        error: what the capture or a replay raised; empty if nothing.
        relative_l2: the largest deviation of any tensor of the answer.
        same_bits: there is none.
    """

    error: str = ""
    relative_l2: float = 0.0
    same_bits: bool = False


def capture(step: Step, inputs: Tensors) -> Tuple[Callable[[], None], Tensors]:
    """Capture a step on these very tensors; return what replays it, and the tensors that get the answer."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):  # libraries keep their workspaces by stream
        outputs = step(*inputs)
    return graph.replay, outputs


def compare(step: Step, captured: Tensors, others: Sequence[Tensors]) -> Replay:
    """Capture a step with one input, replay it with others, and compare with the step itself."""
    expected = [[each.clone() for each in step(*other)] for other in others]
    places = [each.clone() for each in captured]
    try:
        replay, outputs = capture(step, places)
        actual = []
        for other in others:
            for place, tensor in zip(places, other):
                place.copy_(tensor)
            replay()
            actual.append([output.clone() for output in outputs])
    except RuntimeError as error:
        return Replay(error=explained(error))
    pairs = [pair for answers in zip(actual, expected) for pair in zip(*answers)]
    return Replay(
        relative_l2=max(relative_error(left.cpu().numpy(), right.cpu().numpy()) for left, right in pairs),
        same_bits=all(torch.equal(left, right) for left, right in pairs),
    )


def explained(error: BaseException) -> str:
    """Describe an error and those before it: leaving a broken capture raises one more, without the cause."""
    chain: List[str] = []
    now: Any = error
    while now is not None:
        chain.insert(0, "{}: {}".format(type(now).__name__, (str(now).splitlines() or [""])[0]))
        now = now.__context__
    return "; ".join(chain)


@contextmanager
def prepared_positions() -> Iterator[None]:
    """Inside, SAM makes each table of relative positions once, and not on the CPU for every image.

    https://github.com/facebookresearch/segment-anything/pull/595
    """
    from segment_anything.modeling import image_encoder

    make = image_encoder.get_rel_pos
    made: Dict[Tuple[int, int, int], Tuple[Any, Any]] = {}

    def get(query_size: int, key_size: int, table: Any) -> Any:
        key = (query_size, key_size, id(table))
        if key not in made:
            made[key] = table, make(query_size, key_size, table)  # holds the table, and so its id
        return made[key][1]

    with mock.patch.object(image_encoder, "get_rel_pos", get):
        yield


def replayed(variant: Any, device: str, part: str, name: str) -> Replay:
    """Compare the graph of a part with the part itself, in a precision.

    Args:
        part: ``encoder``, with its relative positions prepared; ``encoder-as-it-is``; or ``decoder``, which
            computes in float32 in every precision.
    """
    torch.set_grad_enabled(False)
    loaded = require_sam(weights.load(variant)[0])
    with precisions.tf32(False):
        model = precisions.apply(loaded, precisions.PRECISIONS[name], device)
        inputs: List[Tensors] = [[_pixels(model, seed)] for seed in (7, 8, 9)]
        if part == "decoder":
            inputs = [decoder_inputs(model, *each) for each in inputs]
        step = partial(decode if part == "decoder" else encode, model)
        with prepared_positions() if part == "encoder" else nullcontext():
            return compare(step, inputs[0], inputs[1:])


def _pixels(model: Any, seed: int) -> torch.Tensor:
    image = scenes.draw(seed, 240, 320).image
    prepared: torch.Tensor = model.preprocess(inference.resized_tensor(model, image))
    return prepared


def encode(model: Any, pixels: torch.Tensor) -> Tensors:
    return (model.image_encoder(pixels),)


def decoder_inputs(model: Any, pixels: torch.Tensor) -> Tensors:
    """Return what the decoder takes for an image, with a prompt that depends on it."""
    point = 60 + 40 * pixels.mean().abs().clamp(0, 1)
    points = point.expand(1, 1, 2), torch.ones((1, 1), dtype=torch.int, device=pixels.device)
    sparse, dense = model.prompt_encoder(points=points, boxes=None, masks=None)
    return model.image_encoder(pixels), model.prompt_encoder.get_dense_pe(), sparse, dense.contiguous()


def decode(model: Any, *inputs: torch.Tensor) -> Tensors:
    """Return logits and scores of three masks, for what `decoder_inputs` returns."""
    answer: Tensors = model.mask_decoder(*inputs, multimask_output=True)
    return answer
