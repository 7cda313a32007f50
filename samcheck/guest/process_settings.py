"""Process settings that importing and using SAM changes, and SAM's behaviour when others change them.

    python -m samcheck.guest.process_settings --device cpu

Runs in its own process, since a changed setting stays changed, and prints a `Report` as JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import locale
import logging
import multiprocessing
import os
import random
import signal
import sys
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Callable, ContextManager, Dict, Iterator, Optional, Tuple

import numpy as np
import torch

FORK_SECONDS = 60


def _read(path: str) -> Any:
    """Read the attribute of torch at a dotted path, calling it if it is a function.

    Raises:
        AttributeError: this PyTorch does not have it.
    """
    value: Any = torch
    for name in path.split("."):
        value = getattr(value, name)
    return value() if callable(value) else value


def _digest(value: Any) -> str:
    """Return a short digest of a value that is long or private."""
    return "{:08x}".format(zlib.crc32(repr(value).encode("utf-8", "surrogateescape")))


def _signals() -> Dict[str, str]:
    names = ("SIGINT", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGCHLD", "SIGPIPE")
    return {name: str(signal.getsignal(getattr(signal, name))) for name in names}


def _filter(entry: Any) -> str:
    return "{}:{}".format(entry[0], entry[2].__name__)


def _subnormals() -> str:
    """Detect flushed subnormal numbers: libraries built with -ffast-math enable it when loaded."""
    return "kept" if np.float32(1e-40) * np.float32(1) > 0 else "flushed"


def _cuda_random_state() -> str:
    return _digest(torch.cuda.get_rng_state().tolist()) if torch.cuda.is_initialized() else "none yet"


@contextmanager
def _until(begin: Callable[[], Any], end: Callable[[], Any]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        end()


#: Settings read from torch, by their names there; not every release has all of them.
_OF_TORCH = (
    "get_default_dtype",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_threads",
    "get_num_interop_threads",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_anomaly_enabled",
    "is_autocast_enabled",
    "is_autocast_cache_enabled",
    "are_deterministic_algorithms_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "utils.deterministic.fill_uninitialized_memory",
    "backends.cuda.matmul.allow_tf32",
    "backends.cuda.matmul.allow_fp16_reduced_precision_reduction",
    "backends.cuda.matmul.allow_bf16_reduced_precision_reduction",
    "backends.cuda.flash_sdp_enabled",
    "backends.cuda.math_sdp_enabled",
    "backends.cuda.mem_efficient_sdp_enabled",
    "backends.cudnn.allow_tf32",
    "backends.cudnn.benchmark",
    "backends.cudnn.deterministic",
    "backends.cudnn.enabled",
    "backends.fp32_precision",
    "backends.cuda.matmul.fp32_precision",
    "backends.cudnn.fp32_precision",
    "backends.cudnn.conv.fp32_precision",
    "backends.mkldnn.fp32_precision",
    "backends.mkldnn.matmul.fp32_precision",
    "backends.mkldnn.conv.fp32_precision",
    "multiprocessing.get_sharing_strategy",
    "cuda.is_initialized",
)

READERS: Dict[str, Callable[[], Any]] = {
    **{name: partial(_read, name) for name in _OF_TORCH},
    "random_state_of_torch": lambda: _digest(torch.get_rng_state().tolist()),
    "random_state_of_cuda": _cuda_random_state,
    "random_state_of_numpy": lambda: _digest([str(part) for part in np.random.get_state()]),
    "random_state_of_python": lambda: _digest(random.getstate()),
    "numpy_errors": np.geterr,
    "numpy_printing": np.get_printoptions,
    "subnormals": _subnormals,
    "warnings_filters": lambda: " ".join(map(_filter, warnings.filters)),
    "logging": lambda: (logging.getLogger().level, len(logging.getLogger().handlers), logging.root.disabled),
    "environment": lambda: " ".join(name + "=" + _digest(os.environ[name]) for name in sorted(os.environ)),
    "working_directory": lambda: _digest(os.getcwd()),
    "locale": lambda: locale.setlocale(locale.LC_ALL),
    "start_method": lambda: multiprocessing.get_start_method(allow_none=True),
    "signals": _signals,
    "garbage_collection": lambda: (gc.isenabled(), gc.get_threshold()),
    "recursion_limit": sys.getrecursionlimit,
    "exception_hook": lambda: sys.excepthook is sys.__excepthook__,
}

#: Settings that building a model on the device may change: it starts from random weights.
CHANGED_BY_BUILDING = ("random_state_of_torch", "random_state_of_cuda", "cuda.is_initialized")

#: Conditions under which SAM is used.
CONDITIONS: Dict[str, Callable[[], ContextManager[Any]]] = {
    "repeated": lambda: _until(lambda: None, lambda: None),
    "no-grad": torch.no_grad,
    "inference-mode": torch.inference_mode,
    "one-thread": lambda: _until(
        partial(torch.set_num_threads, 1), partial(torch.set_num_threads, torch.get_num_threads())
    ),
    "deterministic": lambda: _until(
        partial(torch.use_deterministic_algorithms, True), partial(torch.use_deterministic_algorithms, False)
    ),
    "default-float64": lambda: _until(
        partial(torch.set_default_dtype, torch.float64), partial(torch.set_default_dtype, torch.float32)
    ),
}


@dataclass(frozen=True)
class Under:
    """SAM's behaviour under a condition: `error` is empty if it answered.

    `difference` is the largest of any logit or score, as a share of the largest logit or score; 0 if the
    answer is bit-identical.
    """

    error: str = ""
    difference: float = 0.0
    dtypes: str = ""


@dataclass(frozen=True)
class Report:
    """Observations in the process.

    Attributes:
        snapshots: name and value of every setting, after importing torch, after importing SAM, after
            building a model and after using it.
        fork: the result of a child forked after the imports that computed on the device.
        under: SAM's behaviour by condition.
    """

    snapshots: Dict[str, Dict[str, str]] = field(default_factory=dict)
    fork: str = ""
    under: Dict[str, Under] = field(default_factory=dict)


def snapshot() -> Dict[str, str]:
    """Read the value of every setting that this PyTorch has."""
    settings: Dict[str, str] = {}
    for name, read in READERS.items():
        try:
            settings[name] = str(read())
        except (AttributeError, AssertionError):  # what torch.backends raises for a missing setting
            continue
        except RuntimeError as error:  # from mixing old and new ways to set TF32
            settings[name] = "cannot be read: RuntimeError: {}".format(str(error).splitlines()[0])
    return settings


def forked(device: str) -> str:
    """Compute 2 + 2 on the device in a forked child, which fails if the parent has initialised CUDA."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(FORK_SECONDS)
        try:
            said = str(float(torch.full((2,), 2.0, device=device).sum()))
        except BaseException as error:
            said = "{}: {}".format(type(error).__name__, error)
        os.write(writing, said.encode()[:1000])
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode() or "ended with status {}".format(status)


