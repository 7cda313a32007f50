"""What a heap that keeps what is freed does to SAM's encoder on a CPU, in time and in memory.

    PYTHON tests/bench/kept_heap.py vit_b --pairs 3

PYTHON has PyTorch and segment-anything; fresh processes run in turn, on a quiet machine. Nothing is
asserted; `tests/processes/test_heap.py` has the checks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
HEAPS = ("as it is", "kept")


def encode(variant: str, heap: str, seconds: float) -> None:
    """In this process: prints ms and page faults of an image, and the process's largest resident MiB."""
    from samcheck.guest import heap as c_heap

    if heap == "kept" and not c_heap.keep_freed_memory():
        raise SystemExit("this C library cannot be told to keep what is freed")
    import torch

    from samcheck.guest.memory.limits import status_kib
    from samcheck.guest.sam.variants import VARIANTS

    encoder = VARIANTS[variant].build().image_encoder
    pixels = torch.rand(1, 3, encoder.img_size, encoder.img_size)
    times, faults = [], 0
    with torch.no_grad():
        for _ in range(2):
            encoder(pixels)
        until = perf_counter() + seconds
        while perf_counter() < until or len(times) < 3:
            before, begin = c_heap.page_faults(), perf_counter()
            encoder(pixels)
            times.append((perf_counter() - begin) * 1e3)
            faults += c_heap.page_faults() - before
    print(median(times), faults / len(times), status_kib("VmHWM") / 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--heap", choices=HEAPS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.heap:
        encode(options.variant, options.heap, options.seconds)
        return
    for number in range(options.pairs):
        for heap in HEAPS:
            command = [sys.executable, __file__, options.variant, f"--heap={heap}"]
            done = subprocess.run(
                [*command, f"--seconds={options.seconds}"], stdout=subprocess.PIPE, text=True, check=True
            )
            ms, faults, mib = map(float, done.stdout.split())
            print(
                f"{number + 1} {heap:8}  {ms:9.1f} ms  {faults:10.0f} page faults  {mib:6.0f} MiB", flush=True
            )


if __name__ == "__main__":
    main()
