"""Known defects in exporting SAM, compiling it, and running it outside PyTorch."""

from __future__ import annotations

from .defect import Defect

BACKEND_DEFECTS = (
    Defect(
        "onnx-official-recipe",
        "SAM's export script fails: since PyTorch 2.9 it uses the dynamo exporter, which cannot trace a "
        "crop whose size is data-dependent",
        (
            r"ExportFailed: TorchExportError .*GuardOnDataDependentSymNode: Could not (extract|guard)",
            r"ExportFailed: TorchExportError .*ValueError: Received user-specified dim hint",
        ),
        "https://github.com/pytorch/pytorch/issues/165748",
    ),
    Defect(
        "onnx-value-dependent-crop",
        "the dynamo exporter cannot trace a crop whose size is data-dependent",
        (r"ExportFailed: UserError.*: Could not guard on data-dependent expression",),
        "https://github.com/pytorch/pytorch/issues/136083",
    ),
    Defect(
        "onnx-opset-raised",
        "the dynamo exporter writes opset 18 when 17 is requested, and only logs it",
        (r"^SilentlyWrong: asked for opset 17, got 18",),
        "https://github.com/pytorch/pytorch/pull/161056",
    ),
    Defect(
        "onnx-proportions",
        "a decoder exported by the released segment-anything crops every mask to the aspect ratio of the "
        "image it was traced with",
        (r"^SilentlyWrong: in other proportions logits are off",),
        "https://github.com/facebookresearch/segment-anything/issues/56",
    ),
    Defect(
        "onnx-image-size",
        "an exported decoder accepts any image size, even (W, H): the masks have the wrong shape",
        (r"^SilentlyWrong: told a size of",),
        "https://github.com/facebookresearch/segment-anything/issues/294",
    ),
    Defect(
        "onnx-prompts",
        "SAM's exported decoder answers prompts that mean nothing: two boxes at once, half a box, unknown "
        "labels, or no point at all; it has one object per call",
        (r"^SilentlyWrong: (two-boxes|half-a-box|label-5|padding-only): answered with a score of",),
        "https://github.com/facebookresearch/segment-anything/issues/223",
    ),
    Defect(
        "exported-program-release",
        "a file of torch.export.save can be read only by releases near the one that wrote it: export again "
        "after an upgrade, or before a downgrade",
        (
            r"^RuntimeError: Serialized version .* does not match our current schema version",
            r"^KeyError: \"There is no item named 'version' in the archive\"",
        ),
        "https://docs.pytorch.org/docs/stable/export/api_reference.html",
    ),
    Defect(
        "onnx-optimize-model",
        "SAM's export script cannot quantise: it passes an argument that ONNX Runtime has removed",
        (r"TypeError: quantize_dynamic\(\) got an unexpected keyword argument 'optimize_model'",),
        "https://github.com/facebookresearch/segment-anything/issues/611",
    ),
    Defect(
        "onnxruntime-silent-fallback",
        "ONNX Runtime falls back to the CPU when the requested execution provider is missing",
        (r"^SilentlyWrong: \w+ was asked for, CPUExecutionProvider runs",),
        "https://github.com/microsoft/onnxruntime/issues/17801",
    ),
    Defect(
        "tensorrt-onehot",
        "the exported decoder repeats the image with operators that TensorRT cannot infer shapes for",
        (r"^NotForTensorRT: the graph has OneHot and Tile",),
        "https://github.com/NVIDIA-AI-IOT/nanosam/issues/16",
    ),
    Defect(
        "compile-point-prompts",
        "torch.compile breaks the prompt encoder's graph at every kind of point: SAM selects them with "
        "boolean masks",
        (r"^GraphBroken: \d+ breaks, the first: ([Dd]ynamic shape operator|dynamic Tensor\.__getitem__)",),
        "https://github.com/pytorch/pytorch/issues/114220",
    ),
    Defect(
        "compile-every-size",
        "the first release of torch.compile recompiles for every image size",
        (r"^CompiledAgain: ",),
        "https://github.com/pytorch/pytorch/issues/105279",
    ),
    Defect(
        "inductor-setuptools",
        "torch.compile on the CPU needs setuptools, which PyTorch does not install before Python 3.12",
        (r"ModuleNotFoundError: No module named '(setuptools|pkg_resources)'",),
        "https://github.com/pytorch/pytorch/issues/173823",
    ),
    Defect(
        "cuda-graph-overwrites",
        "SamPredictor keeps the encoder's output tensor, which a CUDA graph overwrites with the next image",
        (
            r"^SilentlyWrong: the features of the first image became those of the second",
            r"RuntimeError: .*accessing tensor output of CUDAGraphs that has been overwritten",
        ),
        "https://github.com/facebookresearch/sam2/issues/460",
    ),
    Defect(
        "sdpa-cudnn-no-plan",
        "cuDNN's attention is chosen for tensors that it then has no plan for, instead of being refused",
        (r"^RuntimeError: .*(No execution plans support the graph|No valid execution plans built)",),
        "https://github.com/pytorch/pytorch/issues/140930",
    ),
    Defect(
        "channels-last-transposed",
        "on the CPU, transposed convolutions in channels_last misread their input, and SAM's masks are wrong",
        (r"^SilentlyWrong: transposed convolutions are off by",),
        "https://github.com/pytorch/pytorch/issues/99519",
    ),
    Defect(
        "capture-relative-positions",
        "SAM's image encoder makes its relative positions on the CPU for every image, so that no CUDA graph "
        "can be captured of it",
        (
            r"^NotCaptured: .*Cannot copy between CPU and CUDA tensors during CUDA graph capture",
            r"^NotCaptured: .*operation not permitted when stream is capturing",
            r"^NotCaptured: .*operation would make the legacy stream depend on a capturing blocking stream",
        ),
        "https://github.com/facebookresearch/segment-anything/pull/595",
    ),
    Defect(
        "cudnn-lacks-engine",
        "NVIDIA's package of cuDNN 9.20.0.48 for CUDA 13 lacks an engine, which the loader then takes from "
        "another cuDNN of the system",
        (r"^MixedLibraries: .*since libcudnn_engines_tensor_ir\.so\.9 is not in the package",),
        "https://github.com/pytorch/pytorch/issues/188892",
    ),
)
