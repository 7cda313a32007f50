"""Every fault, by its id, in the order of SAM's own steps.

They were written from what deployments of SAM report and from what its parts can get wrong, not from what
the suite looks at.
"""

from __future__ import annotations

from typing import Dict

from ..fault import REGISTERED, Fault
from . import (
    attention,
    automatic,
    backends,
    decoder,
    encoder,
    hq_sam,
    installation,
    kernels,
    loading,
    memory,
    mobile_sam,
    postprocessing,
    precision,
    preprocessing,
    prompts,
    sam2_image,
    sam2_memory,
    sam2_video,
    state,
    timing,
)

_MODULES = (
    preprocessing,
    encoder,
    attention,
    prompts,
    decoder,
    postprocessing,
    automatic,
    precision,
    state,
    memory,
    loading,
    backends,
    kernels,
    installation,
    timing,
    sam2_image,
    sam2_memory,
    sam2_video,
    mobile_sam,
    hq_sam,
)
_KINDS = [module.__name__.rpartition(".")[2] for module in _MODULES]

FAULTS: Dict[str, Fault] = {
    each.id: each for kind in _KINDS for each in REGISTERED.values() if each.kind == kind
}
