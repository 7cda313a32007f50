"""Does SAM 3's detector find what its weights, words and example boxes imply?"""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import numpy as np
import pytest
import torch

from samcheck.guest import bits, oracle
from samcheck.guest.models import concepts, precision_support, precisions
from samcheck.guest.models.concepts import Detections
from samcheck.guest.models.variants import VARIANTS

GROUP = "correctness"
pytestmark = pytest.mark.capabilities("concept")
in_float32 = pytest.mark.precisions("fp32")

KINDS = ("words", "other-words", "box", "negative-box", "words+boxes")
#: Relative L2 error of the logits, and largest errors of boxes and scores: three times the largest that was
#: measured against float64, 150 detections each on torch 2.8.0 and 2.15.0 with transformers 5.20.2 and
#: 5.23.0, on CPUs. TF32 has float16's mantissa, so its limits; no GPU was available.
FACTOR = 3
SPREAD = {
    "fp32": (1.5e-6, 4.6e-7, 2.3e-7),
    "tf32": (2.3e-3, 6.8e-4, 3.5e-4),
    "fp16": (2.3e-3, 6.8e-4, 3.5e-4),
    "bf16": (2.3e-2, 5.6e-3, 3.2e-3),
    "autocast-fp16": (1.9e-3, 5.6e-4, 2.4e-4),
    "autocast-bf16": (1.6e-2, 4.8e-3, 1.9e-3),
    "int8-dynamic": (4.3e-2, 1.4e-2, 4.7e-3),
    "whole-float16": (4.1e-3, 2.0e-3, 1.0e-3),
    "whole-bfloat16": (3.4e-2, 1.5e-2, 6.1e-3),
}
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class DependsOnCompany(Exception):
    """A concept is answered differently beside another one than alone."""


class WrongSize(Exception):
    """Masks do not have the size that was asked for."""


class SilentlyWrong(Exception):
    """Finite but wrong masks; the message says by how much."""


@pytest.fixture(scope="module")
def new_detector(variant: str) -> Callable[[Any], Any]:
    maker = VARIANTS[variant].concepts
    assert maker is not None, "{} has the capability concept and no detector of concepts".format(variant)
    return maker


@pytest.fixture(scope="module")
def asked(scene: Any) -> Dict[str, concepts.Concept]:
    return concepts.of_scene(scene)


@pytest.fixture(scope="module")
def precise(loaded: Any, new_detector: Any, scene: Any, asked: Any) -> Callable[[str], Detections]:
    """What the model's own code finds in float64 on the CPU, by the kind of concept, computed once."""
    detector = new_detector(copy.deepcopy(loaded).double())
    detector.set_image(scene.image)
    known: Dict[str, Detections] = {}

    def get(kind: str) -> Detections:
        if kind not in known:
            known[kind] = detector.detect(asked[kind])[0]
            assert known[kind].logits.dtype == np.float64
        return known[kind]

    return get


def problems(actual: Detections, expected: Detections, precision: str, measured: Dict[str, float]) -> str:
    """Say what exceeds what rounding explains; empty if nothing does."""
    seen = {
        "logits_relative_l2": oracle.relative_error(actual.logits, expected.logits),
        "box_error": float(np.abs(actual.boxes - expected.boxes).max()),
        "score_error": float(np.abs(actual.scores - expected.scores).max()),
    }
    measured.update(seen)
    limits = [FACTOR * spread for spread in SPREAD[precision]]
    return "; ".join(
        "{} is {:.2g}, {:.2g} allowed".format(name, value, limit)
        for (name, value), limit in zip(seen.items(), limits)
        if not value <= limit
    )


