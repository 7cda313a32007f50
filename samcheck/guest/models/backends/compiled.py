"""torch.compile: whether it can run here, its graph breaks, and how often it compiles."""

from __future__ import annotations

import os
import shutil
import sysconfig
from dataclasses import dataclass
from typing import Any, Callable, List, Tuple

import torch

from . import Unavailable, module


def check_available(backend: str) -> None:
    """Make sure that `backend` of torch.compile can run in this environment.

    Raises:
        Unavailable: it cannot.
    """
    if not hasattr(torch, "compile"):
        raise Unavailable("torch.compile needs PyTorch 2.0 or newer, this is {}".format(torch.__version__))
    from torch._dynamo.eval_frame import check_if_dynamo_supported

    try:
        check_if_dynamo_supported()
    except RuntimeError as error:  # this Python is too new for the release
        raise Unavailable("PyTorch {} reports: {}".format(torch.__version__, error)) from None
    if backend == "inductor":
        _check_compiler()
        if torch.cuda.is_initialized():
            require_triton()


def _check_compiler() -> None:
    from torch._inductor import config

    wanted = os.environ.get("CXX") or config.cpp.cxx
    names = [wanted] if isinstance(wanted, str) else [name for name in wanted if name]
    if not any(shutil.which(name) for name in names):
        raise Unavailable("inductor needs a C++ compiler, but there is no {}".format(" or ".join(names)))


def require_triton() -> None:
    """Make sure that Triton can start on a GPU: it first compiles a C module for this Python.

    Raises:
        Unavailable: it is not installed, or lacks what it needs for that.
    """
    module("triton", "it compiles the GPU kernels")
    if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        raise Unavailable("Triton needs a C compiler, but there is no gcc or clang")
    header = os.path.join(_headers(), "Python.h")
    if not os.path.exists(header):
        raise Unavailable("Triton needs Python's headers (python3-dev), but there is no {}".format(header))


def _headers() -> str:
    """Return the folder where Triton looks for headers: Debian's Python 3.10 and newer reports another."""
    scheme = getattr(sysconfig, "get_default_scheme", lambda: "posix_prefix")()
    return sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)["include"]


def compiled(step: Any, **options: Any) -> Any:
    """Compile `step`, a function or a module, without reusing anything compiled before."""
    check_available(str(options.get("backend", "inductor")))
    torch._dynamo.reset()
    return torch.compile(step, **options)


@dataclass(frozen=True)
class Cut:
    """The graphs that torch.compile makes of a step: ideally one, without `breaks`."""

    graphs: int
    breaks: int
    reason: str


def cut(step: Callable[..., Any], *inputs: Any) -> Cut:
    """Trace `step` on `inputs`, and count the graphs."""
    check_available("eager")
    torch._dynamo.reset()
    explain: Any = torch._dynamo.explain
    if torch.__version__.startswith("2.0."):  # returns a tuple whose reasons count the end as a break
        _, _, graphs, _, reasons, _ = explain(step, *inputs)
        return Cut(len(graphs), len(graphs) - 1, _first_line(reasons[: len(graphs) - 1]))
    explained = explain(step)(*inputs)
    return Cut(explained.graph_count, explained.graph_break_count, _first_line(explained.break_reasons))


def _first_line(reasons: List[Any]) -> str:
    return str(reasons[0].reason).strip().splitlines()[0] if reasons else ""


def graphs_compiled(step: Callable[..., Any], calls: List[Tuple[Any, ...]]) -> List[int]:
    """Return the total number of compiled graphs after each of `calls`."""
    made: List[Any] = []

    def backend(graph: Any, _: List[Any]) -> Any:
        made.append(graph)
        return graph.forward

    again, counts = compiled(step, backend=backend), []
    for arguments in calls:
        again(*arguments)
        counts.append(len(made))
    torch._dynamo.reset()
    return counts


class StaticOutput(torch.nn.Module):  # type: ignore[misc]
    """An encoder that returns every answer in the same memory, like a replayed CUDA graph."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.img_size = encoder.img_size
        self.output: Any = None

    def forward(self, pixels: Any) -> Any:
        features = self.encoder(pixels)
        if self.output is None:
            self.output = torch.empty_like(features)
        return self.output.copy_(features)


class ClonedOutput(torch.nn.Module):  # type: ignore[misc]
    """An encoder whose answers are safe to keep: a wrapper for one that reuses its memory."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.img_size = encoder.img_size

    def forward(self, pixels: Any) -> Any:
        return self.encoder(pixels).clone()
