"""Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167): equations (10) to (21).

Every function works with any set of `axes`: (0, 1, 2) takes one mean and one variance per channel,
over m = N H W values; (0,) one per pixel and channel, over m = N values. gamma, beta and the moving
statistics have the shape of x without those axes.

x and y may be bfloat16; everything between is computed in gamma's dtype, float32 or float64.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Cache(NamedTuple):
    """What `backward` needs, and the statistics that the moving averages need."""

    x: tf.Tensor  # the input; x_hat is made from it again, which is cheaper than to keep both
    inverse_stddev: tf.Tensor  # 1 / sqrt(variance + epsilon), 1 along the axes of the statistics
    gamma: tf.Tensor  # the shape of x without those axes
    mean: tf.Tensor  # like gamma
    variance: tf.Tensor  # like gamma


def forward(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, axes: Sequence[int], epsilon: float
) -> tuple[tf.Tensor, Cache]:
    """Normalize with the statistics of this batch (training).

        mean     = 1/m  sum x                         variance = 1/m  sum (x - mean)^2   (biased)
        x_hat    = (x - mean) / sqrt(variance + epsilon)
        y        = gamma x_hat + beta

    Args:
        x: for example [N, H, W, C].
        gamma: scale, the shape of x without `axes`.
        beta: offset, like gamma.
        axes: over which the statistics are taken.
        epsilon: added to the variance, inside the root.

    Returns:
        y, the shape and dtype of x, and the cache for `backward`.

    Raises:
        ValueError: gamma or beta has another shape, or a dtype that would lose precision.

    """
    x, gamma, beta, axes = _checked(x, gamma, beta, axes)
    wide_x = tf.cast(x, gamma.dtype)
    m = _group_size(x, gamma)
    mean = _sum(wide_x, axes) / m  # (10)
    centered = wide_x - mean
    variance = _sum(tf.square(centered), axes) / m  # (11)
    inverse_stddev = tf.math.rsqrt(variance + epsilon)
    x_hat = centered * inverse_stddev  # (12)
    y = _per_group(gamma, mean) * x_hat + _per_group(beta, mean)  # (13)
    statistics = (tf.reshape(s, gamma.shape) for s in (mean, variance))
    return tf.cast(y, x.dtype), Cache(x, inverse_stddev, gamma, *statistics)


def backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Derive `forward`: every x moves its own x_hat, and the mean and variance of its group.

        dbeta  = sum dy
        dgamma = sum dy x_hat
        dx_hat = gamma dy
        dx     = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / sqrt(variance + epsilon)

    Sums and means run over the m values that share a statistic.

    Args:
        dy: the shape of x.
        cache: from `forward`.

    Returns:
        dx, the shape and dtype of dy; dgamma and dbeta, the shape of gamma.

    """
    x_hat, inverse_stddev, gamma = _x_hat(cache), cache.inverse_stddev, cache.gamma
    axes = _axes_of(inverse_stddev)
    dtype, dy = dy.dtype, tf.cast(dy, gamma.dtype)
    m, scale = _group_size(dy, gamma), _per_group(gamma, inverse_stddev)
    dbeta = _sum(dy, axes)  # (14)
    dgamma = _sum(dy * x_hat, axes)  # (15)
    dx_hat = scale * dy  # (16)
    # gamma is one number in a group, so the two means of dx_hat follow from the two sums of dy.
    mean_dx_hat = scale * dbeta / m
    mean_dx_hat_x_hat = scale * dgamma / m
    dx = inverse_stddev * (dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)  # (17)
    return tf.cast(dx, dtype), tf.reshape(dgamma, gamma.shape), tf.reshape(dbeta, gamma.shape)


def inference_forward(
    x: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    moving_mean: tf.Tensor,
    moving_variance: tf.Tensor,
    axes: Sequence[int],
    epsilon: float,
) -> tuple[tf.Tensor, Cache]:
    """Normalize with fixed statistics (inference).

        y = gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta

    Args:
        x: for example [N, H, W, C].
        gamma: scale, the shape of x without `axes`.
        beta: offset, like gamma.
        moving_mean: like gamma.
        moving_variance: like gamma.
        axes: as in `forward`.
        epsilon: added to the variance, inside the root.

    Returns:
        y, the shape and dtype of x, and the cache for `inference_backward`.

    Raises:
        ValueError: as `forward`.

    """
    x, gamma, beta, axes = _checked(x, gamma, beta, axes)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    inverse_stddev = tf.math.rsqrt(tf.reshape(moving_variance, shape) + epsilon)
    cache = Cache(x, inverse_stddev, gamma, moving_mean, moving_variance)
    y = tf.reshape(gamma, shape) * _x_hat(cache) + tf.reshape(beta, shape)  # (18)
    return tf.cast(y, x.dtype), cache


