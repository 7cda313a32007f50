"""The oracle's own arithmetic, and its files on disk."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.guest.models.inference import Prediction
from samcheck.guest.oracle import TOLERANCES, layers, sam, store, tolerances
from samcheck.guest.record import PRECISION_NAMES


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=50))
def test_erf_is_exact_to_rounding(values: list[float]) -> None:
    expected = [math.erf(value) for value in values]
    assert np.abs(layers.erf(np.array(values)) - expected).max() < 1e-13


def test_erf_of_the_largest_numbers() -> None:
    assert layers.erf(np.array([-1e300, -np.inf, np.inf, 0.0])).tolist() == [-1.0, -1.0, 1.0, 0.0]


@given(st.integers(1, 40), st.integers(1, 90))
def test_resampling_keeps_constants_and_averages_neighbours(old: int, new: int) -> None:
    matrix = layers.resampling(old, new)
    assert np.allclose(matrix.sum(1), 1)
    assert (matrix >= 0).all()
    assert np.allclose(layers.resampling(old, old), np.eye(old))


def test_resampling_to_twice_the_size_interpolates() -> None:
    assert (layers.resampling(2, 4) @ [0.0, 4.0]).tolist() == [0.0, 1.0, 3.0, 4.0]


def test_patches_are_ordered_as_kernels_are() -> None:
    image = np.arange(2 * 4 * 3).reshape(2, 4, 3)
    cut = layers.patches(image, 2)
    assert cut.shape == (1, 2, 12)
    # (channel, row, column) of the second patch
    assert cut[0, 1].tolist() == [
        image[row, 2 + column, c] for c in range(3) for row in (0, 1) for column in (0, 1)
    ]


@pytest.mark.parametrize(
    ("size", "expected"), [((480, 640), (768, 1024)), ((1, 3), (341, 1024)), ((1000, 999), (1024, 1023))]
)
def test_resized_shape_rounds_half_up(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert sam.resized_shape(size, 1024) == expected


def prediction(logits: np.ndarray, scores: list[float]) -> Prediction:
    return Prediction(logits, logits, np.array(scores))


TRUTH = prediction(np.where(np.arange(192).reshape(3, 8, 8) % 8 < 4, -5.0, 5.0), [0.5, 0.9, 0.7])


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (prediction(TRUTH.logits, [0.5, 0.9, 0.7]), ""),
        (prediction(TRUTH.logits * 1.01, [0.5, 0.9, 0.7]), "logits are off"),
        (prediction(TRUTH.logits * np.nan, [0.5, 0.9, 0.7]), "logits are off by nan"),
        (prediction(TRUTH.logits, [0.5, 0.7, 0.9]), "another mask has the highest score"),
        (prediction(TRUTH.logits, [0.5, 0.9, 0.6]), "scores are off"),
        (prediction(-TRUTH.logits, [0.5, 0.9, 0.7]), "masks disagree by 1"),
        (prediction(TRUTH.logits[::-1].swapaxes(1, 2), [0.5, 0.9, 0.7]), "masks disagree"),
    ],
)
def test_each_kind_of_deviation_is_told(predicted: Prediction, problem: str) -> None:
    tolerance = TOLERANCES["fp32"]
    text = tolerances.deviation(predicted, TRUTH, tolerance).problems(tolerance)
    assert problem in text if problem else not text


def test_every_precision_has_a_tolerance() -> None:
    assert tuple(TOLERANCES) == PRECISION_NAMES


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(store.CACHE_VARIABLE, str(tmp_path / "cache"))
    store.folder.cache_clear()
    yield tmp_path / "cache"
    store.folder.cache_clear()


def test_features_are_computed_once(cache: Path) -> None:
    pixels, calls = np.zeros((2, 2, 3), np.uint8), []

    def compute() -> np.ndarray:
        calls.append(1)
        return np.ones((1, 2))

    assert store.features("a", pixels, compute).tolist() == [[1, 1]]
    assert store.features("a", pixels, compute).tolist() == [[1, 1]]
    assert len(calls) == 1
    store.features("b", pixels, compute)
    store.features("a", pixels + 1, compute)
    store.features("a", pixels.reshape(4, 1, 3), compute)
    assert len(calls) == 4


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_file_is_computed_again(cache: Path, damage: str) -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    store.features("a", pixels, lambda: np.arange(100.0))
    (path,) = cache.glob("*.npz")
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    damaged = {"truncated": data[:300], "flipped": data, "empty": bytearray(), "text": bytearray(b"<html>")}
    path.write_bytes(damaged[damage])
    assert store.features("a", pixels, lambda: np.arange(100.0) + 1)[0] == 1.0


def test_only_the_newest_files_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 2)
    for index in range(4):
        store.features(str(index), np.zeros((1, 1, 3), np.uint8), lambda: np.ones(1))
        for path in cache.glob("*.npz"):
            stat = path.stat()
            os.utime(path, (stat.st_atime - 10, stat.st_mtime - 10))
    assert len(list(cache.iterdir())) == 2
