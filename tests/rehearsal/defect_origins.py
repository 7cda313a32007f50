"""Where the messages come from by which the catalogue recognises a defect of a library."""

from __future__ import annotations

from typing import NamedTuple

CPU, CUDA, BINDING = (f"torch/lib/libtorch_{name}.so" for name in ("cpu", "cuda", "python"))
SHAPES, AMG = "torch/fx/experimental/symbolic_shapes.py", "segment_anything/utils/amg.py"


class Origin(NamedTuple):
    """A whole message, and where its pieces are: a symptom must match the one and a file hold the others."""

    message: str
    file: str
    pieces: tuple[str, ...]


#: For each symptom that a library raises, in which of its forms.
ORIGINS: dict[str, tuple[Origin, ...]] = {
    r"^RuntimeError: Found no NVIDIA driver on your system": (
        Origin(
            "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
            "torch/lib/libc10_cuda.so",
            ("Found no NVIDIA driver on your system",),
        ),
    ),
    r"^AssertionError: Torch not compiled with CUDA enabled": (
        Origin(
            "AssertionError: Torch not compiled with CUDA enabled",
            "torch/cuda/__init__.py",
            ("Torch not compiled with CUDA enabled",),
        ),
    ),
    r"IndexError: too many indices for tensor of dimension 1": (
        Origin(
            "IndexError: too many indices for tensor of dimension 1",
            BINDING,
            ("too many indices for tensor of dimension ",),
        ),
    ),
    r"IndexError: index \d is out of bounds for dimension 1 with size 0": (
        Origin(
            "IndexError: index 2 is out of bounds for dimension 1 with size 0",
            CPU,
            (" is out of bounds for dimension ", " with size "),
        ),
    ),
    r"RuntimeError: cannot reshape tensor of 0 elements into shape \[0, -1, \d+, \d+\]": (
        Origin(
            "RuntimeError: cannot reshape tensor of 0 elements into shape [0, -1, 256, 256] because the "
            "unspecified dimension size -1 can be any value and is ambiguous",
            CPU,
            ("cannot reshape tensor of 0 elements into shape ",),
        ),
    ),
    r"^RuntimeError: .*(No execution plans support the graph|No valid execution plans built)": (
        Origin(
            "RuntimeError: [cudnn_frontend] Error: No execution plans support the graph",
            CUDA,
            ("No execution plans support the graph",),
        ),
        Origin(
            "RuntimeError: [cudnn_frontend] Error: No valid execution plans built",
            CUDA,
            ("No valid execution plans built",),
        ),
    ),
    r"^RuntimeError: Input type \(\S+\) and (weight|bias) type \(\S+\) should be the same": (
        Origin(
            "RuntimeError: Input type (torch.FloatTensor) and weight type (torch.HalfTensor) should be the "
            "same or input should be a MKLDNN tensor and weight is a dense tensor",
            CPU,
            ("Input type (", ") and weight type (", ") should be the same"),
        ),
    ),
    r"^RuntimeError: expected scalar type \w+ but found": (
        Origin(
            "RuntimeError: expected scalar type Float but found BFloat16",
            CPU,
            ("expected scalar type ", " but found "),
        ),
    ),
    r"^ValueError: At least one stride in the given numpy array is negative": (
        Origin(
            "ValueError: At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported.",
            BINDING,
            ("At least one stride in the given numpy array is negative",),
        ),
    ),
    r"^RuntimeError: expected m1 and m2 to have the same dtype": (
        Origin(
            "RuntimeError: expected m1 and m2 to have the same dtype, but got: float != c10::Half",
            CPU,
            ("expected m1 and m2 to have the same dtype, but got: ",),
        ),
    ),
    r"^RuntimeError: mat1 and mat2 must have the same dtype": (
        Origin("RuntimeError: mat1 and mat2 must have the same dtype", CPU, ("mat1 and mat2 must have",)),
    ),
    r"^RuntimeError: expected mat1 and mat2 to have the same dtype": (
        Origin(
            "RuntimeError: expected mat1 and mat2 to have the same dtype, but got: double != float",
            CUDA,
            ("expected mat1 and mat2 to have the same dtype, but got: ",),
        ),
    ),
    r"RuntimeError: expected scalar type \w+ but found \w+": (
        Origin(
            "RuntimeError: expected scalar type Half but found Float",
            CPU,
            ("expected scalar type ", " but found "),
        ),
    ),
    r"RuntimeError: expected scalar type BFloat16 but found Float": (
        Origin(
            "RuntimeError: expected scalar type BFloat16 but found Float",
            CPU,
            ("expected scalar type ", " but found "),
        ),
    ),
    r"RuntimeError: expected scalar type Float but found Half": (
        Origin(
            "RuntimeError: expected scalar type Float but found Half",
            CPU,
            ("expected scalar type ", " but found "),
        ),
    ),
    r"RuntimeError: Input type \(.*\) and (bias|weight) type \(.*\) should be the same": (
        Origin(
            "RuntimeError: Input type (float) and weight type (c10::Half) should be the same",
            CPU,
            ("Input type (", ") and weight type (", ") should be the same"),
        ),
        Origin(
            "RuntimeError: Input type (float) and bias type (c10::Half) should be the same",
            CPU,
            ("Input type (", ") and bias type (", ") should be the same"),
        ),
    ),
    r"RuntimeError: shape '\[1, -1, \d+, \d+\]' is invalid for input of size \d+": (
        Origin(
            "RuntimeError: shape '[1, -1, 128, 128]' is invalid for input of size 8192",
            CPU,
            ("' is invalid for input of size ",),
        ),
    ),
    r"TypeError: Got unsupported ScalarType BFloat16": (
        Origin("TypeError: Got unsupported ScalarType BFloat16", BINDING, ("Got unsupported ScalarType ",)),
    ),
    r"RuntimeError: \"\w+\" not implemented for 'Half'": (
        Origin(
            "RuntimeError: \"slow_conv2d_cpu\" not implemented for 'Half'",
            CPU,
            ("slow_conv2d_cpu", "\" not implemented for '"),
        ),
    ),
    r"RuntimeError: .*quantized::linear_dynamic": (
        Origin(
            "RuntimeError: Could not run 'quantized::linear_dynamic' with arguments from the 'CUDA' backend",
            CPU,
            ("Could not run '", "linear_dynamic"),
        ),
    ),
    r"quantized::linear_(dynamic|prepack)": (
        Origin(
            "NotImplementedError: Could not run 'quantized::linear_prepack' with arguments from the backend",
            CPU,
            ("Could not run '", "linear_prepack"),
        ),
    ),
    r"^RuntimeError: nonzero is not supported for tensors with more than INT_MAX elements": (
        Origin(
            "RuntimeError: nonzero is not supported for tensors with more than INT_MAX elements,   See",
            CUDA,
            ("nonzero is not supported for tensors with more than INT_MAX elements",),
        ),
    ),
    r"^RuntimeError: cumsum_cuda_kernel does not have a deterministic implementation": (
        Origin(
            "RuntimeError: cumsum_cuda_kernel does not have a deterministic implementation, but you set",
            CUDA,
            ("cumsum_cuda_kernel",),
        ),
    ),
    r"RuntimeError: Error\(s\) in loading state_dict": (
        Origin(
            "RuntimeError: Error(s) in loading state_dict for Sam:",
            "torch/nn/modules/module.py",
            ("Error(s) in loading state_dict for ",),
        ),
    ),
    r"RuntimeError: .*accessing tensor output of CUDAGraphs that has been overwritten": (
        Origin(
            "RuntimeError: Error: accessing tensor output of CUDAGraphs that has been overwritten by a run",
            "torch/_inductor/cudagraph_trees.py",
            ("accessing tensor output of CUDAGraphs that has been overwritten",),
        ),
    ),
    r"ExportFailed: TorchExportError .*GuardOnDataDependentSymNode: Could not (extract|guard)": (
        Origin(
            "ExportFailed: TorchExportError from GuardOnDataDependentSymNode: Could not guard on data",
            SHAPES,
            ("class GuardOnDataDependentSymNode", "Could not guard on data-dependent expression"),
        ),
    ),
    r"ExportFailed: UserError.*: Could not guard on data-dependent expression": (
        Origin(
            "ExportFailed: UserError: Could not guard on data-dependent expression u0 > 0",
            SHAPES,
            ("Could not guard on data-dependent expression",),
        ),
    ),
    r"ExportFailed: TorchExportError .*ValueError: Received user-specified dim hint": (
        Origin(
            "ExportFailed: TorchExportError from ValueError: Received user-specified dim hint Dim.DYNAMIC",
            "torch/_export/non_strict_utils.py",
            ("Received user-specified dim hint",),
        ),
    ),
    r"^RuntimeError: shape '\[1, 64, 64, -?\d+\]' is invalid for input of size": (
        Origin(
            "RuntimeError: shape '[1, 64, 64, -1]' is invalid for input of size 262144",
            CPU,
            ("' is invalid for input of size ",),
        ),
    ),
    r"^RuntimeError: Serialized version .* does not match our current schema version": (
        Origin(
            "RuntimeError: Serialized version ['5', '3'] does not match our current schema version (8, 20).",
            "torch/export/__init__.py",
            ("Serialized version {version} does not match our current ",),
        ),
        Origin(
            "RuntimeError: Serialized version ['8', '20'] does not match our current schema version 3.",
            "torch/_export/__init__.py",
            ("Serialized version {version} does not match our current ",),
        ),
    ),
    r"^GraphBroken: \d+ breaks, the first: ([Dd]ynamic shape operator|dynamic Tensor\.__getitem__)": (
        Origin(
            "GraphBroken: 2 breaks, the first: dynamic shape operator: aten.nonzero.default",
            "torch/_dynamo/utils.py",
            ("ynamic shape operator",),
        ),
        Origin(
            "GraphBroken: 2 breaks, the first: dynamic Tensor.__getitem__(bool[])",
            "torch/_dynamo/variables/builtin.py",
            ("dynamic Tensor.__getitem__",),
        ),
    ),
    r"ModuleNotFoundError: No module named '(setuptools|pkg_resources)'": (
        Origin(
            "ModuleNotFoundError: No module named 'setuptools'",
            "torch/utils/cpp_extension.py",
            ("import setuptools",),
        ),
    ),
    r"(ModuleNotFound|Import)Error: .*cv2": (
        Origin("ModuleNotFoundError: No module named 'cv2'", AMG, ("import cv2",)),
    ),
    r"ValueError: pic should not have > 4 channels": (
        Origin(
            "ValueError: pic should not have > 4 channels. Got 1024 channels.",
            "torchvision/transforms/functional.py",
            ("pic should not have > 4 channels. Got ",),
        ),
    ),
    r"RuntimeError: An image must be set": (
        Origin(
            "RuntimeError: An image must be set with .set_image(...) before mask prediction.",
            "segment_anything/predictor.py",
            ("An image must be set with .set_image(...) before mask prediction.",),
        ),
    ),
    r"AssertionError: point_labels must be supplied": (
        Origin(
            "AssertionError: point_labels must be supplied if point_coords is supplied.",
            "segment_anything/predictor.py",
            ("point_labels must be supplied if point_coords is supplied.",),
        ),
    ),
    r"TypeError: quantize_dynamic\(\) got an unexpected keyword argument 'optimize_model'": (
        Origin(
            "TypeError: quantize_dynamic() got an unexpected keyword argument 'optimize_model'",
            "onnxruntime/quantization/quantize.py",
            ("def quantize_dynamic(",),
        ),
    ),
}