def inference_backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Derive `inference_forward`: the statistics are constants, so dx = gamma dy / sqrt(...).

    Args:
        dy: the shape of x.
        cache: from `inference_forward`.

    Returns:
        dx, the shape and dtype of dy; dgamma and dbeta, the shape of gamma.

    """
    x_hat, inverse_stddev, gamma = _x_hat(cache), cache.inverse_stddev, cache.gamma
    axes = _axes_of(inverse_stddev)
    dtype, dy = dy.dtype, tf.cast(dy, gamma.dtype)
    dbeta = _sum(dy, axes)  # (14)
    dgamma = _sum(dy * x_hat, axes)  # (15)
    dx = _per_group(gamma, inverse_stddev) * inverse_stddev * dy  # (19)
    return tf.cast(dx, dtype), tf.reshape(dgamma, gamma.shape), tf.reshape(dbeta, gamma.shape)


def update_moving(moving: tf.Tensor, batch: tf.Tensor, momentum: float) -> tf.Tensor:
    """Average exponentially: moving = momentum moving + (1 - momentum) batch.

    As in Keras, momentum weights the OLD value; PyTorch's `momentum` is one minus this one.

    Args:
        moving: the average so far.
        batch: the statistic of this batch, of the same shape.
        momentum: in [0, 1).

    Returns:
        The new average.

    """
    return momentum * moving + (1 - momentum) * batch  # (20)


def debias(moving: tf.Tensor, initial: float, momentum: float, updates: tf.Tensor) -> tf.Tensor:
    """Remove what is left of the starting value from a moving average.

        (moving - momentum^t initial) / (1 - momentum^t)      after t updates

    Args:
        moving: the average after t updates.
        initial: where it started.
        momentum: in [0, 1).
        updates: t, a scalar integer. Where t = 0 there is nothing to correct.

    Returns:
        The weighted mean of the batches seen so far, or `moving` itself where t = 0.

    """
    left = momentum ** tf.cast(updates, tf.float64)  # of the start; float32 would round 1 - left
    seen = tf.cast(tf.where(updates > 0, 1 - left, 1), moving.dtype)
    corrected = (moving - tf.cast(left * initial, moving.dtype)) / seen  # (21)
    return tf.where(updates > 0, corrected, moving)


def _checked(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, axes: Sequence[int]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tuple[int, ...]]:
    """Return tensors, and the axes counted from the front; refuse parameters that do not fit."""
    x, gamma, beta = (tf.convert_to_tensor(t) for t in (x, gamma, beta))
    if not axes:
        raise ValueError("axes must name the axes that share a statistic, such as (0, 1, 2)")
    axes = tuple(sorted(axis % len(x.shape) for axis in axes))
    group = [size for axis, size in enumerate(x.shape) if axis not in axes]
    for name, parameter in (("gamma", gamma), ("beta", beta)):
        if list(parameter.shape) != group:  # a reshape would scramble it without a word
            raise ValueError(
                f"{name} has shape {list(parameter.shape)}; over axes {axes} of x with shape "
                f"{list(x.shape)}, it must have {group}"
            )
    wide = gamma.dtype in (tf.float32, tf.float64)
    if not wide or x.dtype not in (gamma.dtype, tf.bfloat16, tf.float16):
        raise ValueError(
            f"x is {x.dtype.name} and gamma {gamma.dtype.name}; give both the same of float32 and "
            "float64, or a half-precision x and a float32 gamma"
        )
    return x, gamma, beta, axes


def _x_hat(cache: Cache) -> tf.Tensor:
    """Normalize once more, in the dtype of gamma: equation (12)."""
    mean = _per_group(cache.mean, cache.inverse_stddev)
    return (tf.cast(cache.x, cache.gamma.dtype) - mean) * cache.inverse_stddev


def _sum(x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Sum over the axes and keep them, with length 1: first, half is added to half three times.

    So a compiler vectorizes it together with what makes x, and needs a third of the time that it
    takes for one plain reduction; and pairs round less than one long sum (Higham 1993).
    """
    halvings = 3
    for axis in reversed(axes):
        while halvings and x.shape[axis] and x.shape[axis] % 2 == 0:
            half, other_half = tf.split(x, 2, axis)
            x, halvings = half + other_half, halvings - 1
    return tf.reduce_sum(x, axes, keepdims=True)


def _group_size(x: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
    """Count the values that share a statistic: m."""
    return tf.cast(tf.size(x) / tf.size(gamma), gamma.dtype)


def _per_group(parameter: tf.Tensor, statistic: tf.Tensor) -> tf.Tensor:
    """Give a parameter the shape of a statistic, which has length 1 along its axes."""
    return tf.reshape(parameter, statistic.shape)


def _axes_of(statistic: tf.Tensor) -> list[int]:
    """Find the axes of a statistic: it has length 1 along them.

    The cache cannot simply hold the axes: what a compiled function returns is tensors. An axis
    along which x itself has length 1 is found too, which changes no sum and no mean.
    """
    return [axis for axis, size in enumerate(statistic.shape) if size == 1]
