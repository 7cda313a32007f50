"""Photographs that other packages install, and objects in them whose outlines are beyond dispute.

Nothing is downloaded, and no picture is part of samcheck.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np

from .scenes import SceneShape


@dataclass(frozen=True)
class Photograph:
    """A picture file inside an installed package.

    Attributes:
        package: that installs it, and `module`, its module.
        file: below the module's folder.
        licence: of the picture, and where that is said.
    """

    package: str
    module: str
    file: str
    licence: str

    def path(self) -> Optional[Path]:
        """Return its path, None if the package is not installed or does not have it; nothing is imported."""
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            return None
        path = Path(spec.origin).parent / self.file
        return path if path.is_file() else None

    def missing(self) -> str:
        """Return why there is no such picture here; empty if there is."""
        if self.path() is not None:
            return ""
        return "{} is part of {}, which is not installed here or lacks it".format(self.file, self.package)

    def image(self) -> np.ndarray:
        """Read it as RGB, uint8 (H, W, 3)."""
        from PIL import Image

        return np.array(Image.open(str(self.path())).convert("RGB"))


COINS = Photograph(
    "scikit-image",
    "skimage",
    "data/coins.png",
    "no known copyright restrictions: Brooklyn Museum Collection (skimage.data.coins)",
)
FLOWER = Photograph(
    "scikit-learn",
    "sklearn",
    "datasets/images/flower.jpg",
    "CC BY 2.0, vultilion (sklearn/datasets/images/README.txt)",
)

#: The coins whose outline is an ellipse to within a pixel or two: its box (x0, y0, x1, y1), seen at three
#: times the size. The others are worn, or lie on their own shadow.
ROUND_COINS: Tuple[Tuple[int, int, int, int], ...] = (
    (305, 15, 365, 72),
    (132, 30, 179, 74),
    (192, 31, 240, 73),
    (81, 39, 121, 74),
    (314, 156, 381, 217),
    (188, 170, 238, 217),
    (18, 233, 76, 288),
    (143, 236, 202, 288),
    (334, 247, 382, 289),
)


def coins(image: np.ndarray) -> List[SceneShape]:
    """Return the round coins of `COINS`."""
    rows, columns = np.ogrid[0 : image.shape[0], 0 : image.shape[1]]
    found = []
    for left, top, right, bottom in ROUND_COINS:
        x, y = (left + right) / 2, (top + bottom) / 2
        across, along = (columns + 0.5 - x) / ((right - left) / 2), (rows + 0.5 - y) / ((bottom - top) / 2)
        found.append(SceneShape(across**2 + along**2 <= 1, (int(x), int(y)), (left, top, right, bottom)))
    return found


def flower(image: np.ndarray) -> List[SceneShape]:
    """Return the dahlia of `FLOWER`: what is orange in front of blue and green, above the second one."""
    red, green, blue = (image[..., channel].astype(int) for channel in range(3))
    mask = (red > blue + 30) & (red > 90) & (red > green)
    window = np.zeros_like(mask)
    window[80:366, 160:456] = True
    mask &= window
    rows, columns = np.nonzero(mask.sum(axis=1) > 20)[0], np.nonzero(mask.sum(axis=0) > 20)[0]
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return [SceneShape(mask, (310, 220), box)]
