"""The bits of the image encoder's answer in a process that has done nothing else.

    python -m samcheck.guest.fresh_encoder --device cpu --variant tiny --precision fp32

Prints the digest of the features by precision, as JSON; a precision that cannot run here is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence

from .launch import command

#: Time that a process may take.
SECONDS = 600.0


class NoAnswer(RuntimeError):
    """A process ended without digests; the message says how."""


@dataclass(frozen=True)
class EncodedBits:
    """The digest of the features of one scene in one precision."""

    precision: str
    digest: str


def encoded_bits(
    variant: Any, device: str, names: Sequence[str], threads: int = 0, number: int = 1
) -> List[EncodedBits]:
    """Encode the scene that the suite uses, in each precision that can run here.

    Args:
        threads: to compute with, since their number may change the order of sums; 0 for PyTorch's default.
        number: of the process; it computes the same, but one that asks for two gets two.
    """
    import torch

    from .models import precision_support, precisions, scenes, weights

    torch.set_grad_enabled(False)
    if threads:
        torch.set_num_threads(threads)
    model, image = weights.load(variant)[0], scenes.draw(seed=7, height=240, width=320).image
    found = []
    for name in names:
        precision = precisions.PRECISIONS[name]
        if precision_support.unavailable(precision, device, model.image_encoder):
            continue
        with precisions.tf32(False):
            ready = variant.predictor(precisions.apply(model, precision, device))
            ready.set_image(image)
        found.append(EncodedBits(name, digest(ready.features)))
    return found


def digest(features: Any) -> str:
    """Return the digest of a tensor's bits."""
    return hashlib.sha256(features.cpu().numpy().tobytes()).hexdigest()


def ask(
    variant: str, device: str, names: Sequence[str], environment: Dict[str, str], count: int
) -> List[Dict[str, str]]:
    """Return the digests of `count` new interpreters at the same time, each with its own hashes of strings.

    Raises:
        NoAnswer: one of them failed.
    """
    seeded = [dict(environment, PYTHONHASHSEED=str(number)) for number in range(count)]
    started = [_start(variant, device, names, each) for each in seeded]
    try:
        return [_answer(process) for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _start(
    variant: str, device: str, names: Sequence[str], environment: Dict[str, str]
) -> subprocess.Popen[str]:
    chosen = [argument for name in names for argument in ("--precision", name)]
    arguments = ("--device", device, "--variant", variant, *chosen)
    return subprocess.Popen(
        command("samcheck.guest.fresh_encoder", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(environment, PYTHONPATH=os.pathsep.join(sys.path)),
    )


def _answer(process: subprocess.Popen[str]) -> Dict[str, str]:
    printed, complained = process.communicate(timeout=SECONDS)
    if process.returncode:
        last = (complained.strip().splitlines() or ["it printed nothing"])[-1]
        raise NoAnswer("a fresh process exited with status {}: {}".format(process.returncode, last))
    answer: Dict[str, str] = json.loads(printed.splitlines()[-1])
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.fresh_encoder")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--precision", action="append", required=True)
    options = parser.parse_args()
    from .models import variants

    variants.discover()
    found = encoded_bits(variants.VARIANTS[options.variant], options.device, options.precision)
    print(json.dumps({bits.precision: bits.digest for bits in found}))


if __name__ == "__main__":
    main()
