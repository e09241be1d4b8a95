"""Noise: against NumPy, its distribution, and three oracles for its gradient."""

import re

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, random

from bnstudy.manual import noise

SHAPE = (4, 3, 5, 6)


def numbers(*shape):
    draw = np.random.default_rng(7)
    uniform = draw.random((2, shape[-1]))
    return *map(tf.constant, uniform), tf.constant(draw.random(shape)), random(*shape, seed=8)


def test_forward_and_backward():
    s, m = noise.scale_and_shift(*numbers(*SHAPE))
    x, dy = random(*SHAPE, seed=1, shift=1), random(*SHAPE, seed=2)
    y, cache = noise.forward(x, s, m)
    np.testing.assert_allclose(y, s.numpy() * x.numpy() + m.numpy(), rtol=1e-14)
    by_hand = [noise.backward(dy, cache)]
    assert_gradients_match(
        lambda x: noise.forward(x, s, m)[0], [x], dy, by_hand, [dy.numpy() * s.numpy()]
    )


def test_the_noise_is_that_of_the_paper_in_numpy():
    u_mean, u_scale, u, z = (n.numpy() for n in numbers(*SHAPE))
    mu, sigma = u_mean - 0.5, 1 + 0.25 * u_scale
    s, m = noise.scale_and_shift(*numbers(*SHAPE))
    np.testing.assert_allclose(m, mu - 0.1 + 0.2 * u, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(s, sigma + 0.1 * z, rtol=1e-12)


def test_the_constants_are_those_of_the_paper():
    """At the ends of U(-0.5, 0.5), U(1, 1.25) and U(mu - 0.1, mu + 0.1), and one s off N(sigma)."""
    for least in (True, False):
        end, zero = [tf.constant([0.0 if least else 1.0], tf.float64)], tf.zeros([1], tf.float64)
        s, m = noise.scale_and_shift(*end, *end, *end, zero)
        assert (float(s[0]), float(m[0])) == pytest.approx((1, -0.6) if least else (1.25, 0.6))
    s, _ = noise.scale_and_shift(*(tf.ones([1], tf.float64),) * 4)
    assert float(s[0]) == pytest.approx(1.35)


def test_half_precision_is_computed_in_full():
    s, m = noise.scale_and_shift(*(tf.cast(n, tf.float32) for n in numbers(*SHAPE)))
    y, cache = noise.forward(tf.cast(random(*SHAPE), tf.bfloat16), s, m)
    assert (y.dtype, cache.dtype) == (tf.bfloat16, tf.float32)
    assert noise.backward(y, cache).dtype == tf.bfloat16


X, (S, M) = random(*SHAPE), noise.scale_and_shift(*numbers(*SHAPE))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noise.forward(X, S[1:], M[1:]), "s has shape [3, 3, 5, 6], must have"),
        (lambda: noise.forward(X, S, M[1:]), "m has shape [3, 3, 5, 6], must have"),
        (lambda: noise.forward(X, S, tf.cast(M, tf.float32)), "m is float32, must be float64"),
        (lambda: noise.backward(X[1:], S), "dy has shape [3, 3, 5, 6], must have"),
        (lambda: noise.scale_and_shift(X[0, 0, 0, 1:], X[0, 0, 0], X, X), "u_mean has shape [5]"),
        (lambda: noise.scale_and_shift(X[0, 0, 0], X[0, 0, 0], X, X[1:]), "z has shape [3, 3"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
