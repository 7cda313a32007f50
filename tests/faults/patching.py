"""Ways to change a package that is already imported, for everybody who holds a reference to its parts."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from types import CodeType
from typing import Any, Callable, Dict, Tuple

#: What the functions that were edited are now; Python itself only knows the file.
_SOURCES: Dict[Any, str] = {}


class DoesNotFit(Exception):
    """The package does not have the line that a fault changes: another release, or a fork."""


def find(path: str) -> Tuple[Any, str, Any]:
    """The owner, the name and the object of ``package.module:Class.attribute``."""
    module, _, names = path.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = names.split(".")
    for each in outer:
        owner = getattr(owner, each)
    return owner, name, getattr(owner, name)


def edit(path: str, old: str, new: str, count: int = 1) -> None:
    """Replace the text `old`, which is there `count` times, in the source of a function of pure Python.

    The function object stays the same, so that modules that imported it by name see the change too.

    Raises:
        DoesNotFit: the source does not hold `old` that often.
    """
    _, name, found = find(path)
    function = inspect.unwrap(found)
    source = _SOURCES.get(function) or textwrap.dedent(inspect.getsource(function))
    if source.count(old) != count:
        raise DoesNotFit("{} holds {!r} {} times, not {}".format(path, old, source.count(old), count))
    body = _SOURCES[function] = source[source.index("def ") :].replace(old, new)
    # Defaults and annotations of the old function are kept; only its code is exchanged.
    everything = compile(body, inspect.getsourcefile(function) or "?", "exec")
    function.__code__ = next(
        each for each in everything.co_consts if isinstance(each, CodeType) and each.co_name == name
    )


def replace(path: str, make: Callable[[Any], Any]) -> None:
    """Put ``make(original)`` in the place of the original, under its own name and where it was imported."""
    owner, name, original = find(path)
    kept = inspect.getattr_static(owner, name)
    changed = make(original)
    setattr(owner, name, staticmethod(changed) if isinstance(kept, staticmethod) else changed)
    if inspect.ismodule(owner):
        _rebind(original, changed)


#: Whose modules may hold a part that is replaced.
_PACKAGES = ("segment_anything", "sam2", "mobile_sam", "segment_anything_hq", "torchvision", "torch")


def _rebind(original: Any, changed: Any) -> None:
    for module_name, module in list(sys.modules.items()):
        package, _, inner = module_name.partition(".")
        if package not in _PACKAGES or inner.startswith("_"):
            continue
        for name, value in list(vars(module).items()):
            if value is original:
                setattr(module, name, changed)
