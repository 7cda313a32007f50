"""Known defects in what deployment guides recommend, and errors in what they claim."""

from __future__ import annotations

from .defect import PRODUCT_OF_TWO_DTYPES, Defect

#: The errors of a model cast as a whole; they vary by release and device.
_MIXED_DTYPES = (*PRODUCT_OF_TWO_DTYPES, r"RuntimeError: expected scalar type \w+ but found \w+")

RECIPE_DEFECTS = (
    Defect(
        "recipe-half-tensor",
        "set_image takes the image as a NumPy array, not as a tensor",
        (
            r"ValueError: pic should not have > 4 channels",
            r"^SilentlyWrong: masks are \(",
        ),
        "https://github.com/facebookresearch/segment-anything/issues/810",
    ),
    Defect(
        "recipe-half-model",
        "a model cast to half as a whole cannot predict, whatever its input: the prompt encoder "
        "hard-codes float32",
        _MIXED_DTYPES,
        "https://github.com/pytorch/benchmark/pull/1764",
    ),
    Defect(
        "recipe-autocast",
        "with autocast around everything, the scores do not come back as float32",
        (r"TypeError: Got unsupported ScalarType BFloat16", r"^SilentlyWrong: scores come back as float16"),
        "https://github.com/facebookresearch/segment-anything/pull/787",
    ),
    Defect(
        "recipe-int8",
        "dynamically quantised layers exist on the CPU only",
        (r"quantized::linear_(dynamic|prepack)",),
        "https://github.com/pytorch/pytorch/issues/90986",
    ),
    Defect(
        "recipe-onnx-whole-model",
        "SAM cannot be exported as one model: it takes a list of dictionaries, and guides pass it arguments "
        "that its forward does not accept",
        (r"^ExportFailed: ",),
        "https://github.com/facebookresearch/segment-anything/issues/323",
    ),
    Defect(
        "recipe-trtexec",
        "TensorRT rejects the exported decoder, which repeats the image with OneHot and Tile",
        (r"EngineFailed: .*(OneHot|Tile)",),
        "https://github.com/NVIDIA-AI-IOT/nanosam/issues/16",
    ),
    Defect(
        "recipe-shards-incomplete",
        "a model with only its encoder and decoder loaded still has random weights in its prompt encoder",
        (r"^SilentlyWrong: low-resolution logits are off by",),
        "https://github.com/SysCV/sam-hq/issues/6",
    ),
    Defect(
        "recipe-checkpointing-inference",
        "gradient checkpointing saves nothing when no gradients are computed",
        (r"^NoGain: SamPredictor computes without gradients",),
        "https://github.com/huggingface/trl/pull/4636",
    ),
    Defect(
        "recipe-empty-cache",
        "emptying PyTorch's memory cache after every image costs time and does not lower the peak",
        (r"^NoGain: the next image takes again what was given back",),
        "https://github.com/facebookresearch/segment-anything/issues/743",
    ),
    Defect(
        "recipe-pin-memory",
        "pin_memory=False changes nothing",
        (r"^NoGain: pin_memory=False is what a DataLoader has",),
        "https://github.com/facebookresearch/segment-anything/issues/351",
    ),
    Defect(
        "recipe-warm-up",
        "predict takes point coordinates, not an image, and needs an image to be set first",
        (r"RuntimeError: An image must be set", r"AssertionError: point_labels must be supplied"),
        "https://github.com/facebookresearch/segment-anything/issues/344",
    ),
    Defect(
        "recipe-shared-predictor",
        "threads that share a predictor get masks of each other's images: it holds only one image",
        (r"^SilentlyWrong: \d+ of \d+ images got the masks of another one",),
        "https://github.com/facebookresearch/segment-anything/issues/357",
    ),
    Defect(
        "recipe-checkpoint-name",
        "no official file has the name that the guide loads",
        (r"FileNotFoundError: ",),
        "https://github.com/facebookresearch/segment-anything#model-checkpoints",
    ),
    Defect(
        "recipe-python-range",
        "SAM works on Python versions that the guide advises against",
        (r"^Contradicted: SAM works here on Python 3\.1[1-9]",),
        "https://github.com/facebookresearch/segment-anything#installation",
    ),
    Defect(
        "recipe-cuda-11.7",
        "CUDA 11.7 is not the best choice for every GPU",
        (r"^Contradicted: (SAM works on this GPU with CUDA|this build runs on no GPU of Hopper)",),
        "https://github.com/pytorch/pytorch/blob/main/RELEASE.md",
    ),
    Defect(
        "recipe-cudatoolkit",
        "PyTorch's wheels bundle the CUDA they use: a separately installed toolkit is not used",
        (r"^Contradicted: PyTorch \S+ brings its own CUDA runtime",),
        "https://github.com/pytorch/pytorch/issues/96595",
    ),
    Defect(
        "recipe-torch-bool",
        "torch.bool has existed since PyTorch 1.2",
        (r"^Contradicted: PyTorch \S+ has torch\.bool",),
        "https://github.com/facebookresearch/maskrcnn-benchmark/issues/1157",
    ),
)
