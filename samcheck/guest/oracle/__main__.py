"""Computes the oracle's slow answers, so that another machine need not.

    python -m samcheck.guest.oracle vit_l vit_h

Prints the files that hold them, as a JSON list; they are named by their content (`store`).
"""

from __future__ import annotations

import argparse
import json
from typing import List, Optional

from .. import memory_model
from ..models import scenes, weights
from ..models.variants import VARIANTS
from . import store
from .sam import Oracle


def main(arguments: Optional[List[str]] = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.oracle")
    parser.add_argument("variant", nargs="+", choices=sorted(memory_model.SHAPES))
    image = scenes.draw(7, 240, 320).image  # the image of every prediction in the suite
    files = []
    for name in parser.parse_args(arguments).variant:
        model, carried = weights.load(VARIANTS[name])
        oracle = Oracle.of(model, carried.sha256)
        oracle.encode(image)
        files.append(str(store.place(carried.sha256, oracle.pixels(image))))
    print(json.dumps(files))


if __name__ == "__main__":
    main()
