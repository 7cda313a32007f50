"""Estimate of SAM's memory, computed from the shapes of its tensors without PyTorch or a GPU.

It follows the code of segment-anything 1.0, taking and giving back what its variables hold, so the peak is
exact for what is requested from PyTorch's allocator, and the part of SAM that has it is known.
`samcheck.guest.memory.peaks` measures the same steps, and the suite compares the two.
"""

from .automatic import INT_MAX, largest_batch_for_nonzero
from .decoder import Prompts
from .estimate import CONTEXT_MIB, STEPS, VIDEO, MemoryRequirement, Work, needs, weights
from .families import ESTIMATED, LIKE_SAM
from .shapes import SHAPES, DecoderShape, ModelShape

__all__ = [
    "CONTEXT_MIB",
    "ESTIMATED",
    "INT_MAX",
    "LIKE_SAM",
    "SHAPES",
    "STEPS",
    "VIDEO",
    "DecoderShape",
    "MemoryRequirement",
    "ModelShape",
    "Prompts",
    "Work",
    "largest_batch_for_nonzero",
    "needs",
    "weights",
]
