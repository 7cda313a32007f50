"""The catalogue of known upstream defects, each with its symptoms and a link to its report."""

from __future__ import annotations

from typing import Dict

from .automatic_defects import AUTOMATIC_DEFECTS
from .backend_defects import BACKEND_DEFECTS
from .carrier_defects import CARRIER_DEFECTS
from .defect import PRODUCT_OF_TWO_DTYPES, Defect
from .fork_defects import FORK_DEFECTS
from .implementation_defects import IMPLEMENTATION_DEFECTS
from .recipe_defects import RECIPE_DEFECTS
from .sam2_defects import SAM2_DEFECTS
from .sam3_defects import SAM3_DEFECTS

_ALL = (
    Defect(
        "prompt-encoder-float32",
        "a model cast as a whole cannot predict: SAM's prompt encoder builds float32 coordinates "
        "and multiplies them by a buffer that the cast converted",
        (
            *PRODUCT_OF_TWO_DTYPES,
            r"RuntimeError: expected scalar type \w+ but found \w+",
        ),
        "https://github.com/pytorch/benchmark/pull/1764",
    ),
    Defect(
        "mask-prompt-float32",
        "a model cast as a whole does not accept a mask prompt: SAM does not cast the mask",
        (r"RuntimeError: Input type \(.*\) and (bias|weight) type \(.*\) should be the same",),
        "https://github.com/pytorch/benchmark/pull/1764",
    ),
    Defect(
        "encoder-input-float32",
        "an image encoder that is cast alone receives float32 pixels, which it does not cast",
        (
            r"RuntimeError: Input type \(.*\) and (bias|weight) type \(.*\) should be the same",
            r"RuntimeError: expected scalar type \w+ but found \w+",
        ),
        "https://github.com/htcr/sam_road/issues/28",
    ),
    Defect(
        "normalisation-rounded",
        "casting a model rounds the mean and standard deviation that normalise its pixels",
        (r"SilentlyWrong: pixel_mean is off",),
        "https://github.com/facebookresearch/segment-anything/issues/540",
    ),
    Defect(
        "autocast-numpy",
        "under bfloat16 autocast the scores cannot be converted to a NumPy array",
        (r"TypeError: Got unsupported ScalarType BFloat16",),
        "https://github.com/facebookresearch/segment-anything/pull/787",
    ),
    Defect(
        "autocast-layer-norm",
        "PyTorch before 2.0 has no CPU layer norm for what autocast passes to it: bfloat16 input with "
        "float32 weights",
        (r"RuntimeError: expected scalar type BFloat16 but found Float",),
        "https://github.com/pytorch/pytorch/pull/81851",
    ),
    Defect(
        "onednn-amx-scratchpad",
        "on CPUs with AMX, the peak is in oneDNN's scratchpad for the bfloat16 patch embedding: since "
        "PyTorch 2.4, about 190 MiB per thread for 256 pixels a side, 770 MiB for 1024",
        (r"Scratchpad: \d+ MiB beside \d+ of SAM's tensors",),
        "https://github.com/openvinotoolkit/openvino/pull/35801",
    ),
    Defect(
        "autocast-narrow-scores",
        "under float16 autocast, scores and logits come back as float16",
        (r"SilentlyWrong: scores come back as float16",),
        "https://github.com/facebookresearch/segment-anything/pull/787",
    ),
    Defect(
        "bfloat16-numpy",
        "NumPy has no bfloat16, so a bfloat16 tensor cannot be converted to an array",
        (r"TypeError: Got unsupported ScalarType BFloat16",),
        "https://github.com/opengeos/segment-geospatial/issues/327",
    ),
    Defect(
        "quantised-half",
        "an int8 model cannot be cast further: its quantised layers accept float32 only",
        (
            r"RuntimeError: expected scalar type Float but found Half",
            r"RuntimeError: .*quantized::linear_dynamic",
        ),
        "https://github.com/pytorch/executorch/issues/22431",
    ),
    Defect(
        "quantised-state",
        "the state dict of an int8 model has different keys from that of a plain model",
        (r"RuntimeError: Error\(s\) in loading state_dict",),
        "https://github.com/facebookresearch/segment-anything/issues/585",
    ),
    Defect(
        "layernorm2d-overflow",
        "SAM's LayerNorm2d overflows in float16 when activations exceed 256: features are finite but wrong",
        (r"SilentlyWrong: features are finite and off by",),
        "https://github.com/facebookresearch/segment-anything/issues/540",
    ),
    Defect(
        "resize-tensor-axes",
        "ResizeLongestSide.apply_image_torch mistakes the batch and channel axes for height and width",
        (r"ValueError: resized to",),
        "https://github.com/facebookresearch/segment-anything/issues/218",
    ),
    Defect(
        "cpu-half-kernels",
        "this PyTorch has no float16 CPU kernel for a layer of the image encoder",
        (r"RuntimeError: \"\w+\" not implemented for 'Half'",),
        "https://github.com/yatengLG/ISAT_with_segment_anything/issues/126",
    ),
    Defect(
        "input-not-finite",
        "SAM accepts NaN or infinite input and silently returns empty masks",
        (r"^SilentlyAccepted: (nan|infinite)-",),
        "https://github.com/Project-MONAI/VISTA/issues/67",
    ),
    Defect(
        "input-outside-image",
        "SAM accepts prompts that lie outside the image",
        (r"^SilentlyAccepted: (point-outside|point-negative|box-outside):",),
        "https://github.com/opengeos/segment-geospatial/issues/401",
    ),
    Defect(
        "input-label",
        "SAM accepts point labels other than -1, 0 and 1: it truncates fractions and ignores unknown labels",
        (r"^SilentlyAccepted: label-",),
        "https://github.com/LibreYOLO/libreyolo/pull/395",
    ),
    Defect(
        "input-no-prompt",
        "SAM accepts a call without a prompt, even when labels are given without points",
        (r"^SilentlyAccepted: (no-prompt|points-empty|labels-without-points):",),
        "https://github.com/LibreYOLO/libreyolo/pull/395",
    ),
    Defect(
        "input-box",
        "SAM accepts boxes whose corners are swapped or coincide",
        (r"^SilentlyAccepted: box-(corners-swapped|without-area):",),
        "https://github.com/invoke-ai/InvokeAI/pull/6701",
    ),
    Defect(
        "input-colour-order",
        "SAM cannot detect that an image is BGR, as OpenCV reads it; the masks differ",
        (r"^SilentlyAccepted: bgr-as-rgb:",),
        "https://github.com/facebookresearch/segment-anything/pull/780",
    ),
    Defect(
        "input-range",
        "SAM does not notice that pixel values are between 0 and 1 instead of 0 and 255: it sees black",
        (r"^SilentlyAccepted: (black-by-cast|tensor-to-1):",),
        "https://github.com/pytorch/vision/issues/8782",
    ),
    Defect(
        "input-float-image",
        "torchvision since 0.17 multiplies floating-point images by 255, so values between 0 and 255 "
        "overflow: SAM sees the wrong colours",
        (r"^SilentlyAccepted: float-image-to-255:",),
        "https://github.com/pytorch/vision/issues/8782",
    ),
    Defect(
        "input-tensor",
        "set_image mistakes a CHW tensor, an undocumented input, for an image of 3 rows: the masks have "
        "the wrong shape",
        (r"^SilentlyAccepted: tensor-chw:",),
        "https://github.com/facebookresearch/segment-anything/issues/810",
    ),
    Defect(
        "input-second-image",
        "set_torch_image accepts several images, but a single prompt is applied to the first only",
        (r"^SilentlyAccepted: two-images:",),
        "https://github.com/facebookresearch/segment-anything/issues/840",
    ),
    Defect(
        "input-size",
        "set_torch_image accepts any original size, even (W, H): the masks have the wrong shape",
        (r"^SilentlyAccepted: size-as-width-height:",),
        "https://github.com/facebookresearch/segment-anything/issues/294",
    ),
    Defect(
        "torch-load-ignores-damage",
        "torch.load does not verify the checksums that torch.save wrote: a flipped bit goes unnoticed",
        (r"^SilentlyDamaged: ",),
        "https://github.com/pytorch/pytorch/issues/126952",
    ),
    Defect(
        "torch-load-runs-code",
        "segment_anything loads checkpoints with torch.load's defaults, which before PyTorch 2.6 run code "
        "embedded in them",
        (r"^CodeRan: ",),
        "https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6",
    ),
    Defect(
        "shared-predictor",
        "threads that share a SamPredictor get masks of each other's images: it holds only one image",
        (r"^WrongImage: one thread got the masks of the other thread's image",),
        "https://github.com/facebookresearch/segment-anything/issues/357",
    ),
    Defect(
        "default-dtype-global",
        "torch.set_default_dtype in one thread changes the default dtype of every thread",
        (r"^LeakedDefault: ",),
        "https://github.com/pytorch/pytorch/issues/144673",
    ),
    Defect(
        "failed-set-image-size",
        "SamPredictor stores an image's size before encoding the image, and keeps it when encoding fails",
        (r"^StaleState: original_size is ",),
        "https://github.com/bingogome/samm/issues/55",
    ),
    Defect(
        "reset-image-keeps-size",
        "SamPredictor.reset_image clears four unused attributes instead of the sizes in use",
        (r"^StaleState: reset_image kept ",),
        "https://github.com/bingogome/samm/issues/55",
    ),
    Defect(
        "import-sets-environment",
        "importing torchvision sets TORCHINDUCTOR_CACHE_DIR in the environment, which child processes "
        "inherit, and which keeps others from setting a default",
        (r"^ChangedSetting: environment by importing: added TORCHINDUCTOR_CACHE_DIR=\w+$",),
        "https://github.com/vllm-project/vllm/pull/39718",
    ),
    Defect(
        "import-filters-warnings",
        "importing torchvision puts warning filters ahead of the user's: SymPy's or "
        "Requests', and in PyTorch 2.2 one of its own",
        (
            r"^ChangedSetting: warnings_filters by importing: added "
            r"(\w+:(SymPyDeprecation|Dependency|Security|InsecurePlatform|FileMode|SNIMissing|User)"
            r"Warning ?)+$",
        ),
        "https://github.com/sympy/sympy/issues/15130",
    ),
    Defect(
        "cumsum-deterministic",
        "SAM's position encoding uses cumsum, which has no deterministic kernel on CUDA",
        (r"^RuntimeError: cumsum_cuda_kernel does not have a deterministic implementation",),
        "https://github.com/pytorch/pytorch/issues/89492",
    ),
    Defect(
        "default-dtype-float64",
        "SAM's prompt encoder creates tensors of the default dtype: with float64 as the default, a float32 "
        "model cannot predict",
        PRODUCT_OF_TWO_DTYPES,
        "https://github.com/pytorch/pytorch/issues/144673",
    ),
)

DEFECTS: Dict[str, Defect] = {
    defect.id: defect
    for defect in (
        *_ALL,
        *AUTOMATIC_DEFECTS,
        *BACKEND_DEFECTS,
        *CARRIER_DEFECTS,
        *FORK_DEFECTS,
        *IMPLEMENTATION_DEFECTS,
        *RECIPE_DEFECTS,
        *SAM2_DEFECTS,
        *SAM3_DEFECTS,
    )
}
