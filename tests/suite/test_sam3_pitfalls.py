"""SAM 3's own traps: what its users trip over, and what works in its place."""

from __future__ import annotations

import copy
import inspect
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, precision_support, precisions, sam2_holes
from samcheck.guest.models.families import sam3
from samcheck.guest.models.variants import VARIANTS

GROUP = "pitfalls"

of_meta = pytest.mark.families("sam3")
of_detector = pytest.mark.variants("transformers.sam3_concepts_mini")
#: Imports sam3 where triton cannot be imported, as on Windows and macOS, and says why that failed.
WITHOUT_TRITON = """
import sys, torch
sys.modules["triton"] = None
try:
    import sam3
except ImportError as error:
    print(error)
"""
#: How a model is cast, and the type of the rotary table that must be left.
CASTS = ("float", "half", "bfloat16", "double")
#: What `sam3.build_published` gives the builder of the published model.
OPTIONS = ("bpe_path", "device", "load_from_HF", "enable_inst_interactivity")


class NeedsTriton(Exception):
    """A package cannot be imported without triton; the message is the import's."""


class SilentlyWrong(Exception):
    """Finite but wrong numbers; the message says which."""


class HolesLeft(Exception):
    """Small holes in a mask were not filled."""


class CudaByName(Exception):
    """What was built for the CPU is on CUDA."""


class LeftOn(Exception):
    """A setting of the whole process was changed and not restored."""


@of_meta
def test_import_without_triton(defect: Any) -> None:
    """The package is imported where there is no triton, which only its training and videos use.

    https://github.com/facebookresearch/sam3/issues/154
    """
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_TRITON],
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    with defect("sam3-needs-triton"):
        if ended.stdout.strip():
            raise NeedsTriton(ended.stdout.decode().strip().splitlines()[-1])


@of_meta
def test_vocabulary_is_there(defect: Any) -> None:
    """The tokenizer's vocabulary, which the published model needs even for boxes, is in the package.

    https://github.com/facebookresearch/sam3/issues/339
    """
    import sam3 as package
    from sam3.model.tokenizer_ve import SimpleTokenizer

    name = "assets/bpe_simple_vocab_16e6.txt.gz"
    folder = Path(package.__file__).parent
    places = [place for place in (folder.parent / name, folder / name) if place.exists()]
    with defect("sam3-vocabulary-missing"):
        SimpleTokenizer(bpe_path=str(places[0] if places else folder.parent / name))


@of_meta
def test_stand_in_for_the_vocabulary(tmp_path: Path) -> None:
    """A made-up vocabulary of the right size is read, and gives as many numbers as the text encoder knows.

    https://github.com/facebookresearch/sam3/issues/339
    """
    from sam3.model.tokenizer_ve import SimpleTokenizer

    tokenizer = SimpleTokenizer(bpe_path=sam3.stand_in_vocabulary(str(tmp_path / "made-up.txt.gz")))
    assert tokenizer.vocab_size == 49408
    numbers = tokenizer(["visual"], context_length=32)
    assert numbers.shape == (1, 32)
    assert 0 <= int(numbers.min()) <= int(numbers.max()) < 49408


@of_meta
def test_builder_takes_what_it_is_given() -> None:
    """`build_sam3_image_model` has the options that samcheck builds the published model with.

    https://github.com/facebookresearch/sam3/blob/main/sam3/model_builder.py
    """
    from sam3 import build_sam3_image_model

    assert set(OPTIONS) <= set(inspect.signature(build_sam3_image_model).parameters)


@of_meta
@pytest.mark.parametrize("part", ["positions", "boxes"])
def test_cuda_is_not_asked_for_by_name(part: str, defect: Any) -> None:
    """Parts of the published model are built and run on the CPU, also where there is no GPU.

    https://github.com/facebookresearch/sam3/issues/587
    """
    from sam3 import model_builder
    from sam3.model.geometry_encoders import Prompt

    with defect("sam3-cuda-by-name"), torch.no_grad():
        if part == "positions":
            kept = model_builder._create_position_encoding(precompute_resolution=64).cache
            if any(table.is_cuda for table in kept.values()):
                raise CudaByName("tables of positions are on CUDA, unasked")
            return
        encoder = model_builder._create_geometry_encoder().eval()
        prompt = Prompt(box_embeddings=torch.zeros(0, 1, 4), box_mask=torch.zeros(1, 0, dtype=torch.bool))
        features = torch.zeros(64, 1, 256)
        tokens, _ = encoder(prompt, [features], [(8, 8)], [features])
        assert tokens.shape == (1, 1, 256)


