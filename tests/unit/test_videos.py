"""Drawn clips, and J and F of masks in them."""

import numpy as np
import pytest

from samcheck.guest.models import videos
from samcheck.guest.oracle.video_quality import boundary_accuracy, mean_quality, region_similarity


def square(top: int, left: int, side: int = 40) -> np.ndarray:
    mask = np.zeros((100, 100), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_clip_is_the_same_every_time() -> None:
    one, again, other = (videos.draw(seed, 64, 80) for seed in (3, 3, 4))
    assert np.array_equal(one.frames, again.frames)
    assert np.array_equal(one.masks, again.masks)
    assert one.frames.shape == (8, 64, 80, 3)
    assert one.masks.shape[1:] == (8, 64, 80)
    assert not np.array_equal(one.frames, other.frames)


def test_shapes_of_a_frame_do_not_overlap_and_are_visible_at_first() -> None:
    for seed in range(10):
        clip = videos.draw(seed, 64, 80)
        assert clip.masks.sum(axis=0).max() == 1
        assert clip.masks[:, 0].any(axis=(1, 2)).all()
        for index, mask in enumerate(clip.masks[:, 0]):
            x, y = clip.first(index).point
            assert mask[y, x]


def test_shapes_move_and_some_are_lost_from_sight() -> None:
    clips = [videos.draw(seed, 64, 80) for seed in range(10)]
    overlaps = [region_similarity(mask[0], mask[-1]) for clip in clips for mask in clip.masks]
    seen = np.concatenate([clip.masks.any(axis=(2, 3)).ravel() for clip in clips])
    assert np.mean(overlaps) < 0.5
    assert 0.01 < 1 - seen.mean() < 0.2


def test_surface_moves_with_its_shape() -> None:
    """Two frames differ less along the motion than in place."""
    clip = videos.draw(5, 128, 128, count=1)
    place = [np.argwhere(mask).mean(axis=0) for mask in clip.masks[0]]
    moved = np.rint(place[1] - place[0]).astype(int)
    assert np.abs(moved).max() > 0
    both = np.roll(clip.masks[0, 0], moved, axis=(0, 1)) & clip.masks[0, 0] & clip.masks[0, 1]
    first, second = clip.frames[0].astype(float), clip.frames[1].astype(float)
    assert both.any()
    along = np.abs(np.roll(first, moved, axis=(0, 1)) - second)[both].mean()
    assert along < np.abs(first - second)[both].mean()


def test_region_similarity() -> None:
    assert region_similarity(square(10, 10), square(10, 10)) == 1
    assert region_similarity(square(10, 10), square(10, 30)) == pytest.approx(20 / 60)
    assert region_similarity(square(10, 10), square(60, 60, 5)) == 0
    nothing = np.zeros((100, 100), dtype=bool)
    assert region_similarity(nothing, nothing) == 1
    assert region_similarity(square(10, 10), nothing) == 0


def test_boundary_accuracy() -> None:
    """Outlines match within 0.8 % of the diagonal: 2 pixels here."""
    nothing = np.zeros((100, 100), dtype=bool)
    assert boundary_accuracy(square(10, 10), square(12, 10)) == 1
    assert 0 < boundary_accuracy(square(10, 10), square(13, 10)) < 1
    assert boundary_accuracy(square(10, 10), square(70, 70, 20)) == 0
    assert boundary_accuracy(nothing, nothing) == 1
    assert boundary_accuracy(nothing, square(10, 10)) == 0
    assert boundary_accuracy(square(10, 10), nothing) == 0


def test_first_frame_does_not_count() -> None:
    truth = np.stack([square(10, 10), square(10, 20), square(10, 30)])[None]
    found = truth.copy()
    found[0, 0] = False
    assert mean_quality(found, truth) == (1, 1)
    found[0, 2] = False
    assert mean_quality(found, truth) == (0.5, 0.5)
