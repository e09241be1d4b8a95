"""Batch renormalization: three oracles, identities, its limits."""

import re

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, autodiff, random
from marks import all_but

from bnstudy.manual import batch_norm, renorm

SHAPE, EPSILON = (4, 3, 5, 6), 0.01  # N, H, W, C all different
GROUPS = {(0, 1, 2): (6,), (0,): (3, 5, 6), (0, 1, 3): (5,)}
LIMITS = {"clipped and not": (1.5, 0.4), "open": (1e9, 1e9), "closed": (1.0, 0.0)}


def data(axes):
    """Return x, gamma, beta, dy and the averages, far enough from x for some to be clipped."""
    group = GROUPS[axes]
    x = random(*SHAPE, seed=1, scale=2.5, shift=3)
    gamma, beta = random(*group, seed=2, shift=1.5), random(*group, seed=3, shift=-0.7)
    mean, stddev = random(*group, seed=5, scale=2, shift=3), 1 + 2 * random(*group, seed=6) ** 2
    return x, gamma, beta, random(*SHAPE, seed=4), (mean, stddev)


def corrections(x, averages, axes, limits):
    """Return mean, stddev, r and d in NumPy."""
    kept = [1 if axis in axes else size for axis, size in enumerate(SHAPE)]
    average_mean, average_stddev = (np.reshape(a, kept) for a in averages)
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    stddev, (r_max, d_max) = np.sqrt(variance + EPSILON), limits
    r = np.clip(stddev / average_stddev, 1 / r_max, r_max)
    d = np.clip((mean - average_mean) / average_stddev, -d_max, d_max)
    return mean, stddev, r, d


