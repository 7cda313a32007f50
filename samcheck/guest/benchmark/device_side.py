"""What a GPU says of a step that has been timed: its kernels, and whether it waits for the host.

Done behind the timed rounds, and never at their cost: what cannot be measured is a sentence in the settings.
An error that stays in the CUDA context is raised, since no later number would be right
(`samcheck.guest.fitness` ends the process then).
"""

from __future__ import annotations

from statistics import median
from typing import Any, Callable, Dict, Sequence, Tuple

import torch

from . import graph_replay, kernels, sampling
from .synchronised import Synchronised

Found = Tuple[Dict[str, float], Dict[str, str]]

#: While another process takes turns with this one, that one may be measuring.
IN_TURNS = {"kernels": "not measured: another process takes turns with this one"}
LIMIT = 300


def measured(step: Callable[[], Any], device_ms: Sequence[float]) -> Found:
    """Return metrics and settings of a step, whose timed rounds took so long on the GPU."""
    metrics: Dict[str, float] = {"device_ms": median(device_ms)}
    settings: Dict[str, str] = {}
    for name, part in (("kernels", _kernels), ("graph", _graph)):
        try:
            found, said = part(step, metrics["device_ms"])
        except Exception as error:
            torch.cuda.synchronize()  # raises where the error stays in the context
            settings[name] = "not measured: {}".format(_reason(error))
        else:
            metrics.update(found)
            settings.update(said)
    return metrics, settings


def _kernels(step: Callable[[], Any], device_ms: float) -> Found:
    found = kernels.profiled(step)
    settings = dict(found.settings, launch_bound="yes" if found.launch_bound(device_ms) else "no")
    if found.coarse:
        settings["kernels"] = "times in whole microseconds, so kernel_ms is too low by up to 1 µs per kernel"
    return dict(found.metrics, device_after_profiler_ms=_again(step)), settings


def _again(step: Callable[[], Any]) -> float:
    """Time the step once more: CUPTI stays attached, and may slow down what this process measures next."""
    timed = Synchronised(step, "cuda")
    for _ in range(sampling.PILOT):
        timed()
    return median(timed.device_ms)


def _graph(step: Callable[[], Any], _: float) -> Found:
    took, how = graph_replay.per_replay(step)
    torch.cuda.empty_cache()  # gives back the graph's own memory
    return {"graph_ms": took}, {"graph": how}


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:LIMIT]
    return text if isinstance(error, graph_replay.NotCapturable) else type(error).__name__ + ": " + text
