"""Pooling against loops over blocks and its derivatives."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, random
from marks import thorough

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


@pytest.mark.parametrize("unknown", [(0,), (1, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("size", [*thorough(1), 2, *thorough(3)])
def test_sizes_may_be_unknown_while_a_graph_is_traced(unknown, size):
    shape = (7, 6, 12, 5)
    sizes = [None if axis in unknown else length for axis, length in enumerate(shape)]

    @tf.function(input_signature=[tf.TensorSpec(sizes, tf.float64)], autograph=False)
    def both(x):
        y, cache = pooling.average_forward(x, size)
        z, full = pooling.global_average_forward(y)
        dy = pooling.global_average_backward(z, full)
        return (y, z, dy, pooling.average_backward(dy, cache)), (cache, full)

    x = random(*shape)
    results, (cache, full) = both(x)
    expected, _ = both.python_function(x)
    again = pooling.global_average_backward(results[1], full)
    for one, other in zip(
        (*results, again, pooling.average_backward(again, cache)),
        (*expected, *expected[2:]),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_blocks_that_do_not_fill_an_image_of_unknown_size_are_refused_when_the_graph_runs():
    """Four images of 3 x 3 have as many pixels as nine blocks of 2 x 2."""

    @tf.function(input_signature=[tf.TensorSpec([None] * 4, tf.float64)])
    def pool(x):
        return pooling.average_forward(x)[0]

    with pytest.raises(tf.errors.InvalidArgumentError):
        pool(random(4, 3, 3, 5))


def test_no_images_give_no_y_and_no_dx():
    y, cache = pooling.average_forward(tf.zeros([0, 4, 6, 5]))
    assert (y.shape, pooling.average_backward(y, cache).shape) == ((0, 2, 3, 5), (0, 4, 6, 5))
    z, shape = pooling.global_average_forward(tf.zeros([0, 4, 6, 5]))
    assert (z.shape, pooling.global_average_backward(z, shape).shape) == ((0, 5), (0, 4, 6, 5))


def test_global_averages_of_bfloat16_are_taken_in_float32():
    x = tf.cast(100 + random(3, 15, 17, 10), tf.bfloat16)  # 255 pixels, each of some hundred
    y, cache = pooling.global_average_forward(x)
    exact = tf.cast(x, tf.float64).numpy().mean((1, 2))
    np.testing.assert_allclose(tf.cast(y, tf.float64), exact, rtol=1.01 * 2.0**-8)
    dx = pooling.global_average_backward(y, cache)
    share = tf.cast(y, tf.float64)[:, None, None] / 255
    assert (y.dtype, dx.dtype) == (tf.bfloat16, tf.bfloat16)
    np.testing.assert_allclose(tf.cast(dx, tf.float64)[:, :1, :1], share, rtol=1.01 * 2.0**-8)
