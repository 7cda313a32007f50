"""Where the time of the fast tier goes: SAM and what it is compared with, and what is spent around them.

    python -m tests.bench.overhead

Run it with the interpreter of an environment that has torch and segment-anything, on a quiet machine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Any, Callable, Dict

import pytest

SUITE = Path(__file__).resolve().parents[1] / "suite"


class Clock:
    """Sums up the time inside of some functions; what runs inside of another one counts for that one."""

    def __init__(self) -> None:
        self.spent: Dict[str, float] = {}
        self._inside = False

    def measure(self, owner: Any, name: str, kind: str) -> None:
        """Count the time in `owner.name` as `kind`."""
        setattr(owner, name, self.counted(getattr(owner, name), kind))

    def counted(self, function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            if self._inside:
                return function(*arguments, **named)
            self._inside, begin = True, perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._inside = False
                self.spent[kind] = self.spent.get(kind, 0.0) + perf_counter() - begin

        return timed


def attach(clock: Clock) -> None:
    import subprocess

    import segment_anything
    import torch

    from samcheck.guest.models import onnx_export, scenes, weights
    from samcheck.guest.oracle.sam import Oracle

    model = "SAM itself"
    clock.measure(torch.nn.Module, "__call__", model)
    for name in ("set_image", "set_torch_image", "predict", "predict_torch"):
        clock.measure(segment_anything.SamPredictor, name, model)
    clock.measure(segment_anything.SamAutomaticMaskGenerator, "generate", model)
    for name in ("encode", "predict"):
        clock.measure(Oracle, name, "the oracle")
    clock.measure(onnx_export.Exports, "get", "exporters")
    if hasattr(torch, "_dynamo"):
        clock.measure(torch._dynamo, "explain", "torch.compile")
    clock.measure(subprocess, "run", "checks in processes of their own")
    clock.measure(weights, "load", "loading weights")
    clock.measure(scenes, "draw", "drawing scenes")


def main() -> None:
    begin = perf_counter()
    clock = Clock()
    import torch  # noqa: F401  its import is a floor too
    import torchvision  # noqa: F401

    clock.spent["importing torch"] = perf_counter() - begin
    attach(clock)
    status = pytest.main(
        [str(SUITE), "-c", str(SUITE / "pytest.ini"), "-m", "fast", "-q", "--tb=line", *sys.argv[1:]]
    )
    total = perf_counter() - begin
    for kind, seconds in sorted(clock.spent.items(), key=lambda pair: -pair[1]):
        print(f"{kind}: {seconds:.1f} s, {seconds / total:.0%}")
    rest = total - sum(clock.spent.values())
    print(f"everything around them: {rest:.1f} s, {rest / total:.0%} of {total:.1f} s (pytest: {status!s})")


if __name__ == "__main__":
    main()
