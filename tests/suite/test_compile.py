"""Does torch.compile handle SAM without graph breaks, and does it compute the same?"""

from __future__ import annotations

import contextlib
import copy
from typing import Any, Callable, Dict, List, Tuple

import pytest
import torch

from samcheck.guest.models import inference, scenes
from samcheck.guest.models.backends import compiled, or_skip, require_sam
from samcheck.guest.oracle.tolerances import relative_error

GROUP = "backends"
#: Compiling reorders sums; measured: 9e-7 with inductor, 0 with aot_eager (relative L2, CPU).
FEATURES = 1e-5
SIZE = (160, 240)

with_compile = pytest.mark.parametrize("backend", ["compile"])


class GraphBroken(Exception):
    """torch.compile broke what should be one graph."""


class CompiledAgain(Exception):
    """torch.compile recompiled for every size."""


class SilentlyWrong(Exception):
    """Features changed while a caller was keeping them, without an error."""


@pytest.fixture(scope="session")
def sam(loaded: Any, device: str, exact_float32: None) -> Any:
    """The model in float32 on the device."""
    with or_skip():
        return copy.deepcopy(require_sam(loaded)).to(device)


def pixels(model: Any) -> torch.Tensor:
    """Prepare a scene as the encoder receives it: (1, 3, S, S), normalised and padded."""
    scene = scenes.draw(7, *SIZE)
    prepared: torch.Tensor = model.preprocess(inference.resized_tensor(model, scene.image))
    return prepared


@with_compile
def test_encoder_is_one_graph(backend: str, sam: Any, measured: Dict[str, float]) -> None:
    """torch.compile captures the image encoder as one graph.

    https://github.com/pytorch/pytorch/issues/114220
    """
    with or_skip():
        cut = compiled.cut(sam.image_encoder, pixels(sam))
    measured.update(graphs=cut.graphs, graph_breaks=cut.breaks)
    assert (cut.graphs, cut.breaks) == (1, 0), cut.reason


@with_compile
@pytest.mark.parametrize("kind", ["box", "points"])
def test_prompt_is_one_graph(
    backend: str, kind: str, sam: Any, defect: Any, measured: Dict[str, float]
) -> None:
    """torch.compile captures the prompt encoder as one graph.

    https://github.com/pytorch/pytorch/issues/114220
    """
    corners = torch.tensor([[[9.0, 9.0], [50.0, 50.0]]], device=sam.device)
    points = (corners, torch.ones(1, 2, device=sam.device)) if kind == "points" else None
    boxes = corners.reshape(1, 4) if kind == "box" else None
    with or_skip():
        cut = compiled.cut(sam.prompt_encoder, points, boxes, None)
    measured.update(graphs=cut.graphs, graph_breaks=cut.breaks)
    with defect("compile-point-prompts") if kind == "points" else contextlib.nullcontext():
        if cut.breaks:
            raise GraphBroken("{} breaks, the first: {}".format(cut.breaks, cut.reason))


@with_compile
@pytest.mark.parametrize(
    "compiler",
    # inductor, the default, takes most of a minute even for the small variant.
    ["aot_eager", pytest.param("inductor", marks=pytest.mark.full)],
)
def test_compiled_encoder_matches(
    backend: str, compiler: str, sam: Any, defect: Any, measured: Dict[str, float]
) -> None:
    """The compiled image encoder gives the same features as the plain one.

    https://github.com/pytorch/pytorch/issues/173823
    """
    inputs = pixels(sam)
    with or_skip():
        encoder = compiled.compiled(sam.image_encoder, backend=compiler)
    with defect("inductor-setuptools") if compiler == "inductor" else contextlib.nullcontext():
        actual, expected = encoder(inputs), sam.image_encoder(inputs)
        measured["features_relative_l2"] = relative_error(actual.cpu().numpy(), expected.cpu().numpy())
        assert measured["features_relative_l2"] <= FEATURES


@with_compile
def test_sizes_are_not_all_compiled(backend: str, sam: Any, defect: Any, measured: Dict[str, float]) -> None:
    """Resizing the masks is not recompiled for every image size.

    https://github.com/pytorch/pytorch/issues/105279
    """
    side = sam.image_encoder.img_size
    low = torch.ones(1, 3, side // 4, side // 4, device=sam.device)
    sizes = ((240, 320), (320, 240), (200, 300), (256, 256), (100, 150))
    calls: List[Tuple[Any, ...]] = [
        (low, tuple(int(edge * side / max(size) + 0.5) for edge in size), size) for size in sizes
    ]
    with or_skip():
        counts = compiled.graphs_compiled(sam.postprocess_masks, calls)
    measured["graphs"] = counts[-1]
    assert counts[0] == 1
    if torch.__version__.startswith("2.0."):
        with defect("compile-every-size"):
            if counts[-1] >= len(sizes):
                raise CompiledAgain("{} graphs for {} sizes".format(counts[-1], len(sizes)))
    else:
        assert counts[-1] < len(sizes)


def overwritten(model: Any, encoder: Any, new_predictor: Callable[[Any], Any]) -> bool:
    """Whether features kept by a predictor change when the same encoder sees another image."""
    plain = model.image_encoder
    try:
        model.image_encoder = encoder
        first, second = new_predictor(model), new_predictor(model)
        first.set_image(scenes.draw(7, *SIZE).image)
        before = first.get_image_embedding().clone()
        second.set_image(scenes.draw(8, *SIZE).image)
        assert not torch.equal(second.get_image_embedding(), before)
        return not torch.equal(first.get_image_embedding(), before)
    finally:
        model.image_encoder = plain


@with_compile
@pytest.mark.parametrize("graph", ["imitated", "cuda"])
def test_kept_features(
    backend: str, graph: str, sam: Any, device: str, new_predictor: Any, defect: Any
) -> None:
    """Kept features do not change when the encoder reuses its output memory, as a CUDA graph does.

    A clone avoids it: https://github.com/facebookresearch/sam2/issues/460
    """
    if graph == "imitated":
        encoder: Any = compiled.StaticOutput(sam.image_encoder)
    elif device != "cuda":
        pytest.skip("CUDA graphs exist on CUDA devices only")
    else:
        with or_skip():
            encoder = compiled.compiled(sam.image_encoder, mode="reduce-overhead")
    assert not overwritten(sam, compiled.ClonedOutput(encoder), new_predictor)
    with defect("cuda-graph-overwrites"):
        if overwritten(sam, encoder, new_predictor):
            raise SilentlyWrong("the features of the first image became those of the second")
