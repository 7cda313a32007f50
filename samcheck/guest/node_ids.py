"""The parts of a check's node id, which pytest writes as ``test_dtype.py::test_naive_cast[tiny-fp16]``."""

from __future__ import annotations


def module_of(check: str) -> str:
    """Return the file in a node id; pytest writes ids ``test_dtype.py::test_naive_cast[tiny-fp16]``."""
    return check.partition("::")[0]


def function_of(check: str) -> str:
    """Return the function in a node id; empty for the id of a module."""
    return check.partition("::")[2].partition("[")[0]


def parameters_of(check: str) -> str:
    """Return the parameters in a node id, as pytest joins them; empty for a check without any."""
    inside = check.partition("::")[2].partition("[")[2]
    return inside[:-1] if inside.endswith("]") else inside


def short_name(check: str) -> str:
    """Return the readable part of a node id, ``naive_cast[tiny-fp16]``; empty for the id of a module."""
    name = check.partition("::")[2]
    return name[len("test_") :] if name.startswith("test_") else name
