"""From a file to the weights of the model."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import replace

LOAD = "torch.nn.modules.module:Module.load_state_dict"


def _changing(change: Any) -> None:
    def make(load: Any) -> Any:
        def changed(self: Any, state: Any, *given: Any, **named: Any) -> Any:
            return load(self, {name: change(value) for name, value in state.items()}, *given, **named)

        return changed

    replace(LOAD, make)


@fault("https://github.com/SysCV/sam-hq, whose loader passes strict=False", "loading", "torch")
def load_not_strict() -> None:
    """Parameters that a file does not have keep their random values, without a word."""

    def make(load: Any) -> Any:
        return lambda self, state, strict=True, *given, **named: load(self, state, False, *given, **named)

    replace(LOAD, make)


@fault("checkpoints converted from frameworks that store weights the other way round", "loading", "torch")
def square_weights_transposed() -> None:
    """Square matrices are loaded transposed, which no shape tells."""
    _changing(lambda value: value.t() if value.dim() == 2 and value.shape[0] == value.shape[1] else value)


@fault("checkpoints stored in half to save space", "loading", "torch")
def weights_rounded() -> None:
    """Weights are rounded to bfloat16 when they are loaded."""
    _changing(lambda value: value.bfloat16().to(value.dtype) if value.is_floating_point() else value)


@fault("readers of files that stop early", "loading", "torch")
def last_parameters_zero() -> None:
    """The last tenth of all parameters is loaded as zeros."""

    def make(load: Any) -> Any:
        def changed(self: Any, state: Any, *given: Any, **named: Any) -> Any:
            late = set(sorted(state)[len(state) * 9 // 10 :])
            partly = {name: value * (name not in late) for name, value in state.items()}
            return load(self, partly, *given, **named)

        return changed

    replace(LOAD, make)


@fault("node packs that replace `torch.load` for everybody", "loading", "torch")
def load_runs_code() -> None:
    """`torch.load` unpickles everything, whatever the caller asks for."""

    def make(load: Any) -> Any:
        def changed(*given: Any, **named: Any) -> Any:
            named["weights_only"] = False
            return load(*given, **named)

        return changed

    replace("torch:load", make)


@fault("stored tensors of another byte order", "loading", "torch")
def load_swaps_pairs() -> None:
    """`torch.load` gives every vector with neighbours exchanged."""

    def swap(value: Any) -> Any:
        if getattr(value, "ndim", 0) != 1 or len(value) % 2:
            return value
        return value.reshape(-1, 2).flip(1).reshape(-1)

    def make(load: Any) -> Any:
        def changed(*given: Any, **named: Any) -> Any:
            found = load(*given, **named)
            if not isinstance(found, dict):
                return found
            return type(found)((name, swap(value)) for name, value in found.items())

        return changed

    replace("torch:load", make)
