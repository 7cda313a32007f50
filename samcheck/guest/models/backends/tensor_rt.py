"""TensorRT 8.6 to 11: an engine from an ONNX file, run on PyTorch tensors."""

from __future__ import annotations

import re
from typing import Any, Dict, List

import torch

from ..inference import Prediction
from . import Unavailable, module

WORKSPACE_BYTES = 1 << 30
#: Points per prompt: the fewest, the number to optimise for, and the most.
POINTS = (1, 2, 8)


class EngineNotBuilt(RuntimeError):
    """TensorRT could not build an engine; the message is TensorRT's own."""


def load(device: str) -> Any:
    """Import the package if it can be used.

    Raises:
        Unavailable: there is no GPU, or no TensorRT, or one before 8.6.
    """
    if device != "cuda":
        raise Unavailable("TensorRT runs on NVIDIA GPUs only, and this is the {}".format(device))
    tensorrt = module("tensorrt", "it builds and runs the engine")
    version = [int(part) for part in tensorrt.__version__.split(".")[:2]]
    if version < [8, 6]:
        raise Unavailable("TensorRT {} is older than 8.6".format(tensorrt.__version__))
    return tensorrt


def _network_flags(tensorrt: Any) -> int:
    """Return the flag for explicit batch, which TensorRT 8 needs."""
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(tensorrt: Any, network: Any, logger: Any, path: str) -> None:
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse_from_file(path):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise EngineNotBuilt("; ".join(errors) or "the ONNX file cannot be parsed")


def _configure(tensorrt: Any, builder: Any, precision: str) -> Any:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED  # so that it can be read back
    config.clear_flag(tensorrt.BuilderFlag.TF32)  # on by default
    if precision == "fp16":
        flag = getattr(tensorrt.BuilderFlag, "FP16", None)
        if flag is None:
            raise Unavailable(
                "TensorRT {} takes its precision from the ONNX file, and this one is float32".format(
                    tensorrt.__version__
                )
            )
        config.set_flag(flag)
    return config


def _profile(builder: Any, network: Any) -> Any:
    """Set the ranges of the dynamic axes: only the number of points is dynamic."""
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        shape = tuple(tensor.shape)
        if -1 in shape:
            filled = [tuple(count if size == -1 else size for size in shape) for count in POINTS]
            profile.set_shape(tensor.name, *filled)
    return profile


class Engine:
    """An engine from the ONNX file at `path`, in ``fp32`` or ``fp16``.

    Raises:
        Unavailable: this TensorRT does not have the precision.
        EngineNotBuilt: it rejects the file.
    """

    def __init__(self, path: str, precision: str) -> None:
        self.tensorrt = tensorrt = load("cuda")
        logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        builder = tensorrt.Builder(logger)
        network = builder.create_network(_network_flags(tensorrt))
        _parse(tensorrt, network, logger, path)
        config = _configure(tensorrt, builder, precision)
        config.add_optimization_profile(_profile(builder, network))
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise EngineNotBuilt("TensorRT built no engine from {} in {}".format(path, precision))
        self.runtime = tensorrt.Runtime(logger)  # must live as long as the engine
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        if self.engine is None:
            raise EngineNotBuilt("the engine just built cannot be loaded")
        self.context = self.engine.create_execution_context()

    @property
    def half_layers(self) -> int:
        """Count the mentions of half precision in the engine's own description of its layers."""
        inspector = self.engine.create_engine_inspector()
        text = inspector.get_engine_information(self.tensorrt.LayerInformationFormat.JSON)
        return len(re.findall(r"\b(?:Half|FP16)\b", text))

    def _names(self, mode: Any) -> List[str]:
        names = [self.engine.get_tensor_name(index) for index in range(self.engine.num_io_tensors)]
        return [name for name in names if self.engine.get_tensor_mode(name) == mode]

    def run(self, feed: Dict[str, Any]) -> Dict[str, torch.Tensor]:
        """Return outputs by name, for float32 NumPy inputs by name."""
        modes, stream = self.tensorrt.TensorIOMode, torch.cuda.Stream()
        with torch.cuda.stream(stream):
            inputs = {name: torch.from_numpy(feed[name]).cuda() for name in self._names(modes.INPUT)}
            for name, tensor in inputs.items():
                self.context.set_input_shape(name, tuple(tensor.shape))
                self.context.set_tensor_address(name, tensor.data_ptr())
            outputs = {name: self._room(name) for name in self._names(modes.OUTPUT)}
            for name, tensor in outputs.items():
                self.context.set_tensor_address(name, tensor.data_ptr())
            if not self.context.execute_async_v3(stream.cuda_stream):
                raise RuntimeError("TensorRT could not run the engine")
        stream.synchronize()
        return outputs

    def _room(self, name: str) -> torch.Tensor:
        """Allocate memory for an output, whose shape follows from those of the inputs."""
        if self.engine.get_tensor_dtype(name) != self.tensorrt.float32:
            raise TypeError("the output {} is not float32".format(name))
        shape = tuple(self.context.get_tensor_shape(name))
        return torch.empty(shape, dtype=torch.float32, device="cuda")

    def predict(self, feed: Dict[str, Any]) -> Prediction:
        """Predict all four masks for one prompt, at low resolution only."""
        outputs = {name: tensor.cpu().numpy()[0] for name, tensor in self.run(feed).items()}
        low = outputs["low_res_masks"]
        return Prediction(low, low, outputs["iou_predictions"])
