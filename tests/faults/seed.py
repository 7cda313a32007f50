"""Seeding a fault: it is applied when the package that it changes has been imported."""

from __future__ import annotations

import os
import sys
import traceback
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Optional, Sequence

#: Names the fault for this process and all that it starts; `CONTROL` is no fault at all.
VARIABLE = "SAMCHECK_FAULT"
CONTROL = "none"
#: For `forks`: the faults to try, with commas between, and the folder for what is found.
FORKS, FOLDER = "SAMCHECK_FAULT_FORKS", "SAMCHECK_FAULT_FOLDER"
#: Exit status of a process in which the fault could not be seeded.
NOT_SEEDED = 70


class Waiting(MetaPathFinder):
    """Applies a fault right behind the import of its module, so that it is there before any use."""

    def __init__(self, module: str, apply: Any) -> None:
        self.module, self.apply = module, apply

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec(fullname)
        finally:
            sys.meta_path.insert(0, self)  # whoever asks whether the module is there may not import it
        if spec is not None and spec.loader is not None:
            spec.loader = Applying(spec.loader, self.apply)
        return spec


class Applying(Loader):
    """The module's own loader, and the fault behind it."""

    def __init__(self, loader: Any, apply: Any) -> None:
        self.loader, self.apply = loader, apply

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        module: Optional[ModuleType] = self.loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        # The package finds its own files through its loader, as without a fault.
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        try:
            self.apply()
        except Exception:
            die()


def install(id: str) -> None:
    """Change the module that the fault `id` is about, or wait for it if it is not there yet."""
    from .catalogue import FAULTS

    if id == CONTROL:
        return
    fault = FAULTS[id]
    if fault.after in sys.modules:
        fault.apply()
        return
    sys.meta_path.insert(0, Waiting(fault.after, fault.apply))


def die() -> None:
    """A fault that was not seeded must not look like one that was missed."""
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(NOT_SEEDED)
