"""Distances between statistics, and what explains them, on statistics whose cause is known."""

import numpy as np
import pytest

from bnstudy.doctor.distances import distance, inverse_batch_size, start_left
from bnstudy.doctor.moments import Moments, Seen

EPSILON = 1e-3


def data(channels=40, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 2, channels), random.uniform(0.1, 3, channels)


def test_a_distance_is_in_standard_deviations_and_powers_of_two():
    mean, variance = np.array([0.0, 10.0]), np.array([4.0, 9.0])
    moved = mean + 0.5 * np.sqrt(variance + EPSILON), 4 * (variance + EPSILON) - EPSILON
    far = distance(moved, (mean, variance), EPSILON)
    assert far.shift == pytest.approx(0.5)
    assert far.scale == pytest.approx(1.0)
    assert far.larger == far.scale


def test_a_constant_channel_is_not_far_from_itself():
    zero = np.zeros(3)
    assert distance((zero, zero), (zero, zero), EPSILON).larger == 0


@pytest.mark.filterwarnings("error")
def test_statistics_that_are_no_numbers_have_no_distance_and_make_no_noise():
    mean, variance = data()
    start = np.zeros_like(mean), np.ones_like(mean)
    for bad in (np.nan, np.inf, -np.inf):
        wrong = np.where(np.arange(40) == 1, bad, mean), np.where(np.arange(40) == 2, -9, variance)
        assert not np.isfinite(distance(wrong, (mean, variance), EPSILON).larger)
        assert not start_left(wrong, (mean, variance), start, EPSILON).explained > 0


@pytest.mark.parametrize(("momentum", "steps"), [(0.99, 264), (0.9, 4), (0.999, 1000)])
def test_the_start_values_that_are_left_are_those_of_the_moving_average(momentum, steps):
    mean, variance = data()
    start = np.zeros_like(mean), np.ones_like(mean)
    moving = start
    for _ in range(steps):
        pairs = zip(moving, (mean, variance), strict=True)
        moving = tuple(momentum * old + (1 - momentum) * new for old, new in pairs)
    left = start_left(moving, (mean, variance), start, EPSILON)
    assert left.value == pytest.approx(momentum**steps, rel=0.02)
    assert left.explained > 0.99


def test_noise_is_not_explained_by_the_start_values():
    mean, variance = data()
    noise = np.random.default_rng(5).normal(0, 0.3, mean.shape)
    start = np.zeros_like(mean), np.ones_like(mean)
    moved = mean + noise * np.sqrt(variance), variance * np.exp(noise[::-1])
    assert start_left(moved, (mean, variance), start, EPSILON).explained < 0.3


@pytest.mark.parametrize("size", [1, 2, 8])
def test_the_moving_variance_tells_the_size_of_the_batches(size):
    """Values of images with means of their own, in batches as in training."""
    random = np.random.default_rng(3)
    scale = random.uniform(0.5, 2, 20)
    x = scale * (random.normal(size=(4000, 1, 20)) + random.normal(size=(4000, 3, 20)))
    batches = x.reshape(-1, size * 3, 20)
    moving = batches.mean(axis=(0, 1)), batches.var(axis=1).mean(axis=0)
    flat, images = x.reshape(-1, 20), x.mean(axis=1)
    seen = Seen(
        Moments(len(flat), flat.mean(axis=0), flat.var(axis=0)),
        Moments(len(images), images.mean(axis=0), images.var(axis=0)),
    )
    inverse = inverse_batch_size(moving, seen, EPSILON)
    assert inverse.value == pytest.approx(1 / size, rel=0.03)
    assert inverse.explained > 0.9


def test_statistics_that_are_right_need_no_explanation():
    mean, variance = data()
    start = np.zeros_like(mean), np.ones_like(mean)
    assert start_left((mean, variance), (mean, variance), start, EPSILON) == (0, 0)
