"""Deviations put into one stage of an implementation, to see whether they are found there."""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple

import numpy as np
import torch

from .stages import PipelineStage, Staged


def _brightened(preprocess: Callable[..., Any]) -> Callable[..., Any]:
    """Raise every pixel by a tenth of its standard deviation over ImageNet."""
    return lambda image: preprocess(image) + 0.1


def _shifted(embed: Callable[..., Any]) -> Callable[..., Any]:
    """Move points and boxes by half a pixel, as where the centre of a pixel is forgotten."""

    def changed(prompt: Any, size: Any) -> Any:
        from dataclasses import replace

        points = None if prompt.points is None else prompt.points + 0.5
        box = None if prompt.box is None else np.asarray(prompt.box) + 0.5
        return embed(replace(prompt, points=points, box=box), size)

    return changed


def _features_scaled(encode: Callable[..., Any]) -> Callable[..., Any]:
    """Scale the coarsest features by 1 + 1e-6, less than float32 would show."""

    def changed(pixels: Any) -> Any:
        features = encode(pixels)
        return [features[0] * (1 + 1e-6), *features[1:]]

    return changed


def _logits_raised(decode: Callable[..., Any]) -> Callable[..., Any]:
    """Raise the logits by 1e-5."""

    def changed(*given: Any) -> Any:
        low, scores = decode(*given)
        return low + 1e-5, scores

    return changed


def _corners_aligned(resize: Callable[..., Any]) -> Callable[..., Any]:
    """Put the centres of the corner pixels on each other, as ``align_corners`` does."""

    def changed(low: Any, size: Any) -> Any:
        from torch.nn.functional import interpolate

        return interpolate(low[None], resize(low, size).shape[-2:], mode="bilinear", align_corners=True)[0]

    return changed


_DEVIATIONS: Dict[PipelineStage, Any] = {
    PipelineStage.PREPROCESS: ("preprocess", _brightened),
    PipelineStage.ENCODER: ("encode", _features_scaled),
    PipelineStage.PROMPT: ("embed", _shifted),
    PipelineStage.DECODER: ("decode", _logits_raised),
    PipelineStage.RESIZE: ("resize", _corners_aligned),
}


def deviate(staged: Staged, stage: PipelineStage) -> None:
    """Make one stage of an implementation deviate, in place."""
    name, change = _DEVIATIONS[stage]
    setattr(staged, name, change(getattr(staged, name)))


def _image_processor(staged: Staged) -> Any:
    return staged.predictor.processor.image_processor


def _mean(staged: Staged) -> None:
    _image_processor(staged).image_mean = [0.5, 0.5, 0.5]


def _channels(staged: Staged) -> None:
    for name in ("image_mean", "image_std"):
        setattr(_image_processor(staged), name, list(getattr(_image_processor(staged), name))[::-1])


def _scale_of_pixels(staged: Staged) -> None:
    _image_processor(staged).rescale_factor = 1 / 128


def _nearest_pixels(staged: Staged) -> None:
    _image_processor(staged).resample = 0


def _encoder_epsilon(staged: Staged) -> None:
    for module in staged.model.vision_encoder.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps *= 10


def _without_relative_positions(staged: Staged) -> None:
    for name, tensor in staged.model.vision_encoder.state_dict().items():
        if name.endswith("rel_pos_h"):
            tensor.zero_()


def _positions_rolled(staged: Staged) -> None:
    state = staged.model.vision_encoder.state_dict()["pos_embed"]
    state.copy_(state.roll(1, dims=1))


def _labels_swapped(staged: Staged) -> None:
    background, foreground = staged.model.prompt_encoder.point_embed[:2]
    kept = background.weight.data.clone()
    background.weight.data.copy_(foreground.weight.data)
    foreground.weight.data.copy_(kept)


def _corners_swapped(staged: Staged) -> None:
    first, last = staged.model.prompt_encoder.point_embed[2:4]
    kept = first.weight.data.clone()
    first.weight.data.copy_(last.weight.data)
    last.weight.data.copy_(kept)


def _coordinates_by_a_larger_side(staged: Staged) -> None:
    staged.model.prompt_encoder.input_image_size += 1


def _no_mask_scaled(staged: Staged) -> None:
    staged.model.prompt_encoder.no_mask_embed.weight.data *= 1.001


def _decoder_epsilon(staged: Staged) -> None:
    for module in staged.model.mask_decoder.transformer.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps /= 10


def _tokens_rolled(staged: Staged) -> None:
    tokens = staged.model.mask_decoder.mask_tokens.weight.data
    tokens.copy_(tokens.roll(1, dims=0))


def _attention_scaled(staged: Staged) -> None:
    for module in staged.model.mask_decoder.modules():
        if hasattr(module, "scaling"):
            module.scaling *= 1.0001


def _padding_unequal(staged: Staged) -> None:
    side = staged.predictor.processor.target_size
    _image_processor(staged).post_process_masks = _with_padding(_image_processor(staged), side + 16)


def _with_padding(processor: Any, side: int) -> Callable[..., Any]:
    original = processor.post_process_masks
    square = {"height": side, "width": side}
    return lambda *given, **options: original(*given, pad_size=square, **options)


#: Faults inside transformers' own objects, which ports of SAM have had, with the
#: stage that each must be found in.
FAULTS: Dict[str, Tuple[PipelineStage, Callable[[Staged], None]]] = {
    "mean": (PipelineStage.PREPROCESS, _mean),
    "channels": (PipelineStage.PREPROCESS, _channels),
    "scale-of-pixels": (PipelineStage.PREPROCESS, _scale_of_pixels),
    "nearest-pixels": (PipelineStage.PREPROCESS, _nearest_pixels),
    "encoder-epsilon": (PipelineStage.ENCODER, _encoder_epsilon),
    "without-relative-positions": (PipelineStage.ENCODER, _without_relative_positions),
    "positions-rolled": (PipelineStage.ENCODER, _positions_rolled),
    "labels-swapped": (PipelineStage.PROMPT, _labels_swapped),
    "corners-swapped": (PipelineStage.PROMPT, _corners_swapped),
    "coordinates-by-a-larger-side": (PipelineStage.PROMPT, _coordinates_by_a_larger_side),
    "no-mask-scaled": (PipelineStage.PROMPT, _no_mask_scaled),
    "decoder-epsilon": (PipelineStage.DECODER, _decoder_epsilon),
    "tokens-rolled": (PipelineStage.DECODER, _tokens_rolled),
    "attention-scaled": (PipelineStage.DECODER, _attention_scaled),
    "padding-unequal": (PipelineStage.RESIZE, _padding_unequal),
}
