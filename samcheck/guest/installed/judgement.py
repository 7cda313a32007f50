"""Everything that is wrong with an inventory."""

from __future__ import annotations

from typing import List

from . import file_rules, library_rules, pin_rules
from .finding import Finding
from .inventory import Inventory


def findings(inventory: Inventory) -> List[Finding]:
    """Return what is wrong, what breaks first."""
    every = [
        *file_rules.findings(inventory),
        *pin_rules.findings(inventory),
        *library_rules.findings(inventory),
    ]
    return sorted(every, key=lambda finding: not finding.breaks)
