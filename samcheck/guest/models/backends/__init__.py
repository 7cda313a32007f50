"""Backends other than plain PyTorch that run SAM: torch.compile, ONNX Runtime, TensorRT."""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import contextmanager
from typing import Any, Iterator


class Unavailable(Exception):
    """A backend does not support something in this environment; the message says why."""


def module(name: str, why: str) -> Any:
    """Import a package that a backend needs; one that is installed but broken raises its own error.

    Raises:
        Unavailable: it is not installed.
    """
    if importlib.util.find_spec(name) is None:
        raise Unavailable("the package {} is not installed: {}".format(name, why))
    return importlib.import_module(name)


def require_sam(model: Any) -> Any:
    """Return `model` if it is built like SAM: exporting and compiling need SAM's own parts.

    Raises:
        Unavailable: it is something else.
    """
    from segment_anything.modeling import Sam

    if not isinstance(model, Sam):
        raise Unavailable("a {} does not have SAM's parts".format(type(model).__name__))
    return model


@contextmanager
def or_skip() -> Iterator[None]:
    """Skip the check with the reason why a step is unavailable."""
    import pytest

    try:
        yield
    except Unavailable as error:
        pytest.skip(str(error))
