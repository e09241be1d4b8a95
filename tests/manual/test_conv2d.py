"""Convolution against a loop over every pixel, automatic and numeric derivatives."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, random

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


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", STRIDES)
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


def test_wrong_input_is_refused():
    # TensorFlow itself takes 2 C channels without a word, for a grouped convolution.
    with pytest.raises(ValueError, match="x has 6 channels"):
        conv2d.forward(random(N, H, W, 6), random(A, B, C, O))
    with pytest.raises(ValueError, match="SAME"):
        conv2d.forward(random(N, H, W, C), random(A, B, C, O), padding="same")


def test_numpy_strides_and_images_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, C], tf.float64)])
    def both(x):
        w = random(A, B, C, O)
        y, cache = conv2d.forward(x, w, tuple(np.array([2, 1])), ((1, 2), (0, 3)))
        return conv2d.backward(y, cache)

    dx, _ = both(random(N, H, W, C))
    assert dx.shape == (N, H, W, C)
