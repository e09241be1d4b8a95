"""ELU against its definition and its derivatives, on both sides of zero."""

import numpy as np
import tensorflow as tf
from helpers import assert_gradients_match, random

from bnstudy.manual import elu


def test_forward_and_backward():
    x, dy = random(5, 4, 3, seed=1, scale=2), random(5, 4, 3, seed=2)
    y, cache = elu.forward(x)
    at = x.numpy()
    np.testing.assert_allclose(y, np.where(at > 0, at, np.expm1(at)), rtol=1e-12)
    slope = np.where(at > 0, 1.0, np.exp(at))
    by_hand = elu.backward(dy, cache)
    assert_gradients_match(lambda x: elu.forward(x)[0], [x], dy, [by_hand], [dy * slope])


def test_the_slope_is_one_for_positive_inputs():
    """The posted code had 2."""
    _, cache = elu.forward(tf.constant([0.3, 2.0, 50.0], tf.float64))
    np.testing.assert_array_equal(elu.backward(tf.ones(3, tf.float64), cache), [1, 1, 1])


def test_the_slope_is_continuous_at_zero_and_vanishes_far_below():
    _, cache = elu.forward(tf.constant([-1e-12, 0.0, 1e-12, -50.0], tf.float64))
    slope = elu.backward(tf.ones(4, tf.float64), cache)
    np.testing.assert_allclose(slope, [1, 1, 1, 0], atol=1e-11)


def test_bfloat16_is_computed_in_float32():
    """In bfloat16 exp(x) has steps of 1/256 below 1: less 1, little is left of a small x."""
    x = tf.cast(-np.geomspace(1e-4, 4, 60), tf.bfloat16)
    y, cache = elu.forward(x)
    exact_y = np.expm1(tf.cast(x, tf.float64))
    np.testing.assert_allclose(tf.cast(y, tf.float64), exact_y, rtol=1.2 * 2.0**-8)
    dy = tf.cast(random(60, seed=1), tf.bfloat16)
    exact_dx = tf.cast(dy, tf.float64) * (tf.cast(cache, tf.float64) + 1)
    dx = tf.cast(elu.backward(dy, cache), tf.float64)
    np.testing.assert_allclose(dx, exact_dx, rtol=1.01 * 2.0**-8)
