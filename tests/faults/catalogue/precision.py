"""What is computed in: kernels that round too much, casts that do not happen, settings that leak."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import edit, replace

LINEAR, CONVOLUTION = "torch.nn.functional:linear", "torch.nn.functional:conv2d"


def _float32(*tensors: Any) -> bool:
    import torch

    return all(tensor.dtype is torch.float32 for tensor in tensors)


def _truncated(tensor: Any, bits: int = 13) -> Any:
    """float32 without its last `bits` bits; TF32 has 13 fewer."""
    import torch

    return (tensor.contiguous().view(torch.int32) & -(1 << bits)).view(torch.float32)


def _rounding_operands(path: str, narrow: Any) -> None:
    def make(original: Any) -> Any:
        def rounded(input: Any, weight: Any, *rest: Any, **named: Any) -> Any:
            if not _float32(input, weight):
                return original(input, weight, *rest, **named)
            return original(narrow(input), narrow(weight), *rest, **named)

        return rounded

    replace(path, make)


@fault(
    "https://github.com/pytorch/pytorch/pull/79537: TF32 in products was on by default", "features", "torch"
)
def linear_in_tf32() -> None:
    """The operands of float32 linear layers are rounded to TF32."""
    _rounding_operands(LINEAR, _truncated)


@fault("TF32 in convolutions, which PyTorch switches on by default", "features", "torch")
def convolution_in_tf32() -> None:
    """The operands of float32 convolutions are rounded to TF32."""
    _rounding_operands(CONVOLUTION, _truncated)


@fault("`set_float32_matmul_precision('medium')`", "features", "torch")
def linear_in_bfloat16() -> None:
    """The operands of float32 linear layers are rounded to bfloat16."""
    _rounding_operands(LINEAR, lambda tensor: tensor.bfloat16().float())


@fault("kernels that round what they have summed up", "features", "torch")
def linear_summed_in_bfloat16() -> None:
    """The results of float32 linear layers are rounded to bfloat16."""

    def make(linear: Any) -> Any:
        def rounded(input: Any, weight: Any, bias: Any = None) -> Any:
            found = linear(input, weight, bias)
            return found.bfloat16().float() if _float32(found) else found

        return rounded

    replace(LINEAR, make)


@fault("reduced precision in oneDNN's convolutions", "features", "torch")
def convolution_in_bfloat16() -> None:
    """The operands of float32 convolutions are rounded to bfloat16."""
    _rounding_operands(CONVOLUTION, lambda tensor: tensor.bfloat16().float())


@fault("kernels that differ from run to run", "features", "torch")
def linear_is_noisy() -> None:
    """Float32 linear layers have random relative errors of 1e-5."""
    import torch

    source = torch.Generator()
    source.seed()

    def make(linear: Any) -> Any:
        def noisy(input: Any, weight: Any, bias: Any = None) -> Any:
            found = linear(input, weight, bias)
            if not _float32(found):
                return found
            noise = torch.randn(found.shape, generator=source, dtype=torch.float32)
            return found * (1 + 1e-5 * noise.to(found.device))

        return noisy

    replace(LINEAR, make)


@fault(
    "devices without float64: https://github.com/facebookresearch/segment-anything/issues/94",
    "double",
    "torch",
)
def double_in_float32() -> None:
    """Linear layers in float64 are computed in float32."""
    import torch

    def make(linear: Any) -> Any:
        def narrowed(input: Any, weight: Any, bias: Any = None) -> Any:
            if input.dtype is not torch.float64:
                return linear(input, weight, bias)
            return linear(input.float(), weight.float(), None if bias is None else bias.float()).double()

        return narrowed

    replace(LINEAR, make)


@fault("wrappers that override `half` and `to`", "precisions", "torch")
def cast_ignored() -> None:
    """Casting a model to a narrower type does nothing, without a word."""
    import torch

    def make(to: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            named.pop("dtype", None)
            return to(self, *[each for each in given if not isinstance(each, torch.dtype)], **named)

        return changed

    replace("torch.nn.modules.module:Module.to", make)
    for name in ("half", "bfloat16"):
        replace("torch.nn.modules.module:Module." + name, lambda _: lambda self: self)


@fault(
    "layers that upcast what they get: quantised and 8-bit replacements of `Linear`", "precisions", "torch"
)
def linear_always_in_float32() -> None:
    """Linear layers in half precision are computed, and answer, in float32."""

    import torch

    def make(linear: Any) -> Any:
        def widened(input: Any, weight: Any, bias: Any = None) -> Any:
            if weight.dtype not in (torch.float16, torch.bfloat16):
                return linear(input, weight, bias)
            return linear(input.float(), weight.float(), None if bias is None else bias.float())

        return widened

    replace(LINEAR, make)


@fault("older releases, which warn and go on in float32", "precisions", "torch")
def autocast_ignored() -> None:
    """Autocast is off, without a word."""

    def make(init: Any) -> Any:
        def disabled(self: Any, *given: Any, **named: Any) -> None:
            named["enabled"] = False
            init(self, *given[:2], **named)

        return disabled

    replace("torch:autocast.__init__", make)


@fault("https://github.com/facebookresearch/sam2/issues/577", "precisions", "torch")
def autocast_does_not_end() -> None:
    """Autocast stays on behind the block that it is for."""
    replace("torch:autocast.__exit__", lambda _: lambda self, *error: False)


@fault("https://github.com/facebookresearch/segment-anything/issues/540", "precisions", "torch")
def hooks_not_called() -> None:
    """Hooks in front of a layer are registered and never called, as behind some compilers."""
    replace(
        "torch.nn.modules.module:Module.register_forward_pre_hook",
        lambda register: lambda self, hook, **named: register(self, lambda *_: None),
    )


@fault("https://github.com/pytorch/executorch/issues/22431", "precisions", "torch")
def quantised_range_halved() -> None:
    """The weights of int8 layers are cut off at half of their largest."""

    def make(quantise: Any) -> Any:
        return lambda input, scale, zero_point, dtype: quantise(input, scale / 2, zero_point, dtype)

    replace("torch:quantize_per_tensor", make)


@fault("filters that match no layer", "precisions", "torch")
def quantisation_ignored() -> None:
    """Quantising a model gives back the model as it was."""
    import torch.ao.quantization  # noqa: F401

    replace("torch.ao.quantization:quantize_dynamic", lambda _: lambda model, *given, **named: model)


@fault("forks that normalise in the type of the input", "precisions")
def neck_overflows_sooner() -> None:
    """`LayerNorm2d` squares in float16, whatever it is given."""
    edit(
        "segment_anything.modeling.common:LayerNorm2d.forward",
        "(x - u).pow(2).mean(1, keepdim=True)",
        "((x - u).half().pow(2).float() * 1).mean(1, keepdim=True).to(x.dtype)",
    )


@fault("flash attention, which has no float32", "answers")
def decoder_attention_in_half() -> None:
    """The attention of the mask decoder is computed in float16."""
    edit(
        "segment_anything.modeling.transformer:Attention.forward",
        "out = attn @ v",
        "out = (attn.half().float() @ v.half().float()).to(v.dtype)",
    )


@fault("pipelines that keep features in half to save memory", "features")
def features_in_half() -> None:
    """The features of the image are stored in float16 and handed out as float32."""
    edit(
        "segment_anything.predictor:SamPredictor.set_torch_image",
        "self.model.image_encoder(input_image)",
        "self.model.image_encoder(input_image).half().float()",
    )


@fault("libraries that set it when they are imported", "globals")
def default_type_changed() -> None:
    """Importing the package makes float64 the default type of new tensors."""
    import torch

    torch.set_default_dtype(torch.float64)


@fault("https://github.com/facebookresearch/sam3/blob/main/sam3/model_builder.py, `_setup_tf32`", "globals")
def product_precision_changed() -> None:
    """Importing the package switches TF32 on for every product of the process."""
    import torch

    torch.set_float32_matmul_precision("high")
    torch.backends.cuda.matmul.allow_tf32 = True


@fault("fused softmax kernels that sum in the type of the input", "answers", "torch")
def softmax_in_half() -> None:
    """Softmax is computed in float16."""

    def make(softmax: Any) -> Any:
        return lambda input, *given, **named: softmax(input.half(), *given, **named).to(input.dtype)

    replace("torch:softmax", make)
    replace("torch:Tensor.softmax", make)


@fault("releases that reword their errors", "mixed_dtypes")
def product_reworded() -> None:
    """A product of two dtypes fails in words that no release has used."""

    def make(original: Any) -> Any:
        def changed(self: Any, coordinates: Any) -> Any:
            try:
                return original(self, coordinates)
            except RuntimeError:
                raise RuntimeError("both operands need one type") from None

        return changed

    replace("segment_anything.modeling.prompt_encoder:PositionEmbeddingRandom._pe_encoding", make)
