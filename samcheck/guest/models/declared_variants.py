"""Variants that the matrix file of a run declares: the host says where each package or checkpoint is.

Nothing is installed, and no folder is added to the search path: a package is loaded from where it is, so
that nothing that happens to be beside it can take another module's place.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Dict, List

from ..variant_names import DECLARED_VARIABLE

Entry = Dict[str, str]


def entries() -> List[Entry]:
    """Return what the host declares."""
    declared: List[Entry] = json.loads(os.environ.get(DECLARED_VARIABLE, "[]"))
    return declared


def load(entry: Entry) -> Any:
    """Import a declared package, which may register variants; return the object that its target names.

    Without an attribute in the target, that is the module's `VARIANT`; None if it has none.
    """
    module, _, attribute = entry["target"].partition(":")
    top = module.partition(".")[0]
    if top not in sys.modules:
        _load(top, entry["path"])
    found = import_module(module)
    for name in filter(None, attribute.split(".")):
        found = getattr(found, name)
    return found if attribute else getattr(found, "VARIANT", None)


def _load(name: str, path: str) -> None:
    """Import a package's folder, or a module's file, under a name."""
    is_folder = os.path.isdir(path)
    file = os.path.join(path, "__init__.py") if is_folder else path
    spec = spec_from_file_location(name, file, submodule_search_locations=[path] if is_folder else None)
    if spec is None or spec.loader is None:
        raise ImportError("{} is no Python module".format(file))
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