@of_meta
@pytest.mark.capabilities("image")
@pytest.mark.small
def test_rotary_table_survives_a_cast(
    loaded: Any, variant: str, device: str, scene: Any, defect: Any, measured: Dict[str, float]
) -> None:
    """A model that is cast keeps its complex rotary table; `to(torch.float32)` must not make it real.

    Advice to do that is in answers to https://github.com/facebookresearch/sam3/issues/507 and others.
    """
    for how in CASTS:
        cast = getattr(copy.deepcopy(loaded), how)()
        assert tables_of(cast) == {torch.complex64}, how
    prompt = inference.prompt(scene, "point")
    model = copy.deepcopy(loaded).to(device)
    expected = inference.segment(VARIANTS[variant].predictor(model), scene, prompt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.to(torch.float32)
    actual = inference.segment(VARIANTS[variant].predictor(model), scene, prompt)
    off = oracle.relative_error(actual.low_resolution, expected.low_resolution)
    measured["logits_relative_l2"] = off
    with defect("sam3-to-float32"):
        if off > oracle.TOLERANCES["fp32"].logits:
            raise SilentlyWrong("after to(torch.float32) logits are off by {:.2g}".format(off))


def tables_of(model: Any) -> Any:
    return {tensor.dtype for name, tensor in model.named_buffers() if name.endswith("freqs_cis")}


@of_meta
@pytest.mark.capabilities("image")
@pytest.mark.small
@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_model_cast_as_a_whole(
    loaded: Any, variant: str, device: str, scene: Any, reference: Any, name: str, defect: Any
) -> None:
    """`model.half()` or `.bfloat16()`, and then an image and a point as usual, without autocast.

    https://github.com/facebookresearch/sam3/issues/507
    """
    model = getattr(copy.deepcopy(loaded).to(device), name)()
    with defect("sam3-cast-whole"):
        answer = inference.segment(
            VARIANTS[variant].predictor(model), scene, inference.prompt(scene, "point")
        )
        tolerance = oracle.TOLERANCES["bf16"]
        assert not oracle.deviation(answer, reference("point"), tolerance).problems(tolerance)


@of_meta
@pytest.mark.capabilities("image")
@pytest.mark.small
def test_feature_sizes_follow_the_model(loaded: Any, variant: str, scene: Any, defect: Any) -> None:
    """`SAM3InteractiveImagePredictor` takes a model whose images are not of 1008 pixels.

    https://github.com/facebookresearch/sam3/blob/main/sam3/model/sam1_task_predictor.py
    """
    from sam3.model.sam1_task_predictor import SAM3InteractiveImagePredictor

    with defect("sam3-feature-sizes"):
        SAM3InteractiveImagePredictor(copy.deepcopy(loaded)).set_image(scene.image)


@of_meta
def test_holes_are_filled(device: str, defect: Any) -> None:
    """Small holes are filled, as the predictor does by default; without scikit-image a CPU silently does not.

    https://github.com/facebookresearch/sam3/blob/main/sam3/perflib/connected_components.py
    """
    from sam3.model.utils.sam1_utils import SAM2Transforms

    logits = sam2_holes.with_holes()
    largest = 8
    _, areas = sam2_holes.connected(logits <= 0)
    expected = np.where((areas > 0) & (areas <= largest), np.float32(10), logits)
    given = torch.from_numpy(logits)[None, None].to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transforms = SAM2Transforms(resolution=logits.shape[0], mask_threshold=0.0, max_hole_area=largest)
        filled = transforms.postprocess_masks(given, logits.shape)[0, 0].cpu().numpy()
    with defect("sam3-holes-left"):
        if np.array_equal(filled, logits):
            raise HolesLeft("none of the holes of up to {} pixels was filled".format(largest))
        assert np.array_equal(filled, expected)


@of_meta
def test_building_leaves_autocast_alone(device: str, defect: Any) -> None:
    """Building the tracker of videos does not switch on autocast for the rest of the process.

    https://github.com/facebookresearch/sam3/blob/main/sam3/model/sam3_tracking_predictor.py
    """
    if device != "cuda":
        pytest.skip("without a GPU, PyTorch does not switch on autocast for CUDA")
    from sam3.model_builder import build_tracker

    tracker = build_tracker(apply_temporal_disambiguation=False)
    left = torch.is_autocast_enabled()
    tracker.bf16_context.__exit__(None, None, None)
    with defect("sam3-autocast-left-on"):
        if left:
            raise LeftOn("autocast is on after Sam3TrackerPredictor was built")


@of_detector
@pytest.mark.full
def test_compiled_in_bfloat16(loaded: Any, variant: str, device: str, scene: Any) -> None:
    """A model in bfloat16 whose feature pyramid is compiled answers as it does without; it once raised.

    https://github.com/huggingface/transformers/issues/47228
    """
    missing = precision_support.unavailable(precisions.PRECISIONS["bf16"], device)
    if missing:
        pytest.skip(missing)
    make: Any = VARIANTS[variant].concepts
    from samcheck.guest.models import concepts

    model = copy.deepcopy(loaded).to(device=device, dtype=torch.bfloat16)
    detector = make(model)
    detector.set_image(scene.image)
    words = concepts.of_scene(scene)["words"]
    expected = detector.run([words]).pred_masks.float().cpu().numpy()
    model.vision_encoder.neck = torch.compile(model.vision_encoder.neck)
    actual = detector.run([words]).pred_masks.float().cpu().numpy()
    assert oracle.relative_error(actual, expected) <= oracle.TOLERANCES["bf16"].logits
