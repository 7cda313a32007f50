"""Other processes on the GPU that a cell is measured on."""

from __future__ import annotations

import psutil
import pynvml


def on_gpu(name: str) -> list[str]:
    """Return the visible processes on a GPU, given by number or UUID: ``4711 python``."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        by_index, by_uuid = pynvml.nvmlDeviceGetHandleByIndex, pynvml.nvmlDeviceGetHandleByUUID
        handle = by_index(int(name)) if name.isdigit() else by_uuid(name)
        pids = [int(process.pid) for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
    names = {process.pid: process.name() for process in psutil.process_iter(["name"])}
    return [f"{pid} {names.get(pid, '(not visible here)')}" for pid in pids]
