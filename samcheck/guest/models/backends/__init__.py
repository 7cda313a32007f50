"""What else than plain PyTorch runs SAM: torch.compile, ONNX Runtime, TensorRT."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import contextmanager
from typing import Any, Iterator


class Unavailable(Exception):
    """A backend cannot do something in this environment at all; the message says why."""


def module(name: str, why: str) -> Any:
    """Import a package that a backend needs; one that is there and broken raises its own error.

    Raises:
        Unavailable: it is not installed.
    """
    if importlib.util.find_spec(name) is None:
        raise Unavailable("the package {} is not installed: {}".format(name, why))
    return importlib.import_module(name)


def require_sam(model: Any) -> Any:
    """`model`, if it is built like SAM: the exporters, and what is compiled, are SAM's own parts.

    Raises:
        Unavailable: it is something else.
    """
    from segment_anything.modeling import Sam

    if not isinstance(model, Sam):
        raise Unavailable("a {} has not the parts of SAM".format(type(model).__name__))
    return model


@contextmanager
def or_skip() -> Iterator[None]:
    """Skip the check with the reason that a step is unavailable for."""
    import pytest

    try:
        yield
    except Unavailable as error:
        pytest.skip(str(error))
