"""What glibc's variables that have it keep freed memory do to SAM's encoder on a CPU, in time and in memory.

    PYTHON tests/bench/kept_heap.py vit_b --pairs 3

PYTHON has PyTorch and segment-anything. Fresh processes run in turn, on a quiet machine, with and without the
variables. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import List

ROOT = Path(__file__).resolve().parents[2]
HEAPS = {"as it is": {}, "kept": {"MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_MMAP_MAX_": "0"}}


def encode(variant: str, seconds: float) -> None:
    """In this process: prints ms and page faults of an image, and the process's largest resident MiB."""
    import torch

    from samcheck.guest.benchmark.heap import page_faults
    from samcheck.guest.memory.process_memory import status_kib
    from samcheck.guest.models.variants import VARIANTS

    encoder = VARIANTS[variant].build().image_encoder
    pixels = torch.rand(1, 3, encoder.img_size, encoder.img_size)
    times: List[float] = []
    faults = 0
    with torch.no_grad():
        for _ in range(2):
            encoder(pixels)
        until = perf_counter() + seconds
        while perf_counter() < until or len(times) < 3:
            before, begin = page_faults(), perf_counter()
            encoder(pixels)
            times.append((perf_counter() - begin) * 1e3)
            faults += page_faults() - before
    print(median(times), faults / len(times), status_kib("VmHWM") / 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--in-this-process", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.in_this_process:
        encode(options.variant, options.seconds)
        return
    command = [sys.executable, *sys.argv, "--in-this-process"]
    for number in range(options.pairs):
        for heap, variables in HEAPS.items():
            done = subprocess.run(
                command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True
            )
            ms, faults, mib = map(float, done.stdout.split())
            print(
                f"{number + 1} {heap:8}  {ms:9.1f} ms {faults:10.0f} page faults {mib:6.0f} MiB", flush=True
            )


if __name__ == "__main__":
    main()
