from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from samcheck.guest import pictures
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.report import page_data


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")


def made(height: int = 240, width: int = 320) -> dict[str, str]:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    expected, actual = np.zeros((2, height, width), bool)
    expected[:, : width // 2] = True
    actual[:, width // 4 : width * 3 // 4] = True
    return pictures.of_masks(image, expected, actual)


def test_difference_tells_what_is_lacking_from_what_is_too_much() -> None:
    difference = opened(made()["difference"])
    width, height = difference.size
    row = [difference.getpixel((width * n // 8, height // 2)) for n in (1, 3, 5, 7)]
    assert row == [pictures.ONLY_EXPECTED, (128, 128, 128), pictures.ONLY_ACTUAL, (0, 0, 0)]


@pytest.mark.parametrize(("height", "width"), [(240, 320), (1, 1), (13, 4000)])
def test_pictures_are_small(height: int, width: int) -> None:
    small = made(height, width)
    assert list(small) == list(page_data.PICTURES)
    assert all(max(opened(picture).size) <= pictures.SIDE for picture in small.values())
    assert sum(map(len, small.values())) < 20 * 1024


HELD = CheckResult("test_a.py::test_b", "a", CheckOutcome.FAILED, pictures=made())


def test_page_takes_what_the_guest_makes() -> None:
    assert page_data.pictures(HELD) == HELD.pictures


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+",  # SVG, which could hold a script
        HELD.pictures["input"] + '" onerror="alert(1)',
        HELD.pictures["input"] + "A" * page_data.LARGEST_PICTURE,
    ],
)
def test_page_takes_nothing_else(text: str) -> None:
    assert page_data.pictures(replace(HELD, pictures={"input": text, "other": HELD.pictures["input"]})) == {}
