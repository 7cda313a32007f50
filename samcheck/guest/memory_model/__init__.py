"""How much memory SAM takes, counted from the shapes of its tensors: no PyTorch, no GPU.

Goes through segment-anything 1.0 the way its code does, taking and giving back what its variables hold; so
the peak is exact for what PyTorch's allocator is asked for, and the part of SAM that has it is known.
`samcheck.guest.memory.peaks` measures the same steps, and the suite compares the two.
"""

from .automatic import INT_MAX, largest_batch_for_nonzero
from .decoder import Prompts
from .estimate import STEPS, MemoryRequirement, Work, needs, weights
from .shapes import SHAPES, ModelShape

__all__ = [
    "INT_MAX",
    "SHAPES",
    "STEPS",
    "MemoryRequirement",
    "ModelShape",
    "Prompts",
    "Work",
    "largest_batch_for_nonzero",
    "needs",
    "weights",
]
