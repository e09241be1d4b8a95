"""Convolution against a loop over every pixel, automatic and numeric derivatives."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, random
from marks import all_but

from bnstudy.manual import conv2d

# All of N, H, W, C, A, B, O differ.
N, H, W, C, A, B, O = 2, 7, 6, 3, 4, 5, 8  # noqa: E741
STRIDES = [1, 2, 3, (2, 1), (1, 3)]
PADDINGS = ["SAME", "VALID", ((1, 2), (0, 3)), ((0, 0), (4, 1))]


def margins(size, kernel, stride, padding):
    """Rows of zeros (before, after) and the number of outputs."""
    if padding == "SAME":
        outputs = -(-size // stride)
        total = max((outputs - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2, outputs
    before, after = (0, 0) if padding == "VALID" else padding
    return before, after, (size + before + after - kernel) // stride + 1


def by_steps(x, w, dy, stride, padding):
    """Return y, dx and dw by equations (1) to (3), one output pixel at a time."""
    down, right = (stride, stride) if isinstance(stride, int) else stride
    per_axis = (padding, padding) if isinstance(padding, str) else padding
    top, bottom, rows = margins(x.shape[1], w.shape[0], down, per_axis[0])
    left, margin, columns = margins(x.shape[2], w.shape[1], right, per_axis[1])
    padded = np.pad(x, [(0, 0), (top, bottom), (left, margin), (0, 0)])
    y = np.zeros([len(x), rows, columns, w.shape[3]])
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for n, i, j in np.ndindex(y.shape[:3]):
        window = np.s_[n, i * down : i * down + w.shape[0], j * right : j * right + w.shape[1]]
        y[n, i, j] = np.einsum("abc,abco->o", padded[window], w)  # (1)
        if dy is not None:
            dw += np.einsum("abc,o->abco", padded[window], dy[n, i, j])  # (2)
            dpadded[window] += np.einsum("o,abco->abc", dy[n, i, j], w)  # (3)
    dx = dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]
    return y, dx, dw


QUICK = [(1, "SAME"), (2, "VALID"), (3, ((0, 0), (4, 1))), ((2, 1), ((1, 2), (0, 3)))]
QUICK += [((1, 3), "SAME")]  # every stride, every padding


@pytest.mark.parametrize(
    ("stride", "padding"), all_but(QUICK, itertools.product(STRIDES, PADDINGS))
)
def test_forward_and_backward(stride, padding):
    x, w = random(N, H, W, C, seed=1), random(A, B, C, O, seed=2)
    y, cache = conv2d.forward(x, w, stride, padding)
    dy = random(*y.shape, seed=3)
    expected_y, *steps = by_steps(x.numpy(), w.numpy(), dy.numpy(), stride, padding)
    np.testing.assert_allclose(y, expected_y, rtol=1e-12, atol=1e-12)

    def function(x, w):
        return conv2d.forward(x, w, stride, padding)[0]

    assert_gradients_match(function, [x, w], dy, conv2d.backward(dy, cache), steps)


def test_a_one_by_one_convolution_is_a_matrix_product():
    x, w = random(N, H, W, C, seed=1), random(1, 1, C, O, seed=2)
    y, cache = conv2d.forward(x, w)
    np.testing.assert_allclose(y, x @ w[0, 0], rtol=1e-12)
    dy = random(*y.shape, seed=3)
    dx, dw = conv2d.backward(dy, cache)
    np.testing.assert_allclose(dx, dy @ tf.transpose(w[0, 0]), rtol=1e-10)
    flat_x, flat_dy = tf.reshape(x, [-1, C]), tf.reshape(dy, [-1, O])
    np.testing.assert_allclose(dw[0, 0], tf.transpose(flat_x) @ flat_dy, rtol=1e-10)


def test_backward_is_the_adjoint_of_forward():
    """<conv(x, w), dy> = <x, dx> = <w, dw>, since convolution is linear in each."""
    x, w = random(N, H, W, C, seed=1), random(A, B, C, O, seed=2)
    y, cache = conv2d.forward(x, w, 2, "SAME")
    dy = random(*y.shape, seed=3)
    dx, dw = conv2d.backward(dy, cache)
    inner = tf.reduce_sum(y * dy)
    np.testing.assert_allclose(tf.reduce_sum(x * dx), inner, rtol=1e-12)
    np.testing.assert_allclose(tf.reduce_sum(w * dw), inner, rtol=1e-12)


def test_runs_in_a_graph_with_any_number_of_images():
    @tf.function(input_signature=[tf.TensorSpec([None, H, W, C], tf.float64)])
    def both(x):
        y, cache = conv2d.forward(x, random(A, B, C, O), 2, ((1, 2), (0, 3)))
        return conv2d.backward(y, cache)

    for count in (1, 5):
        dx, dw = both(random(count, H, W, C))
        assert dx.shape == (count, H, W, C)
        assert dw.shape == (A, B, C, O)


def test_numpy_strides_and_images_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec([None] * 4, tf.float64)] * 2)
    def both(x, w):
        y, cache = conv2d.forward(x, w, tuple(np.array([2, 1])), ((1, 2), (0, 3)))
        return conv2d.backward(y, cache)

    x, w = random(N, H, W, C), random(A, B, C, O)
    y, cache = conv2d.forward(x, w, (2, 1), ((1, 2), (0, 3)))
    for one, other in zip(both(x, w), conv2d.backward(y, cache), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_graph_returns_a_cache_that_backward_takes():
    x, w = random(N, H, W, C, seed=1), random(A, B, C, O, seed=2)
    for arguments in [(2, "SAME"), ((1, 2), "VALID"), (1, ((1, 2), (0, 3)))]:
        y, cache = tf.function(conv2d.forward)(x, w, *arguments)
        _, eager = conv2d.forward(x, w, *arguments)
        for one, other in zip(conv2d.backward(y, cache), conv2d.backward(y, eager), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (5, 2)])
def test_a_kernel_may_be_larger_than_an_image_that_is_padded(kernel):
    x, w = random(3, 2, 1, 4, seed=1), random(*kernel, 4, 5, seed=2)
    for padding in ("SAME", ((3, 0), (2, 1))):
        y, cache = conv2d.forward(x, w, 1, padding)
        dy = random(*y.shape, seed=3)
        expected = by_steps(x.numpy(), w.numpy(), dy.numpy(), 1, padding)
        for one, other in zip((y, *conv2d.backward(dy, cache)), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("stride", [1, 3])
def test_no_images_give_no_y_and_a_dw_of_zero(stride):
    x, w = tf.zeros([0, H, W, C], tf.float64), random(A, B, C, O)
    y, cache = conv2d.forward(x, w, stride)
    dx, dw = conv2d.backward(y, cache)
    assert (y.shape[0], dx.shape) == (0, x.shape)
    np.testing.assert_array_equal(dw, tf.zeros_like(w))


def test_no_images_give_the_plain_convolution_a_dw_of_zero():
    x, w = tf.zeros([0, H, W, C], tf.float64), random(A, B, C, O)
    y, cache = conv2d.plain_forward(x, w)
    dx, dw = conv2d.plain_backward(y, cache)
    assert (y.shape, dx.shape) == ((0, H, W, O), x.shape)
    np.testing.assert_array_equal(dw, tf.zeros_like(w))


@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3), (5, 5), (2, 3), (5, 1), (1, 4)])
def test_the_plain_convolution_equals_the_fast_one(kernel):
    x, w = random(N, H, W, C, seed=1), random(*kernel, C, O, seed=2)
    y, cache = conv2d.plain_forward(x, w)
    dy = random(N, H, W, O, seed=3)
    fast_y, fast_cache = conv2d.forward(x, w)
    np.testing.assert_allclose(y, fast_y, rtol=1e-11, atol=1e-13)
    plain, fast = conv2d.plain_backward(dy, cache), conv2d.backward(dy, fast_cache)
    for one, other in zip(plain, fast, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


def test_the_plain_convolution_runs_in_a_graph_on_images_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, C], tf.float64)])
    def both(x):
        y, cache = conv2d.plain_forward(x, random(A, B, C, O))
        return conv2d.plain_backward(y, cache), cache

    x, w = random(N, H, W, C), random(A, B, C, O)
    y, cache = conv2d.forward(x, w)
    gradients, plain_cache = both(x)
    for found in (gradients, conv2d.plain_backward(y, plain_cache)):
        for one, other in zip(found, conv2d.backward(y, cache), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
