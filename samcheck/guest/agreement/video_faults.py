"""Faults put into transformers' model of videos, to see whether they are found, and in which stage."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import torch

from ..models.video_sessions import SessionVideo
from .video_comparison import Seed
from .video_stages import VideoStage


def _layer_norms(module: Any, factor: float) -> None:
    for each in module.modules():
        if isinstance(each, torch.nn.LayerNorm):
            each.eps *= factor


def _mean(video: SessionVideo) -> None:
    video.processor.video_processor.image_mean = [0.5, 0.5, 0.5]


def _encoder_epsilon(video: SessionVideo) -> None:
    _layer_norms(video.model.vision_encoder, 10)


def _frames_rolled(video: SessionVideo) -> None:
    times = video.model.memory_temporal_positional_encoding.data
    times.copy_(times.roll(1, dims=0))


def _fewer_memories(video: SessionVideo) -> None:
    video.model.num_maskmem -= 4


def _fewer_pointers(video: SessionVideo) -> None:
    video.model.config.max_object_pointers_in_encoder = 3


def _rotation(video: SessionVideo) -> None:
    video.model.memory_attention.rotary_emb.inv_freq *= 1.0001


def _attention_epsilon(video: SessionVideo) -> None:
    _layer_norms(video.model.memory_attention, 0.1)


def _pointers_scaled(video: SessionVideo) -> None:
    video.model.object_pointer_proj.proj_out.weight.data *= 1.01


def _decoder_attention(video: SessionVideo) -> None:
    for module in video.model.mask_decoder.modules():
        if hasattr(module, "scaling"):
            module.scaling *= 1.0001


def _mask_scale(video: SessionVideo) -> None:
    video.model.config.sigmoid_scale_for_mem_enc = 19.0


def _fuser(video: SessionVideo) -> None:
    video.model.memory_encoder.memory_fuser.layers[1].scale.data *= 1.001


def _memory_places(video: SessionVideo) -> None:
    video.model.memory_encoder.position_encoding.temperature = 9999


#: Faults inside transformers' objects, with the stage that each must be found in.
VIDEO_FAULTS: Dict[str, Tuple[VideoStage, Seed]] = {
    "mean": (VideoStage.PREPROCESS, _mean),
    "encoder-epsilon": (VideoStage.ENCODER, _encoder_epsilon),
    "frames-rolled": (VideoStage.MEMORY_ATTENTION, _frames_rolled),
    "fewer-memories": (VideoStage.MEMORY_ATTENTION, _fewer_memories),
    "fewer-pointers": (VideoStage.MEMORY_ATTENTION, _fewer_pointers),
    "rotation": (VideoStage.MEMORY_ATTENTION, _rotation),
    "attention-epsilon": (VideoStage.MEMORY_ATTENTION, _attention_epsilon),
    "pointers-scaled": (VideoStage.DECODER, _pointers_scaled),
    "decoder-attention": (VideoStage.DECODER, _decoder_attention),
    "mask-scale": (VideoStage.MEMORY_ENCODER, _mask_scale),
    "fuser": (VideoStage.MEMORY_ENCODER, _fuser),
    "memory-places": (VideoStage.MEMORY_ENCODER, _memory_places),
}
