"""Which GPU CUDA counts first, asked of CUDA's driver.

    python -m samcheck.guest.cuda_driver

NVML numbers GPUs by their place on the bus. CUDA puts the fastest first unless CUDA_DEVICE_ORDER says
otherwise, and numbers only what CUDA_VISIBLE_DEVICES shows; of a GPU with MIG it shows one slice:
https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
Prints the UUIDs in CUDA's order, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import uuid
from typing import Any, List

LIBRARY = "libcuda.so.1"
UUID_LENGTH = len("GPU-00000000-0000-0000-0000-000000000000")


def uuids() -> List[str]:
    """Return the UUIDs of the GPUs that CUDA shows this process, as NVML spells them; none without a driver.

    This does not take memory on a GPU, as a context would.
    """
    try:
        driver = ctypes.CDLL(LIBRARY)
    except OSError:
        return []
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    found = [_uuid(driver, number) for number in range(count.value)]
    return [name for name in found if name]


def _uuid(driver: Any, number: int) -> str:
    """Return one GPU's UUID.

    `cuDeviceGetUuid_v2` tells the slice where MIG is enabled, and the first version the GPU:
    https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__DEVICE.html
    """
    device = ctypes.c_int()
    if driver.cuDeviceGet(ctypes.byref(device), number):
        return ""
    answers = []
    for name in ("cuDeviceGetUuid_v2", "cuDeviceGetUuid"):
        octets = (ctypes.c_ubyte * 16)()
        ask = getattr(driver, name, None)  # the second version came with CUDA 11.4
        if ask is not None and not ask(octets, device):
            answers.append(str(uuid.UUID(bytes=bytes(octets))))
    if not answers:
        return ""
    return ("GPU-" if answers[0] == answers[-1] else "MIG-") + answers[0]


if __name__ == "__main__":
    print(json.dumps(uuids()))
