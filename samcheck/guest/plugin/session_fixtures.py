"""Fixtures of the suite: the device, and models and references created once per session.

torch is imported inside the functions, so that an environment in which it cannot be imported still runs
the checks that report it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, Iterator, Tuple

import pytest

from ..device import difference
from ..models.variants import VARIANTS
from .chosen_variants import unavailable

#: Slowdown of a matrix product relative to fp32 above which a CPU is assumed to emulate a precision. It was
#: 8 for fp16, when the whole encoder of vit_b took 177 s per image, and 0.1 to 0.4 for bf16.
SLOWEST = 5.0


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """``cuda`` if this PyTorch build can access a GPU, else ``cpu``; --samcheck-device overrides it.

    The host always gives it: what the probe saw.
    """
    import torch

    torch.set_grad_enabled(False)
    wanted = request.config.getoption("--samcheck-device")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    different = difference(wanted, request.config.getoption("--samcheck-gpu"))
    assert not different, different  # no silent fallback
    return str(wanted)


@pytest.fixture(scope="session")
def exact_float32(device: str) -> Iterator[None]:
    """float32 means float32: no TF32 in convolutions, which PyTorch switches on by default."""
    from ..models.precisions import tf32

    with tf32(False):
        yield


@pytest.fixture(scope="session")
def scene() -> Any:
    """One landscape image, 320 x 240, whose front shape is prompted for."""
    from ..models import scenes

    return scenes.draw(seed=7, height=240, width=320)


@pytest.fixture(scope="session")
def loaded(request: pytest.FixtureRequest, variant: str, device: str) -> Any:
    """The model of `variant` in float32 on the CPU; never changed, only copied."""
    from ..models import weights

    reason = unavailable(variant)
    if VARIANTS[variant].gpu and device != "cuda":
        reason = reason or "{} can only be built on an NVIDIA GPU, and the device is {}".format(
            variant, device
        )
    if reason:
        pytest.skip(reason)
    model, carried = weights.load(VARIANTS[variant])
    model.carried = carried
    writer = request.config.pluginmanager.get_plugin("samcheck-journal")
    if writer is not None:
        writer.journal.weights(variant, str(carried))
    return model


@pytest.fixture(scope="session")
def plain(device: str, exact_float32: None) -> Any:
    """The small model in float32 on the device, for checks that do not depend on the size."""
    from ..models import weights

    return weights.load(VARIANTS["tiny"])[0].to(device)


@pytest.fixture(scope="session")
def side(variant: str) -> int:
    """Side of the square that the variant's encoder takes, in pixels."""
    return VARIANTS[variant].image_size


@pytest.fixture(scope="session")
def oracle_model(loaded: Any, variant: str) -> Any:
    """The oracle with the weights of `loaded`."""
    return VARIANTS[variant].oracle(loaded)


@pytest.fixture(scope="session")
def reference(oracle_model: Any, side: int, scene: Any) -> Callable[[str], Any]:
    """The oracle's prediction for a kind of prompt on the scene, computed once."""
    from ..models import inference

    encoded = oracle_model.encode(scene.image)
    made: Dict[str, Any] = {}

    def get(kind: str) -> Any:
        if kind not in made:
            made[kind] = oracle_model.predict(encoded, inference.prompt(scene, kind, side))
        return made[kind]

    return get


@pytest.fixture(scope="session")
def affordable(variant: str, precision: str, device: str) -> None:
    """Skip a large variant in a precision that this CPU only emulates: it would take hours."""
    from ..models import precision_support, precisions

    if VARIANTS[variant].tier == "fast" or device != "cpu":
        return
    wanted = precisions.PRECISIONS[precision]
    if precision_support.unavailable(wanted, device):
        return  # other fixtures report it
    slower = precision_support.slowdown(wanted.dtype)
    if slower > SLOWEST:
        pytest.skip(
            "{} products are {:.0f} times slower than fp32 on this CPU, more than {:.0f}: only the "
            "small variant is run in it".format(precision, slower, SLOWEST)
        )


@pytest.fixture(scope="session")
def model(loaded: Any, affordable: None, precision: str, device: str, exact_float32: None) -> Any:
    """The model on the device, on the safe path of `precision`; skips where it cannot run."""
    from ..models import precision_support, precisions

    wanted = precisions.PRECISIONS[precision]
    reason = precision_support.unavailable(wanted, device, precisions.encoder_of(loaded))
    if reason:
        pytest.skip("no {} on {}: {}".format(precision, device, reason))
    return precisions.apply(loaded, wanted, device)


@pytest.fixture(scope="session")
def new_predictor(variant: str) -> Callable[[Any], Any]:
    """Return a function that makes a predictor from a model of this variant."""
    return VARIANTS[variant].predictor


@pytest.fixture(scope="session")
def encoded(model: Any, new_predictor: Callable[[Any], Any], scene: Any) -> Tuple[Any, str]:
    """A predictor with the scene's image encoded, and what its encoder really computed in."""
    from ..models import precisions

    predictor = new_predictor(model)
    return predictor, precisions.computing(model, lambda: predictor.set_image(scene.image))


@pytest.fixture(scope="session")
def ready(encoded: Tuple[Any, str]) -> Any:
    """A predictor of the model with the scene's image encoded, for checks that only ask it."""
    return encoded[0]


@pytest.fixture
def judged(
    precision: str, scene: Any, side: int, reference: Callable[[str], Any], measured: Dict[str, float]
) -> Callable[[Any], str]:
    """Return a function that compares the answers of a predictor, which has the scene, with the oracle's.

    It returns what exceeds the tolerance of the precision; empty if nothing does.
    """
    from .. import oracle
    from ..models import inference

    def problems(ready: Any, kind: str = "box") -> str:
        tolerance = oracle.TOLERANCES[precision]
        actual = inference.predict(ready, inference.prompt(scene, kind, side))
        seen = oracle.deviation(actual, reference(kind), tolerance)
        measured.update(
            logits_relative_l2=seen.logits,
            full_logits_relative_l2=seen.full,
            score_error=seen.score,
            mask_iou=seen.mask_iou,
        )
        return str(seen.problems(tolerance))

    return problems


@pytest.fixture
def turns(request: pytest.FixtureRequest, settings: Dict[str, str]) -> Any:
    """Pacer of a benchmark that alternates with another process (`samcheck.analysis.interleave`), or None."""
    from ..benchmark.turns import HEAP_KEPT, PARTNER, Paced

    partner = request.config.stash.get(PARTNER, None)
    if partner is None:
        return None
    settings["heap"] = "keeps what is freed" if request.config.stash[HEAP_KEPT] else "as it is"
    return partial(Paced, partner, request.session.items.index(request.node))


@pytest.fixture(scope="session")
def computed_in(encoded: Tuple[Any, str]) -> str:
    """What the encoder of `ready` really computed in."""
    return encoded[1]
