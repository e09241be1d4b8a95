"""Mistakes in dense layers and convolutions: activations, padding, strides, layouts."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy.gradient_check.mistakes import kernel_gradient
from bnstudy.gradient_check.numpy_network import convolve
from bnstudy.gradient_check.own_layer import linear


def flipped(w):
    return w[::-1, ::-1].transpose(0, 1, 3, 2)


def relu(z):
    return np.where(z.real > 0, z, 0)


def dense_relu(x, w, b):
    z = x @ w + b
    return relu(z), (x, w, z > 0)


def conv_relu(x, w, b):
    z = convolve(x, w) + b
    return relu(z), (x, w, z > 0)


def conv_tanh(x, w):
    y = np.tanh(convolve(x, w))
    return y, (x, w, 1 - y**2)


def strided(x, w):
    y, cache = layers.conv_forward(x, w)
    return y[:, ::2, ::2].copy(), cache


def channels_first(x, w):
    y, cache = layers.conv_forward(x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0))
    return y.transpose(0, 3, 1, 2).copy(), cache


def windows(dy, size):
    """Yield the position of each output pixel, and what it sees of x."""
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            yield (slice(None), i, j), np.s_[:, i : i + size, j : j + size]


def dense(mask=lambda dy, positive: dy * positive, dx=lambda dz, w: dz @ w.T):
    def backward(dy, cache):
        x, w, positive = cache
        dz = mask(dy, positive)
        return dx(dz, w), x.T @ dz, dz.sum(0)

    return backward


def conv(kernel=flipped, mask=lambda dy, slope: dy * slope, bias=True):
    def backward(dy, cache):
        x, w, slope = cache
        dz = mask(dy, slope)
        dx = convolve(dz, kernel(w)), kernel_gradient(x, w, dz)
        return (*dx, dz.sum((0, 1, 2))) if bias else dx

    return backward


def not_flipped(w):
    return w.transpose(0, 1, 3, 2)


def valid_not_flipped(dy, cache):
    _, w = cache
    around = [(0, 0), *((length - 1, length - 1) for length in w.shape[:2]), (0, 0)]
    dx, _ = layers.conv_forward(np.pad(dy, around), not_flipped(w))
    return dx, layers.conv_backward(dy, cache)[1]


def channels_first_not_flipped(dy, cache):
    dx, dw = valid_not_flipped(dy.transpose(0, 2, 3, 1), cache)
    return dx.transpose(0, 3, 1, 2), dw.transpose(3, 2, 0, 1)


def last_window_wins(dy, cache):
    x, w = cache
    dx = np.zeros(x.shape)
    for pixel, seen in windows(dy, 3):
        dx[seen] = np.tensordot(dy[pixel], w, (1, 3))
    return dx, layers.conv_backward(dy, cache)[1]


def last_offset_wins(dy, cache):
    x, w = cache
    dx, (_, height, width, _) = np.zeros(x.shape), dy.shape
    for a in range(3):
        for b in range(3):
            dx[:, a : a + height, b : b + width] = dy @ w[a, b].T
    return dx, layers.conv_backward(dy, cache)[1]


def last_position_alone(dy, cache):
    x, _ = cache
    for pixel, seen in windows(dy, 3):
        dw = np.tensordot(x[seen], dy[pixel], (0, 0))
    return layers.conv_backward(dy, cache)[0], dw


def reshaped_without_transpose(dy, cache):
    x, w = cache
    columns = np.stack([x[seen].reshape(len(x), -1) for _, seen in windows(dy, 3)], 1)
    rows = dy.reshape(w.shape[3], -1)
    dw = (rows @ columns.reshape(rows.shape[1], -1)).T.reshape(w.shape)
    return layers.conv_backward(dy, cache)[0], dw


def stride_forgotten(dy, cache):
    x, w = cache
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for pixel, seen in windows(dy, 3):
        dx[seen] += np.tensordot(dy[pixel], w, (1, 3))
        dw += np.tensordot(x[seen], dy[pixel], (0, 0))
    return dx, dw


def strided_not_flipped(dy, cache):
    x, w = cache
    spread = np.zeros((len(x), x.shape[1] - 2, x.shape[2] - 2, w.shape[3]))
    spread[:, ::2, ::2] = dy
    return valid_not_flipped(spread, cache)


def only_the_last_example(dy, cache):
    x, w, positive = cache
    dz = dy * positive
    return dz @ w.T, np.outer(x[-1], dz[-1]), dz.sum(0)


IMAGES, KERNEL = layers.random(2, 5, 4, 3), layers.random(3, 3, 3, 2)
DENSE = (dense_relu, layers.dense_inputs())
CONV_RELU = (conv_relu, (IMAGES, KERNEL, layers.random(2)))
CONV_EVEN = (conv_tanh, (IMAGES, layers.random(2, 3, 3, 2)))
CONV_TANH = (conv_tanh, (IMAGES, KERNEL))
VALID = (layers.conv_forward, (IMAGES, KERNEL))
VALID_EVEN = (layers.conv_forward, layers.conv_inputs())
STRIDED = (strided, (layers.random(2, 7, 5, 3), KERNEL))
FIRST = (channels_first, (layers.random(2, 3, 5, 4), layers.random(2, 3, 3, 3)))
FLIP = "dx: the kernel is not flipped (rotated by 180 degrees)"
SLOPE, SIGN = f": {linear.SLOPE}", f": {linear.SIGN_OF_DY}"


def even_not_flipped(dy, cache):
    x, w, slope = cache
    dz = dy * slope
    return convolve(dz, not_flipped(w), (1, 0)), kernel_gradient(x, w, dz)


WRONG = [
    (DENSE, dense(lambda dy, _: dy), [f"d{name}{SLOPE}" for name in "xwb"]),
    (DENSE, dense(lambda dy, _: dy * (dy > 0)), [f"d{name}{SIGN}" for name in "xwb"]),
    (DENSE, dense(dx=lambda dz, w: relu(dz @ w.T)), ["dx: the activation is applied to dx"]),
    (DENSE, only_the_last_example, ["dw: only the last example counts"]),
    (CONV_RELU, conv(not_flipped), [FLIP]),
    (CONV_RELU, conv(mask=lambda dy, _: dy), [f"d{name}{SLOPE}" for name in "xwb"]),
    (CONV_RELU, conv(mask=lambda dy, _: dy * (dy > 0)), [f"dx{SIGN}", f"dw{SIGN}"]),
    (CONV_TANH, conv(not_flipped, bias=False), [FLIP]),
    (CONV_EVEN, even_not_flipped, [FLIP]),
    (VALID, valid_not_flipped, [FLIP]),
    (VALID_EVEN, valid_not_flipped, [FLIP]),
    (FIRST, channels_first_not_flipped, [FLIP]),
    (VALID, last_window_wins, ["dx: windows overwrite each other"]),
    (VALID, last_offset_wins, ["dx: windows overwrite each other"]),
    (VALID, last_position_alone, ["dw: only the last position counts"]),
    (VALID, reshaped_without_transpose, ["dw: dy is reshaped to a matrix without being"]),
    (STRIDED, strided_not_flipped, [FLIP]),
    (STRIDED, stride_forgotten, [f"d{name}: the stride of 2 is forgotten" for name in "xw"]),
]


@pytest.mark.parametrize(("layer", "backward", "says"), WRONG)
def test_the_mistake_is_named(layer, backward, says):
    for text in layers.answers(layer[0], backward, layer[1]):
        assert [line for line in says if line not in text] == [], text


@pytest.mark.parametrize("layer", [CONV_RELU, CONV_TANH, VALID, VALID_EVEN, STRIDED, FIRST])
def test_a_convolution_is_found_with_its_layout_padding_and_stride(layer):
    forward, (x, w, *rest) = layer
    found = linear.find(x, w, rest, forward(x, w, *rest)[0])
    assert found.stride == (2 if layer is STRIDED else 1)
    assert found.layout == linear.LAYOUTS[layer is FIRST]


def test_what_has_the_shapes_of_a_dense_layer_alone_is_none():
    x, w = layers.random(5, 4), layers.random(4, 3)
    assert not list(linear.mistakes([x, w], np.sin(x) @ w, np.ones((5, 3))))
    assert not list(linear.mistakes([layers.random(5, 7), layers.random(5, 7)], x, x))
