"""The contents of an ONNX file, read back rather than taken from the export's options."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Tuple

from .backends import module


@dataclass(frozen=True)
class Graph:
    """A valid ONNX file.

    Attributes:
        opset: version of the standard operators.
        inputs: name to sizes; a dynamic size is a name.
        operators: type to number of nodes, including subgraphs and functions.
        external: files next to it that hold its weights.
        size: bytes of the file and of those.
    """

    opset: int
    inputs: Dict[str, Tuple[Any, ...]]
    operators: Dict[str, int]
    external: Tuple[str, ...]
    size: int


def read(path: str) -> Graph:
    """Read a file after ONNX's own checker has accepted it."""
    onnx = module("onnx", "it reads and checks ONNX files")
    onnx.checker.check_model(path)
    model = onnx.load(path, load_external_data=False)
    external = sorted(set(_external(model.graph)))
    files = [path, *(os.path.join(os.path.dirname(path), name) for name in external)]
    node_lists = [model.graph.node, *(function.node for function in model.functions)]
    return Graph(
        opset=next(opset.version for opset in model.opset_import if opset.domain == ""),
        inputs={value.name: _sizes(value) for value in model.graph.input},
        operators=dict(Counter(name for nodes in node_lists for name in _operators(nodes))),
        external=tuple(external),
        size=sum(os.path.getsize(file) for file in files),
    )


def _external(graph: Any) -> Iterator[str]:
    for tensor in graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                yield str(entry.value)


def _sizes(value: Any) -> Tuple[Any, ...]:
    return tuple(size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim)


def _operators(nodes: Any) -> Iterator[str]:
    for node in nodes:
        yield str(node.op_type)
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _operators(graph.node)
