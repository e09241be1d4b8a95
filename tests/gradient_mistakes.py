"""Backward passes with one mistake each, put in place of the right ones of `manual/`."""

import numpy as np
import tensorflow as tf

from bnstudy.manual import batch_norm, conv2d, elu, pooling, softmax_cross_entropy
from bnstudy.manual.sums import align, of_one_device
from bnstudy.model import all_cnn


def batch_norm_dx(formula):
    """Replace equation (17); the formula gets what stands in it."""

    def damage(monkeypatch):
        right = batch_norm.backward

        def backward(dy, cache, reduce=of_one_device):
            axes = [axis for axis, size in enumerate(cache.mean.shape) if size == 1]
            m = tf.cast(tf.size(cache.x) // tf.size(cache.mean), cache.mean.dtype)
            gamma = align(cache.gamma, cache.mean.shape)
            x_hat, dx_hat = (cache.x - cache.mean) * cache.r, gamma * dy
            a = tf.reduce_mean(dx_hat, axes, keepdims=True)
            b = x_hat * tf.reduce_mean(dx_hat * x_hat, axes, keepdims=True)
            return formula(dx_hat, a, b, cache.r, m, cache), *right(dy, cache, reduce)[1:]

        monkeypatch.setattr(batch_norm, "backward", backward)

    return damage


def change(module, which, formula):
    """Change one of the gradients that a backward pass returns."""

    def damage(monkeypatch):
        right = module.backward

        def backward(dy, cache):
            gradients = list(right(dy, cache))
            gradients[which] = formula(gradients[which], dy, cache)
            return tuple(gradients)

        monkeypatch.setattr(module, "backward", backward)

    return damage


def replace(**backward):
    """Replace the backward pass of a layer without parameters, or of the cost."""
    return lambda monkeypatch: monkeypatch.setattr(
        all_cnn, "RIGHT", all_cnn.RIGHT._replace(**backward)
    )


def convolution_dx(kernel):
    def formula(dx, dy, cache):
        w = tf.transpose(kernel(cache.w), [0, 1, 3, 2])
        return tf.nn.conv2d(dy, w, 1, "SAME")

    return change(conv2d, 0, formula)


def shifted_dw(monkeypatch):
    right = conv2d.backward

    def backward(dy, cache):
        dx, dw = right(dy, cache)
        if cache.w.shape[0] == 3:
            x = tf.pad(cache.x, [(0, 0), (0, 2), (1, 1), (0, 0)])
            dw = right(dy, conv2d.forward(x, cache.w, padding="VALID")[1])[1]
        return dx, dw

    monkeypatch.setattr(conv2d, "backward", backward)


def turned(w):
    return w[::-1, ::-1]


def slope(positive, negative):
    def backward(dy, y):
        return dy * tf.where(y > 0, positive(y), negative(y))

    return replace(elu=backward)


ONE, EXP = tf.ones_like, (lambda y: y + 1)

# name -> (damage, kind of the wrong layers, tensor, part of the mistake's name)
MISTAKES = {
    "mean term missing": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * (d - b)),
        "bn",
        "dx",
        "the mean term is missing",
    ),
    "x-hat term missing": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * (d - a)),
        "bn",
        "dx",
        "the x-hat term is missing",
    ),
    "statistics constant": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * d),
        "bn",
        "dx",
        "both paths are missing",
    ),
    "sums for means": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * (d - m * a - m * b)),
        "bn",
        "dx",
        "the division by m is missing",
    ),
    "m twice": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * (d - a / m - b / m)),
        "bn",
        "dx",
        "divided by m twice",
    ),
    "times standard deviation": (
        batch_norm_dx(lambda d, a, b, r, m, c: (d - a - b) / r),
        "bn",
        "dx",
        "multiplied by the standard deviation",
    ),
    "epsilon outside": (
        batch_norm_dx(lambda d, a, b, r, m, c: (d - a - b) / (tf.sqrt(c.variance) + 1e-3)),
        "bn",
        "dx",
        "epsilon is outside the root",
    ),
    "Bessel": (
        batch_norm_dx(
            lambda d, a, b, r, m, c: (d - a - b) / tf.sqrt(c.variance * m / (m - 1) + 1e-3)
        ),
        "bn",
        "dx",
        "divided by m - 1",
    ),
    "gamma forgotten": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * (d - a - b) / align(c.gamma, c.mean.shape)),
        "bn",
        "dx",
        "gamma is forgotten",
    ),
    "sign of the mean term": (
        batch_norm_dx(lambda d, a, b, r, m, c: r * (d + a - b)),
        "bn",
        "dx",
        "the sign of the mean term",
    ),
    "dgamma a mean": (
        change(batch_norm, 1, lambda g, dy, c: g / tf.cast(tf.size(dy) // tf.size(g), g.dtype)),
        "bn",
        "gamma",
        "a mean instead of the sum",
    ),
    "dgamma from x": (
        change(batch_norm, 1, lambda g, dy, c: tf.reduce_sum(dy * c.x, (0, 1, 2))),
        "bn",
        "gamma",
        "x instead of x-hat",
    ),
    "dbeta times gamma": (
        change(batch_norm, 2, lambda g, dy, c: g * c.gamma),
        "bn",
        "beta",
        "multiplied by gamma",
    ),
    "kernel not turned": (
        convolution_dx(lambda w: w),
        "conv",
        "dx",
        "the kernel is not flipped",
    ),
    "kernel's rows and columns": (
        convolution_dx(lambda w: tf.transpose(turned(w), [1, 0, 2, 3])),
        "conv",
        "dx",
        "rows and columns are swapped",
    ),
    "channels exchanged": (
        change(
            conv2d,
            0,
            lambda dx, dy, c: (
                tf.nn.conv2d(dy, turned(c.w), 1, "SAME") if c.w.shape[2] == c.w.shape[3] else dx
            ),
        ),
        "conv",
        "dx",
        "input and output channels are swapped",
    ),
    "padding off by one": (shifted_dw, "conv", "w", "the padding is off by one"),
    "dw turned": (
        change(conv2d, 1, lambda dw, dy, c: turned(dw)),
        "conv",
        "w",
        "rotated by 180 degrees",
    ),
    "dw transposed": (
        change(conv2d, 1, lambda dw, dy, c: tf.transpose(dw, [0, 1, 3, 2])),
        "conv",
        "w",
        "its shape is",
    ),
    "slope 1 below 0": (slope(ONE, ONE), "elu", "dx", "for x <= 0 the slope is 1, not exp(x)"),
    "slope 0 below 0": (
        slope(ONE, tf.zeros_like),
        "elu",
        "dx",
        "for x <= 0 the slope is 0, not exp(x)",
    ),
    "slope y below 0": (
        slope(ONE, lambda y: y),
        "elu",
        "dx",
        "for x <= 0 the slope is exp(x) - 1, not exp(x)",
    ),
    "slope x + 1 above 0": (slope(EXP, EXP), "elu", "dx", "for x > 0 the slope is x + 1, not 1"),
    "1/N missing": (
        replace(
            softmax_cross_entropy=lambda dcost, c: 5 * softmax_cross_entropy.backward(dcost, c)
        ),
        "cost",
        "dx",
        "not divided by the 5 images",
    ),
    "pool's 1/4 missing": (
        replace(average_pool=lambda dy, c: 4 * pooling.average_backward(dy, c)),
        "pool",
        "dx",
        "not divided by the 4 pixels",
    ),
    "global pool's share": (
        replace(global_average_pool=lambda dy, c: 6 * pooling.global_average_backward(dy, c)),
        "logits",
        "dx",
        "not divided by the 6 pixels",
    ),
    "sign": (
        replace(average_pool=lambda dy, c: -pooling.average_backward(dy, c)),
        "pool",
        "dx",
        "the sign (a factor of -1)",
    ),
    "a factor": (
        change(conv2d, 1, lambda dw, dy, c: 1.0001 * dw),
        "conv",
        "w",
        "a constant factor of 1.0001",
    ),
    "not finite": (
        replace(elu=lambda dy, y: elu.backward(dy, y) * np.nan),
        "elu",
        "dx",
        "it is not finite",
    ),
}
