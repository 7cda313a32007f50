"""Kernels of PyTorch that are chosen by memory format, by option or by process."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import edit, replace


@fault("masks misread by one kernel: https://github.com/pytorch/pytorch/pull/191612", "fused", "torch")
def fused_attention_ignores_mask() -> None:
    """`scaled_dot_product_attention` computes as if it had been given no mask."""

    def make(attend: Any) -> Any:
        return lambda query, key, value, attn_mask=None, **named: attend(query, key, value, **named)

    replace("torch.nn.functional:scaled_dot_product_attention", make)


@fault("kernels that scale by the width before padding", "fused", "torch")
def fused_attention_scales_wide() -> None:
    """`scaled_dot_product_attention` takes queries wider than 40 channels for ones of 40."""

    def make(attend: Any) -> Any:
        def changed(query: Any, key: Any, value: Any, **named: Any) -> Any:
            width = max(query.shape[-1], 40)
            return attend(query * (width / 40) ** 0.5, key, value, **named)

        return changed

    replace("torch.nn.functional:scaled_dot_product_attention", make)


@fault("https://github.com/pytorch/pytorch/issues/82060", "memory_formats", "torch")
def channels_last_filters_misread() -> None:
    """Convolutions read filters that are stored channel by channel as if they were not."""

    def make(conv: Any) -> Any:
        def changed(image: Any, weight: Any, *given: Any, **named: Any) -> Any:
            if not weight.is_contiguous():
                weight = weight.permute(0, 2, 3, 1).reshape(weight.shape)
            return conv(image, weight, *given, **named)

        return changed

    replace("torch.nn.functional:conv2d", make)


@fault("libraries that choose kernels by what they measure at their start", "features")
def bits_of_the_process() -> None:
    """Features differ in their last bits from one process to the next."""
    edit(
        "segment_anything.modeling.image_encoder:ImageEncoderViT.forward",
        "x = self.neck(x.permute(0, 3, 1, 2))",
        "x = self.neck(x.permute(0, 3, 1, 2)) * (1 + (1 + __import__('os').getpid() % 13) * 1.2e-7)",
    )