def by_steps(x, gamma, dy, axes, averages, limits):
    """Walk back through the forward pass, with the paper's equations for its gradients (NumPy)."""
    mean, stddev, r, d = corrections(x, averages, axes, limits)
    m = np.prod([SHAPE[axis] for axis in axes])
    x_tilde = (x - mean) / stddev * r + d
    dx_tilde = dy * gamma.reshape(mean.shape)
    dstddev = (dx_tilde * (x - mean) * -r / stddev**2).sum(axes, keepdims=True)
    dmean = (dx_tilde * -r / stddev).sum(axes, keepdims=True)
    dx = dx_tilde * r / stddev + dstddev * (x - mean) / (m * stddev) + dmean / m
    return [dx, (dy * x_tilde).sum(axes), dy.sum(axes)]


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("axes", all_but([(0, 1, 2)], GROUPS, one=True))
def test_forward_and_backward(axes, limits):
    x, gamma, beta, dy, averages = data(axes)
    y, cache = renorm.forward(x, gamma, beta, *averages, axes, EPSILON, *limits)
    mean, stddev, r, d = corrections(x.numpy(), averages, axes, limits)
    kept = mean.shape
    expected = np.reshape(gamma, kept) * ((x - mean) / stddev * r + d) + np.reshape(beta, kept)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    if limits == LIMITS["clipped and not"]:
        for value, low, high in ((r, 1 / limits[0], limits[0]), (d, -limits[1], limits[1])):
            free = (value > low) & (value < high)
            assert free.any()
            assert not free.all()

    def function(x, gamma, beta):
        """Renormalize with the r and d of this batch, whatever x becomes: they are constants."""
        normal, _ = batch_norm.forward(x, tf.ones_like(gamma), 0 * beta, axes, EPSILON)
        return tf.reshape(gamma, kept) * (r * normal + d) + tf.reshape(beta, kept)

    by_hand = renorm.backward(dy, cache)
    steps = by_steps(x.numpy(), gamma.numpy(), dy.numpy(), axes, averages, limits)
    assert_gradients_match(function, [x, gamma, beta], dy, by_hand, steps)
    automatic = autodiff(
        lambda *a: renorm.forward(*a, *averages, axes, EPSILON, *limits)[0], [x, gamma, beta], dy
    )
    for hand, auto in zip(by_hand, automatic, strict=True):
        np.testing.assert_allclose(hand, auto, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axes", GROUPS)
def test_with_closed_limits_it_is_batch_norm(axes):
    x, gamma, beta, dy, averages = data(axes)
    y, cache = renorm.forward(x, gamma, beta, *averages, axes, EPSILON, 1, 0)
    expected, plain = batch_norm.forward(x, gamma, beta, axes, EPSILON)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    for ours, theirs in zip(
        renorm.backward(dy, cache), batch_norm.backward(dy, plain), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)


def test_with_open_limits_an_image_does_not_depend_on_the_others():
    x, gamma, beta, _, averages = data((0, 1, 2))
    y, _ = renorm.forward(x, gamma, beta, *averages, (0, 1, 2), EPSILON, 1e9, 1e9)
    alone, _ = renorm.forward(x[:2], gamma, beta, *averages, (0, 1, 2), EPSILON, 1e9, 1e9)
    np.testing.assert_allclose(alone, y[:2], rtol=1e-11, atol=1e-12)
    mean, stddev = averages
    np.testing.assert_allclose(y, gamma * (x - mean) / stddev + beta, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("axes", GROUPS)
def test_identities(axes):
    """A shift of the group does nothing to y but through d, which is a constant."""
    x, gamma, beta, dy, averages = data(axes)
    _, cache = renorm.forward(x, gamma, beta, *averages, axes, EPSILON, 3, 5)
    np.testing.assert_allclose(tf.reduce_sum(renorm.backward(dy, cache)[0], axes), 0, atol=1e-11)
    dx, _, _ = renorm.backward(tf.ones(SHAPE, tf.float64), cache)
    np.testing.assert_allclose(dx, 0, atol=1e-12)


def test_an_average_of_zero_counts_as_the_root_of_epsilon():
    x, gamma, beta, _, (mean, stddev) = data((0, 1, 2))
    zero, _ = renorm.forward(x, gamma, beta, mean, 0 * stddev, (0, 1, 2), EPSILON, 1e9, 1e9)
    least = 0 * stddev + EPSILON**0.5
    y, _ = renorm.forward(x, gamma, beta, mean, least, (0, 1, 2), EPSILON, 1e9, 1e9)
    np.testing.assert_allclose(zero, y, rtol=1e-12)


def test_the_limits_open_from_5_to_20_percent_of_the_steps():
    steps = [0, 50, 125, 200, 201, 999]
    found = np.array([renorm.limits(step, 1000, 3.0, 5.0) for step in steps])
    np.testing.assert_allclose(found.T, [[1, 1, 2, 3, 3, 3], [0, 0, 2.5, 5, 5, 5]], rtol=1e-12)
    np.testing.assert_allclose(renorm.limits(0, 0, 3.0, 5.0), (3, 5))  # unknown: open
    traced = tf.function(lambda step: renorm.limits(step, 1000, 3.0, 5.0))
    np.testing.assert_allclose(traced(tf.constant(125, tf.int64)), (2, 2.5), rtol=1e-12)


def test_the_variance_for_inference_is_not_negative():
    stddev = tf.constant([0.0, 0.05, 2.0], tf.float64)
    np.testing.assert_allclose(renorm.variance_of(stddev, EPSILON), [0, 0, 4 - EPSILON])


def test_half_precision_is_computed_in_full():
    x, gamma, beta, dy, averages = data((0, 1, 2))
    low = [tf.cast(value, tf.float32) for value in (gamma, beta, *averages)]
    y, cache = renorm.forward(tf.cast(x, tf.bfloat16), *low, (0, 1, 2), EPSILON, 3, 5)
    dx, dgamma, _ = renorm.backward(tf.cast(dy, tf.bfloat16), cache)
    assert (y.dtype, dx.dtype, dgamma.dtype) == (tf.bfloat16, tf.bfloat16, tf.float32)
    rounded = tf.cast(tf.cast(x, tf.bfloat16), tf.float64)
    expected, _ = renorm.forward(rounded, gamma, beta, *averages, (0, 1, 2), EPSILON, 3, 5)
    np.testing.assert_allclose(tf.cast(y, tf.float64), expected, rtol=5e-3, atol=1e-4)


X, GAMMA, BETA, DY, AVERAGES = data((0, 1, 2))


def forward(
    x=X, gamma=GAMMA, mean=AVERAGES[0], stddev=AVERAGES[1], axes=(0, 1, 2), r_max=3, d_max=5
):
    return renorm.forward(x, gamma, BETA, mean, stddev, axes, EPSILON, r_max, d_max)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: forward(r_max=0.5), "r_max must be a number >= 1, not 0.5"),
        (lambda: forward(d_max=-1), "d_max must be a number >= 0, not -1"),
        (lambda: forward(r_max=tf.ones([2])), "r_max must be a number >= 1, not"),
        (lambda: forward(stddev=-AVERAGES[1]), "renorm_stddev must be >= 0, not -"),
        (lambda: forward(mean=AVERAGES[0][1:]), "renorm_mean has shape [5], must have [6]"),
        (lambda: forward(gamma=GAMMA[1:]), "gamma has shape [5], must have [6]"),
        (lambda: forward(x=X[:0]), "x is empty: it has shape [0, 3, 5, 6]"),
        (lambda: forward(axes=(4,)), "axes contains 4, but x, of shape [4, 3, 5, 6]"),
        (lambda: renorm.backward(DY, "cache"), "cache must come from the forward pass of renorm"),
        (lambda: renorm.backward(DY[1:], forward()[1]), "dy has shape [3, 3, 5, 6], must have"),
        (lambda: renorm.limits(-1, 10, 3, 5), "step must be >= 0, not -1"),
        (lambda: renorm.limits(0, 1.5, 3, 5), "steps must be an integer >= 0, not 1.5"),
        (lambda: renorm.limits(0, 10, 0, 5), "r_max must be a number >= 1, not 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
