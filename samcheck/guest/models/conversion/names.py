"""Renaming the tensors of one implementation to those of another, strictly.

A table has a rule per kind of tensor. Every tensor must match exactly one rule, no two may end up under one
name, and the model that is loaded must need each of them and no other: a converter that skips what it does
not know leaves random weights in a model, which then looks like a deviation, or hides one.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Mapping, Match, Optional, Sequence, Tuple, Union

Target = Union[str, Callable[["Match[str]"], str]]
#: A pattern for whole names, and the new name (groups as ``\1``); None for what the other side does not have.
Rule = Tuple[str, Optional[Target]]


class ConversionFailed(Exception):
    """The tensors of two implementations do not correspond."""


#: The layers of a perceptron of three layers in transformers, by their number in Meta's code.
_PERCEPTRON = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}


def perceptron(stem: str, rest: str = "") -> Rule:
    """Return the rule for a perceptron of three layers, whose groups are its name and the layer's number.

    ``stem`` is a pattern with one group for the whole name; `rest` is put in front of it.
    """
    return (
        stem + r"\.layers\.([0-2])\.(weight|bias)",
        lambda match: "{}{}.{}.{}".format(rest, match.group(1), _PERCEPTRON[match.group(2)], match.group(3)),
    )


def converted(state: Mapping[str, Any], rules: Sequence[Rule]) -> Dict[str, Any]:
    """Rename the tensors of a state dict.

    Raises:
        ConversionFailed: a tensor matches no rule or several, or two get the same name.
    """
    result: Dict[str, Any] = {}
    for name, tensor in state.items():
        matching = [(re.match(r"(?:{})\Z".format(pattern), name), target) for pattern, target in rules]
        found = [(match, target) for match, target in matching if match]
        if len(found) != 1:
            raise ConversionFailed(
                "{} matches {} rules, not one: the package has other tensors than those that were "
                "mapped".format(name, len(found))
            )
        match, target = found[0]
        if target is None:
            continue
        new = match.expand(target) if isinstance(target, str) else target(match)
        if new in result:
            raise ConversionFailed("{} and another tensor are both called {}".format(name, new))
        result[new] = tensor
    return result


def load_converted(model: Any, state: Mapping[str, Any]) -> None:
    """Load converted weights in place.

    Raises:
        ConversionFailed: a tensor is missing, left over, or has another shape.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    problems: List[str] = ["{} is missing".format(name) for name in sorted(set(wanted) - set(given))]
    problems += ["{} is left over".format(name) for name in sorted(set(given) - set(wanted))]
    problems += [
        "{} has shape {}, not {}".format(name, given[name], wanted[name])
        for name in sorted(set(wanted) & set(given))
        if given[name] != wanted[name]
    ]
    if problems:
        raise ConversionFailed(
            "{} of {} tensors do not fit {}: {}".format(
                len(problems), len(wanted), type(model).__name__, "; ".join(problems[:5])
            )
        )
    model.load_state_dict(dict(state))
