"""Fixtures of the suite: the device, and models and references that are made once per session.

torch is imported inside the functions, so that an environment in which it cannot be imported still
runs the checks that say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Callable, Dict, List, Sequence

import pytest

from .plugin import FAST_VARIANTS
from .record import PRECISION_NAMES

#: The slow-down of a matrix product against fp32 above which a CPU is taken to emulate a precision. It was
#: 8 for fp16 where the whole encoder of vit_b took 177 s an image; 0.1 to 0.4 for bf16.
SLOWEST = 5.0


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """``cuda`` where this build of PyTorch reaches a GPU, else ``cpu``; --samcheck-device decides."""
    import torch

    torch.set_grad_enabled(False)
    wanted = request.config.getoption("--samcheck-device")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda":
        torch.cuda.init()  # raises PyTorch's own reason: no silent fallback
    return str(wanted)


@pytest.fixture(scope="session")
def exact_float32(device: str) -> None:
    """float32 means float32: no TF32 in convolutions, which PyTorch switches on by default."""
    import torch

    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(scope="session")
def scene() -> Any:
    """One landscape picture, 320 x 240, whose front shape is prompted for."""
    from .sam import scenes

    return scenes.draw(seed=7, height=240, width=320)


@pytest.fixture(scope="session")
def loaded(request: pytest.FixtureRequest, variant: str) -> Any:
    """The model of `variant` in float32 on the CPU; never changed, only copied."""
    from .sam import variants, weights

    model, carried = weights.load(variants.VARIANTS[variant])
    writer = request.config.pluginmanager.get_plugin("samcheck-journal")
    if writer is not None:
        writer.journal.weights(variant, str(carried))
    return model


@pytest.fixture(scope="session")
def reference(loaded: Any, scene: Any) -> Callable[[str], Any]:
    """The oracle's prediction for a kind of prompt, in float64 on the CPU, computed once."""
    from . import oracle
    from .sam import pipeline

    double = oracle.in_float64(loaded)
    ready = pipeline.predictor(double)
    ready.set_image(scene.image)
    made: Dict[str, Any] = {}

    def get(kind: str) -> Any:
        if kind not in made:
            made[kind] = oracle.reference(ready, pipeline.prompt(scene, kind))
        return made[kind]

    return get


@pytest.fixture(scope="session")
def affordable(variant: str, precision: str, device: str) -> None:
    """Skips a large variant in a precision that this CPU only emulates: it would take hours."""
    from .sam import precisions

    if variant in FAST_VARIANTS or device != "cpu":
        return
    wanted = precisions.PRECISIONS[precision]
    if precisions.missing_kernel(wanted, device):
        return  # for others to tell
    slower = precisions.slowdown(wanted)
    if slower > SLOWEST:
        pytest.skip(
            "{} products are {:.0f} times slower than fp32 on this CPU, more than {:.0f}: only the "
            "small variant is run in it".format(precision, slower, SLOWEST)
        )


@pytest.fixture(scope="session")
def model(loaded: Any, affordable: None, precision: str, device: str, exact_float32: None) -> Any:
    """The model on the device, on the safe path of `precision`; skips where no kernel exists."""
    from .sam import precisions

    wanted = precisions.PRECISIONS[precision]
    missing = precisions.missing_kernel(wanted, device)
    if missing:
        pytest.skip("no {} kernel on {}: {}".format(precision, device, missing))
    return precisions.apply(loaded, wanted, device)


@pytest.fixture(scope="session")
def ready(model: Any, scene: Any) -> Any:
    """A predictor of the model with the scene's image encoded, for checks that only ask it."""
    from .sam import pipeline

    predictor = pipeline.predictor(model)
    predictor.set_image(scene.image)
    return predictor


@pytest.fixture(scope="session")
def recovery(device: str, variant: str) -> Callable[[str], Any]:
    """What `samcheck.guest.memory` saw for a precision, in a process of its own.

    The small variant is tried in all precisions at once, since starting the process takes longest.
    """
    from .memory import Recovery

    seen: Dict[str, Any] = {}

    def get(precision: str) -> Any:
        if precision not in seen:
            wanted = PRECISION_NAMES if variant in FAST_VARIANTS else (precision,)
            for entry in _provoke(device, variant, wanted):
                seen[entry["precision"]] = Recovery(**entry)
        return seen[precision]

    return get


def _provoke(device: str, variant: str, precisions: Sequence[str]) -> List[Dict[str, Any]]:
    command = [sys.executable, "-m", "samcheck.guest.memory", "--device", device, "--variant", variant]
    for precision in precisions:
        command += ["--precision", precision]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        pytest.fail(
            "the process that provokes the failure ended with status {}: {}\n{}".format(
                done.returncode, last, done.stderr[-2000:]
            ),
            pytrace=False,
        )
    found: List[Dict[str, Any]] = json.loads(done.stdout)
    return found