Answer = Tuple[np.ndarray, np.ndarray, np.ndarray]


def condition(name: str, ask: Callable[[], Answer], expected: Answer) -> Under:
    """Predict under a condition and compare with the answer without it."""
    try:
        with CONDITIONS[name]():
            actual = ask()
    except Exception as error:
        return Under("{}: {}".format(type(error).__name__, (str(error).splitlines() or [""])[0]))
    return Under("", max(map(_difference, actual, expected)), ", ".join(str(array.dtype) for array in actual))


def _difference(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def observe(device: str) -> Report:
    """Import SAM, build it and use it, taking snapshots of the process in between."""
    report = Report()
    report.snapshots["torch"] = snapshot()
    import segment_anything
    import torchvision  # noqa: F401

    report.snapshots["imported"] = snapshot()
    fork: Optional[str] = forked(device) if hasattr(os, "fork") else None
    from .models import predictor_states, variants, weights

    image = predictor_states.images()[0]
    model = weights.load(variants.VARIANTS["tiny"])[0].to(device)
    report.snapshots["built"] = snapshot()

    def ask() -> Answer:
        return predictor_states.ask(predictor_states.with_image(model, image))

    expected = ask()
    predictor_states.generator(model).generate(image)
    report.snapshots["used"] = snapshot()
    under = {name: condition(name, ask, expected) for name in CONDITIONS}
    assert segment_anything.SamPredictor
    return Report(report.snapshots, fork or "no fork on this system", under)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.process_settings")
    parser.add_argument("--device", required=True)
    print(json.dumps(asdict(observe(parser.parse_args().device))))


if __name__ == "__main__":
    main()
