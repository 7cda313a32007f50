"""ONNX Runtime: sessions on the requested execution provider, and int8 with its own tool."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager, redirect_stdout
from typing import Any, Dict, Iterator, Tuple

from ..exported_decoder import OUTPUTS
from ..inference import Prediction
from . import module
from .providers import CPU, CUDA, load

NO_MESSAGES = 4  # of its severities: fatal errors only


class ProviderMissing(RuntimeError):
    """ONNX Runtime runs on another execution provider than requested."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the warning about a missing provider: the provider that ran is read back instead."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _version(runtime: Any) -> Tuple[int, ...]:
    return tuple(int(part) for part in runtime.__version__.split(".")[:2])


def _load_libraries(runtime: Any) -> None:
    """Load CUDA's libraries that PyTorch does not load, as the documentation of ONNX Runtime says.

    PyTorch 2.15 does not depend on nvidia-curand any more, which the CUDA provider of 1.31 needs: installed
    by its extra ``cuda``, it is found by this only. Messages do not matter: the provider is read back.
    https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
    """
    load_them = getattr(runtime, "preload_dlls", None)  # from 1.21 on
    if load_them is not None:
        with redirect_stdout(io.StringIO()):
            load_them()


def plain_session(path: str, provider: str) -> Any:
    """Create a session as most guides do: it silently falls back to another provider."""
    runtime = load()
    options = runtime.SessionOptions()
    options.log_severity_level = NO_MESSAGES
    wanted: Any = provider
    if provider == CUDA:
        _load_libraries(runtime)
    if provider == CUDA and _version(runtime) >= (1, 18):
        wanted = (CUDA, {"use_tf32": "0"})  # float32 means float32, as in PyTorch
    with _quiet():
        return runtime.InferenceSession(
            path, options, providers=[wanted] if provider == CPU else [wanted, CPU]
        )


class OnnxSession:
    """An exported part of a model that runs on `provider` only.

    Raises:
        ProviderMissing: ONNX Runtime would run it on another one.
    """

    def __init__(self, path: str, provider: str) -> None:
        self._session = plain_session(path, provider)
        self.provider = str(self._session.get_providers()[0])
        if self.provider != provider:
            raise ProviderMissing(
                "{} was requested, but ONNX Runtime {} would run on {}: install the build for this "
                "GPU's CUDA and cuDNN".format(provider, load().__version__, self.provider)
            )

    def run(self, feed: Dict[str, Any]) -> Dict[str, Any]:
        """Compute every output for the first of a batch, from what it takes of `feed`."""
        taken = {node.name: feed[node.name] for node in self._session.get_inputs()}
        names = [node.name for node in self._session.get_outputs()]
        return {name: value[0] for name, value in zip(names, self._session.run(names, taken))}


class DecoderSession(OnnxSession):
    """An exported decoder."""

    def predict(self, feed: Dict[str, Any]) -> Prediction:
        """Predict all its masks for one prompt; without resizing in the decoder, at low resolution only."""
        outputs = self.run(feed)
        outputs.setdefault("masks", outputs["low_res_masks"])
        logits, scores, low = (outputs[name] for name in OUTPUTS)
        return Prediction(logits, low, scores)


def _quantisation() -> Any:
    load()
    return module("onnxruntime.quantization", "it quantises ONNX files to int8")


def quantise_officially(source: str, target: str) -> None:
    """Quantise as SAM's export script does."""
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
    """Quantise the weights of matrix products to int8, and their other operands at run time.

    Only these: with its default operators, ONNX Runtime 1.19 fails on files from PyTorch 1.13 and 2.0.
    """
    tool = _quantisation()
    with _quiet():
        tool.quantize_dynamic(
            source, target, weight_type=tool.QuantType.QUInt8, op_types_to_quantize=["MatMul", "Gemm"]
        )
