"""The parts of SAM 2's oracle, and what judges followed objects."""

from __future__ import annotations

import numpy as np
import pytest

from samcheck.guest.models import sam2_holes, stories
from samcheck.guest.models.video import FrameAnswer
from samcheck.guest.oracle import sam2_layers
from samcheck.guest.oracle.following import VIDEO_TOLERANCES, VideoTolerance, video_deviation

LIMITS = VideoTolerance(1e-3, 1e-3)


def answer(frame: int = 0, logit: float = 1.0, present: float = 2.0) -> FrameAnswer:
    return FrameAnswer(frame, {1: np.full((4, 4), logit)}, {1: present})


def test_equal_answers_have_no_problem() -> None:
    assert not video_deviation([answer()], [answer()]).problems(LIMITS)


@pytest.mark.parametrize("wrong", [1.1, np.nan])
def test_wrong_logits_are_told_with_their_place(wrong: float) -> None:
    seen = video_deviation([answer(), answer(3, wrong)], [answer(), answer(3)])
    assert "logits are off" in seen.problems(LIMITS)
    assert "worst in frame 3 for object 1" in seen.problems(LIMITS)


@pytest.mark.parametrize("wrong", [2.1, np.nan])
def test_wrong_object_scores_are_told(wrong: float) -> None:
    assert "object scores are off" in video_deviation([answer(present=wrong)], [answer()]).problems(LIMITS)


def test_an_object_that_neither_looked_for_is_no_problem() -> None:
    unseen = answer(present=np.nan)
    assert not video_deviation([unseen], [unseen]).problems(LIMITS)


def test_answers_for_other_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="for frames and objects"):
        video_deviation([answer(1)], [answer(2)])


def test_every_precision_has_a_limit() -> None:
    from samcheck.guest.record import PRECISION_NAMES

    assert set(PRECISION_NAMES) < set(VIDEO_TOLERANCES)


@pytest.mark.parametrize("make", [sam2_layers.cubic, sam2_layers.smooth])
@pytest.mark.parametrize(("old", "new"), [(7, 32), (14, 256), (320, 128), (5, 5)])
def test_resampling_keeps_a_constant(make: object, old: int, new: int) -> None:
    assert callable(make)
    matrix = make(old, new)
    assert matrix.shape == (new, old)
    assert np.allclose(matrix.sum(1), 1)


def test_resampling_to_the_same_size_changes_nothing() -> None:
    assert np.allclose(sam2_layers.cubic(6, 6), np.eye(6))
    assert np.allclose(sam2_layers.smooth(6, 6), np.eye(6))


def test_bfloat16_rounds_ties_to_even() -> None:
    given = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -(1 + 2**-7), 1 + 2**-7 + 2**-20])
    assert sam2_layers.brain(given).tolist() == [1.0, 1.0, 1 + 2**-6, -(1 + 2**-7), 1 + 2**-7]


def test_rotation_keeps_lengths_and_the_first_token() -> None:
    tokens = np.random.default_rng(0).standard_normal((2 * 9, 8))
    turned = sam2_layers.rotated(tokens, 3)
    assert np.allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(tokens, axis=1))
    assert np.allclose(turned[[0, 9]], tokens[[0, 9]])
    assert not np.allclose(turned[1], tokens[1])


def test_small_holes_are_those_of_few_pixels() -> None:
    logits = sam2_holes.with_holes()
    small = sam2_layers.small_holes(logits > 0, 8)
    assert small.sum() == sum(size for size in sam2_holes.HOLES if size <= 8)
    assert not small[0, 0], "the background is no hole"


def test_parts_are_joined_over_corners() -> None:
    _, areas = sam2_holes.connected(np.eye(3, dtype=bool))
    assert areas.max() == 3


def test_every_story_asks_and_follows_in_the_video() -> None:
    seen = stories.footage()
    for name, story in stories.stories(seen).items():
        follows = [step for step in story if isinstance(step, stories.Follow)]
        assert follows, name
        assert all(0 <= frame < len(seen.frames) for step in follows for frame in step.frames()), name
