"""ONNX Runtime: sessions on the execution provider that was asked for, and int8 by its own tool."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Tuple

from ..exported_decoder import OUTPUTS
from ..inference import Prediction
from . import module

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NO_MESSAGES = 4  # of its severities: fatal errors only


class ProviderMissing(RuntimeError):
    """ONNX Runtime runs on another execution provider than was asked for."""


def load() -> Any:
    return module("onnxruntime", "it runs ONNX files")


def provider_for(device: str) -> str:
    """The provider to ask for on `device`: the GPU's where the installed build says that it has it."""
    return CUDA if device == "cuda" and CUDA in load().get_available_providers() else CPU


def unobtainable() -> str:
    """A provider that this build does not have, to ask for in vain."""
    return "ROCMExecutionProvider" if CUDA in load().get_available_providers() else CUDA


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning of a missing provider: what ran is read back instead."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _version(runtime: Any) -> Tuple[int, ...]:
    return tuple(int(part) for part in runtime.__version__.split(".")[:2])


def plain_session(path: str, provider: str) -> Any:
    """A session as most guides make it: falls back to another provider without an error."""
    runtime = load()
    options = runtime.SessionOptions()
    options.log_severity_level = NO_MESSAGES
    wanted: Any = provider
    if provider == CUDA and _version(runtime) >= (1, 18):
        wanted = (CUDA, {"use_tf32": "0"})  # float32 means float32, as in PyTorch
    with _quiet():
        return runtime.InferenceSession(
            path, options, providers=[wanted] if provider == CPU else [wanted, CPU]
        )


class DecoderSession:
    """An exported decoder that runs on `provider`, or not at all.

    Raises:
        ProviderMissing: ONNX Runtime would run it on another one.
    """

    def __init__(self, path: str, provider: str) -> None:
        self._session = plain_session(path, provider)
        self.provider = str(self._session.get_providers()[0])
        if self.provider != provider:
            raise ProviderMissing(
                "{} was asked for, and ONNX Runtime {} would run on {}: install the build for this "
                "GPU's CUDA and cuDNN".format(provider, load().__version__, self.provider)
            )

    def predict(self, feed: Dict[str, Any]) -> Prediction:
        """All four masks for one prompt; those of a decoder without resizing at low resolution only."""
        taken = {node.name: feed[node.name] for node in self._session.get_inputs()}
        names = [node.name for node in self._session.get_outputs()]
        outputs = {name: value[0] for name, value in zip(names, self._session.run(names, taken))}
        outputs.setdefault("masks", outputs["low_res_masks"])
        logits, scores, low = (outputs[name] for name in OUTPUTS)
        return Prediction(logits, low, scores)


def _quantisation() -> Any:
    load()
    return module("onnxruntime.quantization", "it makes int8 of ONNX files")


def quantise_officially(source: str, target: str) -> None:
    """As SAM's export script calls it."""
    tool = _quantisation()
    with _quiet():
        tool.quantize_dynamic(
            model_input=source,
            model_output=target,
            optimize_model=True,
            per_channel=False,
            reduce_range=False,
            weight_type=tool.QuantType.QUInt8,
        )


def quantise(source: str, target: str) -> None:
    """The products to int8, their other operands when they are run.

    Only they: with its own list of operators ONNX Runtime 1.19 fails on files by PyTorch 1.13 and 2.0.
    """
    tool = _quantisation()
    with _quiet():
        tool.quantize_dynamic(
            source, target, weight_type=tool.QuantType.QUInt8, op_types_to_quantize=["MatMul", "Gemm"]
        )
