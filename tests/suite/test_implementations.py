"""Do two implementations of a model give the same answers, with the same weights?"""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import numpy as np
import pytest
import torch

from samcheck.guest.agreement import limits, seeded
from samcheck.guest.agreement.attribution import ImplementationsDiffer, StageComparison
from samcheck.guest.agreement.pair_fixtures import agree, prompt_of, scene_of
from samcheck.guest.agreement.pairs import BESIDE, PAIRS, Pair
from samcheck.guest.agreement.stages import Encodings, PipelineStage, Staged, StagedAnswer, chain, run
from samcheck.guest.models import conversion, inference, scenes, weights
from samcheck.guest.oracle.sam import Oracle

PRECISE, USUAL = torch.float64, torch.float32
SINGLE = ("single-from-point", "single-from-box")


#: By variant, what makes it deviate with its defaults.
DEVIATIONS = {
    "transformers.sam_tiny": "transformers-decoder-epsilon",
    "transformers.hq_mini": "transformers-hq-image-embedding",
    "transformers.sam3_mini": "transformers-sam3-no-memory",
}
of_every_pair = pytest.mark.variants(*PAIRS, beside=BESIDE)


@of_every_pair
@pytest.mark.parametrize("kind", inference.PROMPT_KINDS)
@pytest.mark.parametrize("dtype", [USUAL, PRECISE], ids=["float32", "float64"])
def test_same_pixels(
    pair: Pair,
    compared: Any,
    dtype: torch.dtype,
    kind: str,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """With the original's settings, another implementation answers alike: in float64 to 1e-9.

    https://github.com/huggingface/transformers/pull/22654 and its successors compare a few rounded numbers.
    """
    settings["reference"] = pair.reference
    agree(compared(dtype), prompt_of(pair, kind), limits.of(pair, dtype), measured, settings)


@of_every_pair
@pytest.mark.parametrize("kind", inference.PROMPT_KINDS)
def test_own_preprocessing(
    pair: Pair,
    compared: Any,
    kind: str,
    defect: Any,
    measured: Dict[str, float],
    settings: Dict[str, str],
) -> None:
    """From the image on, each with its own preprocessing, both answer alike.

    https://github.com/huggingface/transformers/issues/29105
    """
    settings["reference"] = pair.reference
    comparison = compared(USUAL, same_pixels=False)
    prompt = prompt_of(pair, kind, same_pixels=False)
    agree(comparison, prompt, limits.other_pixels(pair), measured, settings)
    if pair.other_size is not None:  # something was resized
        with defect("transformers-resizes-bytes"):
            agree(comparison, prompt, limits.FLOAT32, measured, settings)


@pytest.mark.variants(*DEVIATIONS, beside=BESIDE)
@pytest.mark.parametrize("kind", SINGLE)
def test_default_settings(
    pair: Pair, compared: Any, kind: str, defect: Any, measured: Any, settings: Dict[str, str]
) -> None:
    """With the defaults of its configuration, another implementation answers as the original does.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam/configuration_sam.py
    """
    with defect(DEVIATIONS[pair.variant]):
        agree(
            compared(PRECISE, "as it comes"),
            prompt_of(pair, kind),
            limits.of(pair, PRECISE),
            measured,
            settings,
        )


@pytest.mark.variants("transformers.sam_tiny", "transformers.sam2.1_mini")
def test_eager_attention(
    pair: Pair, compared: Any, defect: Any, measured: Any, settings: Dict[str, str]
) -> None:
    """A model in float64 computes in float64 throughout, whatever its implementation of attention.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam/modeling_sam.py
    """
    with defect("transformers-eager-softmax"):
        agree(
            compared(PRECISE, "eager"), prompt_of(pair, "box"), limits.of(pair, PRECISE), measured, settings
        )


@pytest.mark.variants("transformers.hq_mini")
def test_number_of_masks(pair: Pair, both: Any, defect: Any) -> None:
    """HQ-SAM returns the best of its three masks if several are asked for, in every implementation.

    https://github.com/SysCV/sam-hq/blob/main/segment_anything/modeling/mask_decoder_hq.py
    """
    reference, own = both(PRECISE)
    own = copy.copy(own)
    own.best_only = False
    comparison = StageComparison(reference, own, scene_of(pair, True).image, True)
    with defect("transformers-hq-three-masks"):
        comparison.require(prompt_of(pair, "box"), limits.of(pair, PRECISE))


@of_every_pair
@pytest.mark.parametrize("kind", inference.PROMPT_KINDS)
def test_stages_are_the_predictor(pair: Pair, both: Any, kind: str) -> None:
    """The stages that are compared, put together, are what each package's own predictor answers.

    https://github.com/huggingface/transformers/issues/29105
    """
    scene = scenes.draw(7, 240, 320)
    prompt = inference.prompt(scene, kind, pair.side)
    for staged in both(USUAL):
        staged.predictor.set_image(scene.image)
        logits, scores, low = staged.predictor.predict(return_logits=True, **prompt.arguments())
        if getattr(staged, "best_only", False):
            best = slice(int(scores.argmax()), int(scores.argmax()) + 1)
            logits, scores, low = logits[best], scores[best], low[best]
        answer = run(chain(staged), scene.image, prompt, Encodings(scene.image))
        if np.abs(low).max() <= 32:  # where SAM2ImagePredictor cuts them
            answer = StagedAnswer(np.clip(answer.low, -32, 32), answer.scores, answer.full)
        seen = StageComparison.difference(StagedAnswer(low, scores, logits), answer)
        assert not seen.exceeds(limits.FLOAT32), "{}: {}".format(type(staged).__name__, seen)


@pytest.fixture(scope="session")
def oracle_of_original(pair: Pair) -> Oracle:
    """samcheck's own implementation with the weights of the original, which keeps encoded images on disk."""
    model = pair.original()
    return Oracle.of(model, weights.digest(model))


@pytest.mark.variants("transformers.sam_tiny")
@pytest.mark.parametrize("kind", inference.PROMPT_KINDS)
def test_third_opinion(
    pair: Pair, both: Any, oracle_of_original: Oracle, kind: str, measured: Dict[str, float]
) -> None:
    """Both implementations agree with samcheck's own in NumPy, in float64 to 1e-9.

    https://arxiv.org/abs/2304.02643, section A
    """
    scene, prompt = scene_of(pair, True), prompt_of(pair, kind)
    expected = oracle_of_original.predict(oracle_of_original.encode(scene.image), prompt)
    opinion = StagedAnswer(expected.low_resolution, expected.scores, expected.logits)
    reference, own = both(PRECISE)
    encodings = Encodings(scene.image)
    for name, staged in (("reference", reference), ("own", own)):
        answer = run(chain(staged, preprocess=reference), scene.image, prompt, encodings)
        seen = StageComparison.difference(answer, opinion)
        measured["{}_logits_relative".format(name)] = seen.low
        assert not seen.exceeds(limits.FLOAT64), "{}: {}".format(type(staged).__name__, seen)


@of_every_pair
def test_conversion_is_total(pair: Pair) -> None:
    """The weights are converted without a rest on either side, and a tensor that is too many is refused.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam/convert_sam_to_hf.py
    """
    state = dict(pair.original().state_dict())
    own = pair.build(**pair.alike)
    conversion.load_converted(own, pair.convert(state))
    some = next(name for name in state if name.endswith("norm1.weight"))
    with pytest.raises(conversion.ConversionFailed, match="is missing"):
        conversion.load_converted(own, pair.convert({k: v for k, v in state.items() if k != some}))
    with pytest.raises(conversion.ConversionFailed, match=r"gate (matches 0 rules|is left over)"):
        conversion.load_converted(own, pair.convert(dict(state, **{"image_encoder.gate": state[some]})))
    with pytest.raises(conversion.ConversionFailed, match="has shape"):
        conversion.load_converted(own, pair.convert(dict(state, **{some: state[some][:1]})))


def found_alone(
    both: Any, pair: Pair, seed: Callable[[Staged], None], stage: PipelineStage, settings: Dict[str, str]
) -> None:
    """Require that what `seed` does to the variant is found in a stage, and that replacing it explains it."""
    reference, own = both(PRECISE)
    own = copy.deepcopy(own)
    seed(own)
    same_pixels = stage is not PipelineStage.PREPROCESS
    allowed = limits.of(pair, PRECISE) if same_pixels else limits.other_pixels(pair)
    comparison = StageComparison(reference, own, scene_of(pair, same_pixels).image, same_pixels)
    prompt = prompt_of(pair, "point+box", same_pixels)
    found = comparison.attribute(prompt, allowed)
    settings["found"] = ", ".join(found.stages)
    assert found.stages == [stage], str(found)
    assert found.explained, str(found)
    with pytest.raises(ImplementationsDiffer, match="^{}: ".format(stage)):
        comparison.require(prompt, allowed)


@pytest.mark.full
@of_every_pair
@pytest.mark.parametrize("stage", list(PipelineStage))
def test_attribution(pair: Pair, both: Any, stage: PipelineStage, settings: Dict[str, str]) -> None:
    """A deviation that is put into one stage is found there and nowhere else, and replacing it explains it.

    https://github.com/huggingface/transformers/issues/29105
    """
    found_alone(both, pair, lambda own: seeded.deviate(own, stage), stage, settings)


@pytest.mark.full
@pytest.mark.variants("transformers.sam_tiny")
@pytest.mark.parametrize("fault", seeded.FAULTS)
def test_fault_is_attributed(pair: Pair, both: Any, fault: str, settings: Dict[str, str]) -> None:
    """A fault inside transformers' objects is caught, and found in the stage that has it.

    https://github.com/huggingface/transformers/issues/29105
    """
    stage, seed = seeded.FAULTS[fault]
    found_alone(both, pair, seed, stage, settings)
