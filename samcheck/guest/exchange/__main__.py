"""Write the files of all kinds that this release of PyTorch can write.

python -m samcheck.guest.exchange FOLDER
"""

from __future__ import annotations

import os
import sys

import torch

from ..models.backends import Unavailable
from .kinds import KINDS, path_of
from .smallest_sam import smallest


def main(folder: str) -> None:
    """Write them to FOLDER/torch<release>."""
    torch.set_grad_enabled(False)
    own = os.path.join(folder, "torch{}".format(torch.__version__.split("+")[0]))
    os.makedirs(own, exist_ok=True)
    for name, kind in KINDS.items():
        try:
            kind.write(smallest(), path_of(own, name))
        except Unavailable as reason:
            print("{}: left out: {}".format(name, reason))


if __name__ == "__main__":
    main(sys.argv[1])
