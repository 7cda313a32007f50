"""The image encoder with PyTorch's fused attention in place of SAM's own formula.

Ports of SAM do this for speed, and so choose other kernels with every release and GPU: segment-anything-fast
(segment_anything_fast/modeling/image_encoder.py) and transformers (models/sam/modeling_sam.py, `SamVisionSdpa
Attention`) pass SAM's relative positions to `scaled_dot_product_attention` as its mask.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from functools import partial
from typing import Any, ContextManager, Iterator, List, Optional, Set, Tuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .backends import Unavailable, require_sam

#: The operators of each kernel but ``math``, which consists of plain products and a softmax.
OPERATORS = {
    "flash": ("_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu"),
    "efficient": ("_scaled_dot_product_efficient_attention",),
    "cudnn": ("_scaled_dot_product_cudnn_attention",),
}
KERNELS = ("math", *OPERATORS)
#: How the relative positions reach the kernel: as its mask, or as further channels of queries and keys, for
#: kernels that take no mask.
FORMS = ("mask", "channels")

#: The names of the kernels in `torch.nn.attention.SDPBackend` (PyTorch 2.3), and the switches of its
#: predecessor `torch.backends.cuda.sdp_kernel`.
_NEW = {
    "math": "MATH",
    "flash": "FLASH_ATTENTION",
    "efficient": "EFFICIENT_ATTENTION",
    "cudnn": "CUDNN_ATTENTION",
}
_OLD = {"math": "enable_math", "flash": "enable_flash", "efficient": "enable_mem_efficient"}
#: How PyTorch begins when the forced kernel does not take these tensors; warnings say why.
_REFUSALS = ("No available kernel", "No viable backend")
#: Kernels take channels in multiples of this.
_STEP = 8


class Watch(TorchDispatchMode):  # type: ignore[misc]
    """Notes which kernels compute attention: not every release heeds the choice on every device."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: Set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function).split(".")[1]
        found = [kernel for kernel, operators in OPERATORS.items() if name in operators]
        self.ran.update(found or ["math"] * name.endswith("softmax"))
        return function(*args, **(kwargs or {}))


@contextmanager
def fused(model: Any, kernel: str, form: str) -> Iterator[Set[str]]:
    """Inside, let SAM's encoder compute its attention with `kernel`; yield the kernels that really did.

    Raises:
        Unavailable: PyTorch does not have the kernel, or the kernel does not take these tensors.
    """
    layers = attentions(model)
    _require_kernel(kernel, next(layers[0].parameters()).device.type)
    watch = Watch()
    for layer in layers:
        layer.forward = partial(_attend, layer, form, watch)
    try:
        with _refusal_as_unavailable(kernel), _forced(kernel):
            yield watch.ran
    finally:
        for layer in layers:
            del layer.forward  # the class's own shows again


def attentions(model: Any) -> List[Any]:
    """Return the attention layers of SAM's image encoder, also of a wrapped one.

    Raises:
        Unavailable: it is not SAM's encoder.
    """
    from segment_anything.modeling.image_encoder import Attention

    layers = [layer for layer in require_sam(model).image_encoder.modules() if isinstance(layer, Attention)]
    if not (layers and all(layer.use_rel_pos for layer in layers)):
        raise Unavailable("the image encoder has no attention with relative positions")
    return layers


def _require_kernel(kernel: str, device: str) -> None:
    """Ask PyTorch's dispatcher: on the CPU, 2.0 accepts every choice and computes by the formula."""
    if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        raise Unavailable("this PyTorch has no scaled_dot_product_attention")
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    known = set(torch._C._dispatch_get_all_op_names())
    operators = ["aten::" + name for name in OPERATORS.get(kernel, ())]
    key = device.upper()
    if operators and not any(name in known and has(name, key) for name in operators):
        raise Unavailable("this PyTorch has no {} kernel of attention for {}".format(kernel, key))


