"""Mistakes that students make in normalizations, lookups, dropout and broadcasts."""

import layer_helpers as layers
import numpy as np
import pytest


def graph(power=-1.5, mean_power=1):
    """Return the backward pass of batch norm node by node, with other powers."""

    def backward(dy, cache):
        x_hat, r, gamma = cache
        d, m = gamma * dy, len(dy)
        dvariance = -0.5 * (d * x_hat / r).sum(0) * (r**-2) ** power
        dmean = -(d * r**mean_power).sum(0)
        return d * r + dvariance * 2 * x_hat / r / m + dmean / m, (dy * x_hat).sum(0), dy.sum(0)

    return backward


def means_of_batch_norm(dy, cache):
    dx, _, _ = layers.batch_norm_backward(dy, cache)
    return dx, (dy * cache[0]).sum(0), dy.sum(0)


def sums_over_the_features(dy, cache):
    dx, _, _ = layers.norm(1, 0)[1](dy, cache)
    return dx, (dy * cache[0]).sum(1), dy.sum(1)


def divided_by_the_images(dy, cache):
    x_hat, r, gamma = cache
    d, axes, n = gamma * dy, (0, 1, 2), len(dy)
    dx = r * (d - d.sum(axes) / n - x_hat * (d * x_hat).sum(axes) / n)
    return dx, (dy * x_hat).sum(axes), dy.sum(axes)


def with_x(x, gamma, beta):
    y, cache = layers.batch_norm_forward(x, gamma, beta)
    return y, (x, *cache)


def x_not_centred(dy, cache):
    x, x_hat, r, gamma = cache
    d = gamma * dy
    dx = r * (d - d.mean(0) - x_hat * r * (d * x).mean(0))
    return dx, (dy * x_hat).sum(0), x.sum(0)


def sum_over_everything(dy, cache):
    x_hat, r, gamma = cache
    d, centred = gamma * dy, x_hat / r
    dx = r * (d - d.mean(0) - centred * r**2 * (d * centred).sum() / len(dy))
    return dx, (dy * x_hat).sum(), dy.sum(0)


def dropout_forward(x, mask, keep=0.8):
    return x * mask / keep, (mask, keep)


def lookup_forward(w, indices):
    return w[indices], (w.shape, indices)


def lookup_once(dy, cache):
    dw = np.zeros(cache[0])
    dw[cache[1]] += dy
    return dw


def padded_forward(x, w):
    return layers.conv_forward(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), w)


def broadcast_error(dcost, cache):
    p, t = cache
    d = dcost * 2 * (p - t[:, 0]) / p.size
    return d, -d


def decayed(dy, cache):
    dx, dw, _ = layers.dense_backward(dy, cache)
    return dx, dw + 0.1 * cache[1], dw.sum(0)


def leaky_forward(x):
    return np.where(x.real > 0, x, 0.1 * x), x


BATCH_NORM = (layers.batch_norm_forward, layers.norm_inputs())
LAYER_NORM = (layers.norm(1, 0)[0], layers.norm_inputs())
RELU = (layers.relu_forward, layers.random(5, 7))
DENSE = (layers.dense_forward, layers.dense_inputs())
SPATIAL = (layers.norm((0, 1, 2), 0)[0], layers.norm_inputs((3, 4, 2, 3), (3,)))
SQUARE_NORM = (layers.norm(1, 0)[0], layers.norm_inputs((5, 5), (5,)))
DROPOUT = (dropout_forward, (layers.random(5, 7), layers.random(5, 7, seed=1) > -1))
LOOKUP = (lookup_forward, (layers.random(5, 3), np.array([0, 3, 3, 1, 0, 2, 3])))
ERROR = (
    lambda p, t: (((p - t) ** 2).mean(), (p, t)),
    (layers.random(6, 1), layers.random(6, 1, seed=1)),
)
GAIN = (lambda x, g: (x * g, (x, g)), (layers.random(5, 7), layers.random(7)))
LEAKY = (leaky_forward, layers.random(5, 7))
CENTRED = (with_x, layers.norm_inputs())
RESIDUAL = (lambda x: (x + np.tanh(x), x), layers.random(5, 7))

WRONG = [
    (graph(power=-0.5), BATCH_NORM, "dx: the x-hat term is divided by the standard deviation to"),
    (graph(mean_power=2), BATCH_NORM, "dx: the mean term is divided by the standard deviation to"),
    (means_of_batch_norm, LAYER_NORM, "taken over axis 0; forward"),
    (sums_over_the_features, SQUARE_NORM, "dgamma: summed over axis 1 instead of axis 0"),
    (sums_over_the_features, SQUARE_NORM, "dbeta: summed over axis 1 instead of axis 0"),
    (
        divided_by_the_images,
        SPATIAL,
        "factor 8 (divided by 3, the length of axis 0, instead of 24)",
    ),
    (x_not_centred, CENTRED, "dx: the x-hat term has x instead of x - mean"),
    (x_not_centred, CENTRED, "dbeta: it is the sum of x, not of dy"),
    (sum_over_everything, BATCH_NORM, "dx: in the x-hat term the sum is over all elements"),
    (sum_over_everything, BATCH_NORM, "dgamma: its shape is [], not [4]: a sum over all elements"),
    (lambda dy, c: layers.batch_norm_backward(dy * c[2], c), BATCH_NORM, "gamma is applied twice"),
    (decayed, DENSE, "dw: 0.1 w is added (weight decay?)"),
    (decayed, DENSE, "db: this is dw, summed over its axis 0"),
    (lambda dy, c: dy * c[0], DROPOUT, "dx: a constant factor of 0.8: a number that forward uses"),
    (lambda dy, c: dy * c[0] / 0.2, DROPOUT, "a constant factor of 4: c / (1 - c) with c = 0.8"),
    (lambda dy, c: dy * (1 - c[0]) / 0.8, DROPOUT, "dx: the mask is inverted"),
    (lambda dy, c: dy / c[1], DROPOUT, "(it should be 0 there)"),
    (lookup_once, LOOKUP, "dw: an index that occurs twice counts once: use np.add.at"),
    (layers.conv_backward, (padded_forward, layers.conv_inputs()), "padding is still there, 1 on"),
    (broadcast_error, ERROR, "dp: its shape is [6, 6], not [6, 1]: [6] was broadcast against"),
    (
        lambda dy, c: (dy * c[1], dy.sum(0)),
        GAIN,
        "dg: it is the sum of dy alone: the factor that g",
    ),
    (lambda dy, x: (dy * (x > 0)).astype(int), RELU, "dx: it is int64, so its fractions are cut"),
    (lambda dy, x: 1.0 * (x > 0), RELU, "dx: only the mask: the factor dy is missing"),
    (lambda dy, x: dy * (x > 0), LEAKY, "where x <= 0 (it is 0 there)"),
    (lambda dy, x: np.where(x > 0, dy, 0.1), LEAKY, "(the factor dy is missing there)"),
    (lambda dy, x: dy * (1 - np.tanh(x) ** 2), RESIDUAL, "dx: the path around is missing: dy"),
]


@pytest.mark.parametrize(("backward", "layer", "says"), WRONG)
def test_the_mistake_is_named(backward, layer, says):
    for text in layers.answers(layer[0], backward, layer[1]):
        assert says in text
