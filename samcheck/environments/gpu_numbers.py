"""The GPUs that CUDA_VISIBLE_DEVICES names, by names that NVML knows too.

A number there is CUDA's, which puts the fastest GPU first unless CUDA_DEVICE_ORDER is PCI_BUS_ID, and a UUID
may be cut short: https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from samcheck.guest import cuda_driver, nvml

#: For starting CUDA's driver, which takes a second or two on a machine with many GPUs.
CUDA_SECONDS = 60.0


def known_to_nvml(library: Any, count: int, given: Sequence[str]) -> tuple[str, ...]:
    """Return the number or full UUID of each GPU; a name that cannot be resolved stays as it is."""
    if any(name.isdigit() for name in given) and _models(library, count) > 1 and not _in_order_of_bus():
        return _as_cuda_counts() or tuple(given)
    return tuple(name if name.isdigit() else _whole(library, count, name) for name in given)


def _in_order_of_bus() -> bool:
    return os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"


def _models(library: Any, count: int) -> int:
    return len(set(_each(library, count, library.nvmlDeviceGetName)))


def _whole(library: Any, count: int, beginning: str) -> str:
    """Return the only UUID that begins like this."""
    found = [uuid for uuid in _each(library, count, library.nvmlDeviceGetUUID) if uuid.startswith(beginning)]
    return found[0] if len(found) == 1 else beginning


def _each(library: Any, count: int, ask: Callable[[Any], Any]) -> list[str]:
    """Ask every GPU; those that do not answer are reported elsewhere."""
    answers = []
    for number in range(count):
        with suppress(*nvml.errors(library)):
            answers.append(str(ask(library.nvmlDeviceGetHandleByIndex(number))))
    return answers


def _as_cuda_counts() -> tuple[str, ...]:
    """Return the UUIDs of what CUDA shows, asked in a process of its own: CUDA reads its variables once."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", cuda_driver.__file__],
            capture_output=True,
            text=True,
            timeout=CUDA_SECONDS,
            check=False,
        )
        return tuple(map(str, json.loads(done.stdout)))
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return ()
