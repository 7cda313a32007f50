"""What MobileSAM and HQ-SAM answer."""

from __future__ import annotations

from typing import Any

from .common import digest, evidence, scene


def _answers(name: str, **more: Any) -> Any:
    """Features, and logits, scores and low-resolution logits for every kind of prompt."""
    from samcheck.guest.models import inference, variants, weights

    variant, drawn = variants.VARIANTS[name], scene(7, 90, 123)
    predictor = variant.predictor(weights.load(variant)[0])
    predictor.set_image(drawn.image)
    found = {"features": digest(predictor.features)}
    for kind in inference.PROMPT_KINDS:
        given = inference.prompt(drawn, kind, variant.image_size).arguments()
        answer = predictor.predict(return_logits=True, **given, **more)
        found[kind] = digest(*answer)
    return found


@evidence
def mobile_answers() -> Any:
    """Of MobileSAM at its small size."""
    return _answers("mobile_sam_mini")


@evidence
def hq_answers() -> Any:
    """Of HQ-SAM at its small size."""
    return _answers("hq_mini")


@evidence
def hq_token_answers() -> Any:
    """Of HQ-SAM at its small size, the fine mask alone."""
    return _answers("hq_mini", hq_token_only=True)


@evidence
def mobile_registry() -> Any:
    """What the names of MobileSAM's registry stand for."""
    from mobile_sam import sam_model_registry

    return {name: build.__name__ for name, build in sam_model_registry.items()}
