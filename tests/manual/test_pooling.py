"""Pooling against loops over blocks and its derivatives."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, random

from bnstudy.manual import pooling


@pytest.mark.parametrize(("size", "height", "width"), [(1, 4, 6), (2, 4, 6), (3, 6, 9)])
def test_average_pooling(size, height, width):
    x = random(2, height, width, 5, seed=1)
    y, cache = pooling.average_forward(x, size)
    dy = random(*y.shape, seed=2)
    expected, steps = np.zeros(y.shape), np.zeros(x.shape)
    for i, j in np.ndindex(*y.shape[1:3]):
        block = np.s_[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
        expected[:, i, j] = x.numpy()[block].mean((1, 2))
        steps[block] = dy.numpy()[:, i, j][:, None, None] / size**2
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    by_hand = pooling.average_backward(dy, cache)

    def function(x):
        return pooling.average_forward(x, size)[0]

    assert_gradients_match(function, [x], dy, [by_hand], [steps])


def test_bfloat16_is_averaged_in_float32():
    """Rounded once, not after every addition."""
    x = tf.cast(random(5, 8, 8, 7, shift=3), tf.bfloat16)
    y, _ = pooling.average_forward(x)
    exact, _ = pooling.average_forward(tf.cast(x, tf.float64))
    np.testing.assert_allclose(tf.cast(y, tf.float64), exact, rtol=1.01 * 2.0**-8)


def test_global_average_pooling():
    x, dy = random(3, 4, 6, 5, seed=1), random(3, 5, seed=2)
    y, cache = pooling.global_average_forward(x)
    np.testing.assert_allclose(y, x.numpy().mean((1, 2)), rtol=1e-12, atol=1e-14)
    steps = np.broadcast_to(dy.numpy()[:, None, None, :] / 24, x.shape)
    by_hand = pooling.global_average_backward(dy, cache)

    def function(x):
        return pooling.global_average_forward(x)[0]

    assert_gradients_match(function, [x], dy, [by_hand], [steps])


def test_blocks_must_fill_the_image():
    with pytest.raises(ValueError, match="2 x 2 do not fill 4 x 5"):
        pooling.average_forward(random(1, 4, 5, 1))


def test_runs_in_a_graph_with_any_number_of_images():
    @tf.function(input_signature=[tf.TensorSpec([None, 4, 6, 5], tf.float64)])
    def both(x):
        y, cache = pooling.average_forward(x)
        z, shape = pooling.global_average_forward(y)
        dy = pooling.global_average_backward(z, shape)
        return pooling.average_backward(tf.ensure_shape(dy, y.shape), cache)

    assert both(random(7, 4, 6, 5)).shape == (7, 4, 6, 5)
