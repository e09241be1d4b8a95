"""Batch renormalization (Ioffe 2017, arXiv 1702.03275): equations (39) to (48).

As in `batch_norm.py`, every function works with any set of `axes`, statistics keep their axes with
length 1, the shapes at the ends of the lines are those of axes (0, 1, 2), and x and y may be half
precision. r is the paper's; what `batch_norm.py` calls r is 1 / stddev here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import batch_norm, checks
from bnstudy.manual.sums import align, group_size, shape_of_statistics, sum_over_groups, sum_to

CLOSED_UNTIL, OPEN_FROM = 0.05, 0.20  # parts of the steps: batch norm before, full limits after


class Cache(NamedTuple):
    """Values that `backward` needs, and the statistics for the averages."""

    norm: batch_norm.Cache  # what batch norm would keep of the same batch
    stddev: tf.Tensor  # sqrt(variance + epsilon)
    r: tf.Tensor  # the shape of the mean, like all statistics
    d: tf.Tensor


def forward(
    x: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    renorm_mean: tf.Tensor,
    renorm_stddev: tf.Tensor,
    axes: Sequence[int],
    epsilon: float,
    r_max: float | tf.Tensor,
    d_max: float | tf.Tensor,
) -> tuple[tf.Tensor, Cache]:
    """Normalize with the statistics of this batch, corrected towards averages (training).

        stddev  = sqrt(variance + epsilon)
        r       = stddev / renorm_stddev                 clipped to 1 / r_max ... r_max
        d       = (mean - renorm_mean) / renorm_stddev   clipped to -d_max ... d_max
        y       = gamma (r (x - mean) / stddev + d) + beta

    Args:
        x: for example [N, H, W, C].
        gamma: scale, as in `batch_norm.forward`.
        beta: offset, like gamma.
        renorm_mean: average of earlier batches; the shape of x without `axes`, the dtype of gamma.
        renorm_stddev: like renorm_mean; sqrt(epsilon) where it is less.
        axes: over which the statistics are taken.
        epsilon: added to the variance, inside the root.
        r_max: >= 1; 1 corrects no scale.
        d_max: >= 0; 0 corrects no offset.

    Returns:
        y, the shape and dtype of x, and the cache for `backward`.

    Raises:
        ValueError: an argument that does not fit, or an empty batch.

    """
    x, gamma, beta, axes, epsilon = checks.batch_norm(x, gamma, beta, axes, epsilon)
    checks.not_empty("x", x)
    renorm_mean = checks.statistic("renorm_mean", renorm_mean, gamma, x, axes)  # [1, 1, 1, C]
    renorm_stddev = checks.statistic("renorm_stddev", renorm_stddev, gamma, x, axes)
    r_max = checks.scalar("r_max", r_max, gamma.dtype, 1)
    d_max = checks.scalar("d_max", d_max, gamma.dtype, 0)
    shape = shape_of_statistics(x, axes)
    x_full = tf.cast(x, gamma.dtype)  # [N, H, W, C]
    m = group_size(x_full, shape)
    mean = sum_to(x_full, shape) / m  # (10)  [1, 1, 1, C]
    centered = x_full - mean  # [N, H, W, C]
    variance = sum_to(tf.square(centered), shape) / m  # (11)  [1, 1, 1, C]
    stddev = tf.sqrt(variance + epsilon)  # (39)  [1, 1, 1, C]
    average = tf.maximum(renorm_stddev, epsilon**0.5)  # [1, 1, 1, C]
    r = tf.stop_gradient(tf.clip_by_value(stddev / average, 1 / r_max, r_max))  # (40)
    d = (mean - renorm_mean) / average
    d = tf.stop_gradient(tf.clip_by_value(d, -d_max, d_max))  # (40)  [1, 1, 1, C]
    x_tilde = r * (centered / stddev) + d  # (41)  [N, H, W, C]
    y = align(gamma, shape) * x_tilde + align(beta, shape)  # (42)  [N, H, W, C]
    norm = batch_norm.Cache(x, mean, 1 / stddev, gamma, variance)
    return tf.cast(y, x.dtype), Cache(norm, stddev, r, d)


def backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Backpropagate through `forward`; r and d are constants.

        dbeta  = sum dy
        dgamma = r sum dy x_hat + d sum dy
        dx_hat = gamma r dy
        dx     = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / stddev

    Args:
        dy: the shape and dtype of x.
        cache: from `forward`.

    Returns:
        dx, the shape and dtype of x; dgamma and dbeta, the shape and dtype of gamma.

    Raises:
        ValueError: dy does not fit x, or the cache is another function's.

    """
    norm, stddev, r, d = checks.cache_of("renorm", cache, Cache)
    dy = tf.cast(checks.like("dy", dy, "x", norm.x), norm.gamma.dtype)  # [N, H, W, C]
    x, mean, shape = tf.cast(norm.x, dy.dtype), norm.mean, norm.mean.shape
    gamma = align(norm.gamma, shape)  # [1, 1, 1, C]
    m = group_size(x, shape)
    x_hat = (x - mean) / stddev  # (12)  [N, H, W, C]
    sum_dy = sum_to(dy, shape)  # [1, 1, 1, C]
    sum_dy_x_hat = sum_to(dy * x_hat, shape)  # [1, 1, 1, C]
    dbeta = sum_over_groups(sum_dy, norm.gamma)  # (14)  [C]
    dgamma = sum_over_groups(r * sum_dy_x_hat + d * sum_dy, norm.gamma)  # (43)  [C]
    dx_hat = gamma * r * dy  # (44)  [N, H, W, C]
    mean_dx_hat = gamma * r * sum_dy / m  # (45a)  [1, 1, 1, C]
    mean_dx_hat_x_hat = gamma * r * sum_dy_x_hat / m  # (45b)  [1, 1, 1, C]
    dx = (dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat) / stddev  # (45)  [N, H, W, C]
    return tf.cast(dx, norm.x.dtype), dgamma, dbeta


def limits(
    step: int | tf.Tensor, steps: int, r_max: float, d_max: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the limits of r and d at a step: 1 and 0 at first, then opening linearly.

    Args:
        step: from 0.
        steps: of the whole run; 0: unknown, and the limits are open.
        r_max: the limit of r once they are open.
        d_max: that of d.

    Returns:
        r_max and d_max of this step, float64 scalars.

    Raises:
        ValueError: an argument is not such a number.

    """
    steps = checks.whole_number("steps", steps, 0)
    r_max, d_max = checks.number("r_max", r_max, 1), checks.number("d_max", d_max, 0)
    done = tf.cast(checks.count("step", step), tf.float64) / max(steps, 1)
    opened = tf.clip_by_value((done - CLOSED_UNTIL) / (OPEN_FROM - CLOSED_UNTIL), 0, 1)
    opened = opened if steps else tf.ones_like(opened)
    return 1 + opened * (r_max - 1), opened * d_max  # (48)


def variance_of(stddev: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Return the variance by which inference divides: max(stddev^2 - epsilon, 0).

    Args:
        stddev: the averaged standard deviation [C], or [H, W, C].
        epsilon: that was added to the variance before the root was taken.

    Returns:
        The shape and dtype of stddev.

    """
    return tf.maximum(tf.square(stddev) - epsilon, 0)  # (47)
