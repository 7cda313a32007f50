"""The part of the catalogue on exporting SAM, compiling it, and running it elsewhere than in PyTorch."""

from __future__ import annotations

from .defect import Defect

BACKEND_DEFECTS = (
    Defect(
        "onnx-official-recipe",
        "SAM's export script fails: from PyTorch 2.9 on it gets the dynamo exporter, which cannot follow a "
        "crop whose size depends on a value",
        (
            r"ExportFailed: TorchExportError .*GuardOnDataDependentSymNode: Could not (extract|guard)",
            r"ExportFailed: TorchExportError .*ValueError: Received user-specified dim hint",
        ),
        "https://github.com/pytorch/pytorch/issues/165748",
    ),
    Defect(
        "onnx-value-dependent-crop",
        "the dynamo exporter cannot follow a crop whose size depends on a value",
        (r"ExportFailed: UserError.*: Could not guard on data-dependent expression",),
        "https://github.com/pytorch/pytorch/issues/136083",
    ),
    Defect(
        "onnx-opset-raised",
        "the dynamo exporter gives opset 18 when 17 is asked for, with a line in the log",
        (r"^SilentlyWrong: asked for opset 17, got 18",),
        "https://github.com/pytorch/pytorch/pull/161056",
    ),
    Defect(
        "onnx-proportions",
        "a decoder that the released segment-anything exports cuts every mask to the proportions of the "
        "image that it was traced with",
        (r"^SilentlyWrong: in other proportions logits are off",),
        "https://github.com/facebookresearch/segment-anything/issues/56",
    ),
    Defect(
        "onnx-image-size",
        "an exported decoder takes any size of the image, also (W, H): the masks have a wrong shape",
        (r"^SilentlyWrong: told a size of",),
        "https://github.com/facebookresearch/segment-anything/issues/294",
    ),
    Defect(
        "onnx-optimize-model",
        "SAM's export script cannot quantise: it passes an argument that ONNX Runtime has dropped",
        (r"TypeError: quantize_dynamic\(\) got an unexpected keyword argument 'optimize_model'",),
        "https://github.com/facebookresearch/segment-anything/issues/611",
    ),
    Defect(
        "onnxruntime-silent-fallback",
        "ONNX Runtime runs on the CPU when the execution provider that was asked for is missing",
        (r"^SilentlyWrong: \w+ was asked for, CPUExecutionProvider runs",),
        "https://github.com/microsoft/onnxruntime/issues/17801",
    ),
    Defect(
        "tensorrt-onehot",
        "the exported decoder repeats the image by operators that TensorRT cannot compute a shape with",
        (r"^NotForTensorRT: the graph has OneHot and Tile",),
        "https://github.com/NVIDIA-AI-IOT/nanosam/issues/16",
    ),
    Defect(
        "compile-point-prompts",
        "torch.compile cuts the prompt encoder up at every kind of point: SAM picks them by boolean masks",
        (r"^GraphBroken: \d+ breaks, the first: ([Dd]ynamic shape operator|dynamic Tensor\.__getitem__)",),
        "https://github.com/pytorch/pytorch/issues/114220",
    ),
    Defect(
        "compile-every-size",
        "the first torch.compile compiles anew for every size of an image",
        (r"^CompiledAgain: ",),
        "https://github.com/pytorch/pytorch/issues/105279",
    ),
    Defect(
        "inductor-setuptools",
        "torch.compile needs setuptools on the CPU, which PyTorch does not bring before Python 3.12",
        (r"ModuleNotFoundError: No module named '(setuptools|pkg_resources)'",),
        "https://github.com/pytorch/pytorch/issues/173823",
    ),
    Defect(
        "cuda-graph-overwrites",
        "SamPredictor keeps the encoder's own tensor: a CUDA graph overwrites it with the next image",
        (
            r"^SilentlyWrong: the features of the first image became those of the second",
            r"RuntimeError: .*accessing tensor output of CUDAGraphs that has been overwritten",
        ),
        "https://github.com/facebookresearch/sam2/issues/460",
    ),
)