@pytest.mark.parametrize("kind", KINDS)
def test_concept_matches_reference(
    model: Any,
    new_detector: Any,
    precision: str,
    scene: Any,
    asked: Any,
    precise: Any,
    kind: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """Masks, boxes and scores of a concept agree with the model's own code in float64.

    https://github.com/huggingface/transformers/issues/47228
    """
    detector = new_detector(model)
    detector.set_image(scene.image)
    found = []
    settings["computed_in"] = precisions.computing(model, lambda: found.extend(detector.detect(asked[kind])))
    assert settings["computed_in"] == precisions.PRECISIONS[precision].reads_back
    assert not problems(found[0], precise(kind), precision, measured)


def test_reference_decides_something(variant: str, precise: Any) -> None:
    """Other words, other boxes and another label give another answer, by far more than any precision may.

    https://github.com/pytorch/benchmark/pull/1764
    """
    for kind in KINDS:
        found = precise(kind)
        assert 0.01 < (found.logits > 0).mean() < 0.99
        assert ((found.scores > 0.01) & (found.scores < 0.99)).all()
        for other in KINDS:
            if other != kind:
                off = oracle.relative_error(precise(other).logits, found.logits)
                assert off > 1000 * FACTOR * SPREAD["fp32"][0]


@in_float32
def test_repeat_is_identical(
    model: Any, new_detector: Any, scene: Any, asked: Any, settings: Dict[str, str]
) -> None:
    """The same image and concept give bit-identical answers, even with another of both in between.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    detector = new_detector(model)
    detector.set_image(scene.image)
    first = detector.detect(asked["words+boxes"])[0]
    settings[bits.setting("masks")] = bits.digest([first.logits, first.boxes, first.scores])
    detector.set_image(np.ascontiguousarray(scene.image[:, ::-1]))
    mirrored = detector.detect(asked["other-words"])[0]
    detector.set_image(scene.image)
    second = detector.detect(asked["words+boxes"])[0]
    for name in ("logits", "boxes", "scores"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
        assert not np.array_equal(getattr(first, name), getattr(mirrored, name))


def company_changes(detector: Any, asked: Any, company: Any, measured: Dict[str, float]) -> str:
    """Say which concept is answered differently beside the others than alone; empty if none is."""
    together = detector.detect(*(asked[kind] for kind in company))
    for kind, found in zip(company, together):
        wrong = problems(found, detector.detect(asked[kind])[0], "fp32", measured)
        if wrong:
            return "{} beside {}: {}".format(kind, ", ".join(company), wrong)
    return ""


@in_float32
@pytest.mark.parametrize(
    "company",
    [("words", "other-words"), ("box", "words+boxes", "negative-box")],
    ids=["words", "boxes"],
)
def test_batch_matches_singles(
    model: Any, new_detector: Any, scene: Any, asked: Any, company: Any, measured: Any
) -> None:
    """Concepts asked for together, shorter ones padded, are answered as each is alone.

    https://github.com/facebookresearch/segment-anything/issues/223
    """
    detector = new_detector(model)
    detector.set_image(scene.image)
    assert not company_changes(detector, asked, company, measured)


@in_float32
def test_words_beside_a_box(
    model: Any, new_detector: Any, scene: Any, asked: Any, measured: Any, defect: Any
) -> None:
    """Words are answered the same whether or not another concept of the same call has boxes.

    Meta's detector adds a token for boxes to every prompt, also to one without boxes:
    https://github.com/facebookresearch/sam3/blob/main/sam3/model/geometry_encoders.py
    """
    detector = new_detector(model)
    detector.set_image(scene.image)
    with defect("transformers-sam3-words-alone"):
        wrong = company_changes(detector, asked, ("words", "box"), measured)
        if wrong:
            raise DependsOnCompany(wrong)


@in_float32
def test_nothing_there(model: Any, new_detector: Any, scene: Any, asked: Any, defect: Any) -> None:
    """A concept that is not in the image gives no boxes, no scores, and no masks of the image's size.

    https://github.com/pixeltable/pixeltable/pull/1478
    """
    absent = copy.deepcopy(model)
    absent.detr_decoder.presence_head.layer3.bias.data.fill_(-1e3)  # cut to -10: a score of at most 5e-5
    detector = new_detector(absent)
    detector.set_image(scene.image)
    found = detector.run([asked["words"], asked["other-words"]])
    everything = detector.instances(found, threshold=0.0)
    assert all(len(one["scores"]) == found.pred_logits.shape[1] for one in everything)
    nothing = detector.instances(found, threshold=1e-3)
    for one in nothing:
        assert one["scores"].shape == (0,)
        assert one["boxes"].shape == (0, 4)
        assert one["masks"].shape[0] == 0
    with defect("transformers-sam3-empty-size"):
        for one in nothing:
            if tuple(one["masks"].shape[1:]) != scene.image.shape[:2]:
                raise WrongSize("no masks of {} pixels".format("x".join(map(str, one["masks"].shape[1:]))))


@in_float32
def test_masks_at_image_size(
    model: Any, new_detector: Any, scene: Any, asked: Any, defect: Any, measured: Any
) -> None:
    """Masks at the size of the image are the resized logits above zero, as Meta's processor makes them.

    https://github.com/facebookresearch/sam3/blob/main/sam3/model/sam3_image_processor.py
    """
    detector = new_detector(model)
    detector.set_image(scene.image)
    found = detector.run([asked["words"]])
    (instances,) = detector.instances(found, threshold=0.0)
    resized = torch.nn.functional.interpolate(
        found.pred_masks, scene.image.shape[:2], mode="bilinear", align_corners=False
    )[0]
    both = zip((resized > 0).cpu().numpy(), instances["masks"].bool().cpu().numpy())
    measured["smallest_iou"] = min(oracle.iou(actual, expected) for expected, actual in both)
    with defect("transformers-sam3-resizes-probabilities"):
        if measured["smallest_iou"] < 0.999:
            raise SilentlyWrong("masks have an IoU of {:.2f}".format(measured["smallest_iou"]))


@in_float32
def test_features_used_again(model: Any, new_detector: Any, scene: Any, asked: Any, defect: Any) -> None:
    """Features of an image and of words, computed once, give the same answer as the image and the words.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam3/modeling_sam3.py
    """
    detector = new_detector(model)
    detector.set_image(scene.image)
    given = detector.arguments([asked["words"]])
    expected = detector.run([asked["words"]]).pred_masks
    with torch.no_grad():
        image = model.get_vision_features(pixel_values=detector.pixels)
        text = model.get_text_features(**given)
        mask = given["attention_mask"]
        answer = model(vision_embeds=image, text_embeds=text, attention_mask=mask).pred_masks
        assert torch.equal(answer, expected)
        with defect("transformers-sam3-text-embeds"):
            documented = model(
                vision_embeds=image, text_embeds=text.pooler_output, attention_mask=mask
            ).pred_masks
            assert torch.equal(documented, expected)


@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("kind", ["words", "words+boxes"])
def test_model_cast_as_a_whole(
    loaded: Any,
    variant: str,
    new_detector: Any,
    device: str,
    scene: Any,
    asked: Any,
    precise: Any,
    name: str,
    kind: str,
    measured: Dict[str, float],
    defect: Any,
) -> None:
    """`model.half()` or `.bfloat16()` finds the same; boxes that the processor returns, float32, are taken.

    https://github.com/facebookresearch/sam3/issues/507
    """
    missing = precision_support.unavailable(precisions.PRECISIONS["fp16"], device)
    if name == "float16" and missing:
        pytest.skip(missing)
    detector = new_detector(copy.deepcopy(loaded).to(device=device, dtype=DTYPES[name]))
    detector.set_image(scene.image)
    output = detector.run([asked[kind]])
    scores = output.pred_logits.sigmoid() * output.presence_logits.sigmoid()
    found = Detections(
        *(part[0].float().cpu().numpy() for part in (output.pred_masks, output.pred_boxes, scores))
    )
    assert not problems(found, precise(kind), "whole-" + name, measured)
    if kind == "words+boxes":
        given = detector.arguments([asked[kind]])
        given["input_boxes"] = given["input_boxes"].float()
        with defect("transformers-sam3-boxes-float32"), torch.no_grad():
            detector.model(pixel_values=detector.pixels.float(), **given)