def _forced(kernel: str) -> ContextManager[Any]:
    """Return the context in which PyTorch may use no other kernel.

    Raises:
        Unavailable: this PyTorch has no switch for it.
    """
    try:
        from torch.nn import attention
    except ImportError:
        attention = None
    if hasattr(attention, "sdpa_kernel"):
        if hasattr(attention.SDPBackend, _NEW[kernel]):
            chosen: ContextManager[Any] = attention.sdpa_kernel(getattr(attention.SDPBackend, _NEW[kernel]))
            return chosen
    elif kernel in _OLD:
        switches = {switch: name == kernel for name, switch in _OLD.items()}
        old: ContextManager[Any] = torch.backends.cuda.sdp_kernel(**switches)
        return old
    raise Unavailable("this PyTorch has no switch for the {} kernel of attention".format(kernel))


@contextmanager
def _refusal_as_unavailable(kernel: str) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            yield
        except RuntimeError as error:
            if not str(error).startswith(_REFUSALS):
                raise
            reasons = [" ".join(str(warning.message).split()) for warning in heard]
            said = "; ".join([str(error).splitlines()[0], *dict.fromkeys(reasons)])
            raise Unavailable("the {} kernel does not take these tensors: {}".format(kernel, said)) from error


def _attend(layer: Any, form: str, watch: Watch, tokens: torch.Tensor) -> torch.Tensor:
    """Take the place of `Attention.forward`: (B, H, W, C) to the same."""
    batch, height, width, _ = tokens.shape
    shape = (batch, height * width, 3, layer.num_heads, -1)
    query, key, value = layer.qkv(tokens).reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
    rows, columns = _positions(layer, query, height, width)
    channels = value.shape[-1]
    mask: Optional[torch.Tensor] = None
    if form == "mask":
        mask = (rows[..., :, None] + columns[..., None, :]).flatten(-2)
    else:
        query, key, value = _with_more_channels(layer.scale, query, key, value, rows, columns)
    with watch:
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    mixed = mixed[..., :channels].permute(0, 2, 1, 3).reshape(batch, height, width, -1)
    answer: torch.Tensor = layer.proj(mixed)
    return answer


def _positions(layer: Any, query: torch.Tensor, height: int, width: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return what SAM adds to the logits of each query, by row and by column of the key: (B, n, HW, H or W).

    As `add_decomposed_rel_pos` of segment_anything/modeling/image_encoder.py does.
    """
    from segment_anything.modeling.image_encoder import get_rel_pos

    grid = query.unflatten(2, (height, width))
    by_row = get_rel_pos(height, height, layer.rel_pos_h)
    by_column = get_rel_pos(width, width, layer.rel_pos_w)
    rows = torch.einsum("bnhwc,hkc->bnhwk", grid, by_row)
    columns = torch.einsum("bnhwc,wkc->bnhwk", grid, by_column)
    return rows.flatten(2, 3), columns.flatten(2, 3)


def _with_more_channels(
    scale: float,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Add the positions as channels: one per row and column, in which a key has 1 at its own and 0 elsewhere.

    The product of query and key is then SAM's logit, so that the kernel needs no mask.
    """
    height, width = rows.shape[-1], columns.shape[-1]
    own_row = torch.eye(height, device=query.device).repeat_interleave(width, 0)
    own_column = torch.eye(width, device=query.device).repeat(height, 1)
    places = torch.cat((own_row, own_column), -1).to(key.dtype).expand(*key.shape[:2], -1, -1)
    query = torch.cat((query * scale, rows.to(query.dtype), columns.to(query.dtype)), -1)
    key = torch.cat((key, places), -1)
    total = -(-query.shape[-1] // _STEP) * _STEP
    query, key, value = (
        torch.nn.functional.pad(each, (0, total - each.shape[-1])) for each in (query, key, value)
    )
    return query * total**0.5, key, value  # the kernel divides by this root
