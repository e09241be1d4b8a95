"""Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167): equations (10) to (21).

Every function works with any set of `axes`: (0, 1, 2) takes one mean and one variance per channel,
over m = N H W values; (0,) one per pixel and channel, over m = N. Statistics keep their axes, with
length 1. The shapes at the ends of the lines are those of axes (0, 1, 2).

x and y may be half precision; everything between is computed in the dtype of gamma, float32 or
float64. `checks.py` refuses arguments that do not fit; the sums over groups are in `sums.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks
from bnstudy.manual.sums import (
    Reduce,
    align,
    group_size,
    of_one_device,
    ones_removed,
    shape_of_statistics,
    sizes_of,
    sum_over_groups,
    sum_to,
)


class Cache(NamedTuple):
    """Values that `backward` needs, and the statistics for the moving averages."""

    x: tf.Tensor  # the input; x_hat is made from it again, which is cheaper than to keep both
    mean: tf.Tensor  # of the batch, or moving; 1 along its axes
    r: tf.Tensor  # 1 / sqrt(variance + epsilon), the shape of mean
    gamma: tf.Tensor  # as given
    variance: tf.Tensor  # the shape of mean


def forward(
    x: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    axes: Sequence[int],
    epsilon: float,
    reduce: Reduce = of_one_device,
) -> tuple[tf.Tensor, Cache]:
    """Normalize with the statistics of this batch (training).

        mean     = 1/m  sum x                         variance = 1/m  sum (x - mean)^2   (biased)
        x_hat    = (x - mean) / sqrt(variance + epsilon)
        y        = gamma x_hat + beta

    Args:
        x: for example [N, H, W, C].
        gamma: scale; the shape of x without `axes`, or any shape that broadcasts to the statistics,
            such as [C] for x [groups, N, H, W, C] with axes (1, 2, 3).
        beta: offset, like gamma.
        axes: over which the statistics are taken.
        epsilon: added to the variance, inside the root.
        reduce: adds up sums over the replicas of a batch on several devices, where x is the part of
            one of them, possibly without an image: docs/devices.md. It gets the sums as arguments
            and returns them in their order.

    Returns:
        y, the shape and dtype of x, and the cache for `backward`.

    Raises:
        ValueError: a shape, dtype, axis or epsilon that does not fit, or an empty batch.

    """
    x, gamma, beta, axes, epsilon = checks.batch_norm(x, gamma, beta, axes, epsilon)
    if reduce is of_one_device:
        checks.not_empty("x", x)
    shape = shape_of_statistics(x, axes)
    x_full = tf.cast(x, gamma.dtype)  # [N, H, W, C]
    m, total = reduce(group_size(x_full, shape), sum_to(x_full, shape))  # (53)
    checks.not_all_empty("x", m)
    mean = total / m  # (10)  [1, 1, 1, C]
    centered = x_full - mean  # [N, H, W, C]
    (squares,) = reduce(sum_to(tf.square(centered), shape))  # (54)
    variance = squares / m  # (11)  [1, 1, 1, C]
    r = tf.math.rsqrt(variance + epsilon)  # [1, 1, 1, C]
    x_hat = centered * r  # (12)  [N, H, W, C]
    y = align(gamma, shape) * x_hat + align(beta, shape)  # (13)  [N, H, W, C]
    return tf.cast(y, x.dtype), Cache(x, mean, r, gamma, variance)


def backward(
    dy: tf.Tensor, cache: Cache, reduce: Reduce = of_one_device
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Backpropagate through `forward`.

    Each x acts on its own x_hat directly, and on all of its group by the mean and the variance.

        dbeta  = sum dy
        dgamma = sum dy x_hat
        dx_hat = gamma dy
        dx     = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / sqrt(variance + epsilon)

    Sums and means run over the m values that share a statistic; dgamma and dbeta add up the sums of
    all groups that share gamma and beta.

    Args:
        dy: the shape and dtype of x.
        cache: from `forward`.
        reduce: as given to `forward`.

    Returns:
        dx, the shape and dtype of x; dgamma and dbeta, the shape and dtype of gamma. On several
        devices, dgamma and dbeta are the share of this replica, like those of any other layer:
        their sums over the replicas are the gradients.

    Raises:
        ValueError: dy does not fit x, or the cache is another function's.

    """
    return _backward(dy, cache, training=True, reduce=reduce)


def _backward(
    dy: tf.Tensor, cache: Cache, training: bool, reduce: Reduce = of_one_device
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Compute either backward pass; they differ in dx alone: (17) or (19)."""
    cache = checks.cache_of("batch_norm", cache, Cache)
    dy = tf.cast(checks.like("dy", dy, "x", cache.x), cache.gamma.dtype)  # [N, H, W, C]
    x, mean, r, shape = tf.cast(cache.x, dy.dtype), cache.mean, cache.r, cache.mean.shape
    gamma = align(cache.gamma, shape)  # [1, 1, 1, C]
    x_hat = (x - mean) * r  # (12)  [N, H, W, C]
    sum_dy = sum_to(dy, shape)  # [1, 1, 1, C]
    sum_dy_x_hat = sum_to(dy * x_hat, shape)  # [1, 1, 1, C]
    dbeta = sum_over_groups(sum_dy, cache.gamma)  # (14)  [C]
    dgamma = sum_over_groups(sum_dy_x_hat, cache.gamma)  # (15)  [C]
    dx_hat = gamma * dy  # (16)  [N, H, W, C]
    if training:
        m, sum_dy, sum_dy_x_hat = reduce(group_size(x, shape), sum_dy, sum_dy_x_hat)  # (55)
        mean_dx_hat = gamma * sum_dy / m  # (17d)  [1, 1, 1, C]
        mean_dx_hat_x_hat = gamma * sum_dy_x_hat / m  # (17e)  [1, 1, 1, C]
        dx = r * (dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)  # (17)  [N, H, W, C]
    else:  # the statistics are constants
        dx = r * dx_hat  # (19)  [N, H, W, C]
    return tf.cast(dx, cache.x.dtype), dgamma, dbeta


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
        gamma: scale, as in `forward`.
        beta: offset, like gamma.
        moving_mean: the shape of x without `axes`, the dtype of gamma.
        moving_variance: like moving_mean, not negative.
        axes: as in `forward`.
        epsilon: added to the variance, inside the root.

    Returns:
        y, the shape and dtype of x, and the cache for `inference_backward`.

    Raises:
        ValueError: as `forward`, or statistics that do not fit x.

    """
    x, gamma, beta, axes, epsilon = checks.batch_norm(x, gamma, beta, axes, epsilon)
    mean = checks.statistic("moving_mean", moving_mean, gamma, x, axes)  # [1, 1, 1, C]
    variance = checks.statistic("moving_variance", moving_variance, gamma, x, axes)
    shape = mean.shape
    r = tf.math.rsqrt(variance + epsilon)  # [1, 1, 1, C]
    x_hat = (tf.cast(x, gamma.dtype) - mean) * r  # [N, H, W, C]
    y = align(gamma, shape) * x_hat + align(beta, shape)  # (18)  [N, H, W, C]
    return tf.cast(y, x.dtype), Cache(x, mean, r, gamma, variance)


def inference_backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Backpropagate through `inference_forward`: the statistics are constants.

        dx = gamma dy / sqrt(moving_variance + epsilon)

    dgamma and dbeta are those of `backward`.

    Args:
        dy: the shape and dtype of x.
        cache: from `inference_forward`.

    Returns:
        dx, the shape and dtype of x; dgamma and dbeta, the shape and dtype of gamma.

    Raises:
        ValueError: dy does not fit x, or the cache is another function's.

    """
    return _backward(dy, cache, training=False)


def split_images(x: tf.Tensor, size: int) -> tf.Tensor:
    """Divide a batch into ghost batches: image n belongs to number n mod (N / size).

    Statistics over all axes but 1 and the last, (0, 2, 3) for images, are then those of the ghost
    batches. A gamma [C] is shared by all of them.

    Args:
        x: [N, ...], for example [N, H, W, C].
        size: images of a ghost batch; must divide N.

    Returns:
        [size, N / size, ...].

    Raises:
        ValueError: the size does not divide N.

    """
    x, size = checks.as_tensor("x", x), checks.whole_number("size", size, 1)
    images = x.shape[0] if x.shape.rank else 1
    if images is not None and images % size:
        raise ValueError(f"size must divide the {images} images of x, not {size}")
    return tf.reshape(x, [size, -1, *sizes_of(x)[1:]])  # (37)


def join_images(x: tf.Tensor) -> tf.Tensor:
    """Undo `split_images`.

    Args:
        x: [N/S, S, ...], ghost batches.

    Returns:
        [N, ...].

    Raises:
        ValueError: x is not a tensor of numbers.

    """
    x = checks.as_tensor("x", x)
    return tf.reshape(x, [-1, *sizes_of(x)[2:]])


def update_moving(moving: tf.Tensor, batch: tf.Tensor, momentum: float) -> tf.Tensor:
    """Average exponentially: moving = momentum moving + (1 - momentum) batch.

    As in Keras, momentum weights the OLD value; PyTorch's `momentum` is one minus this one.

    Args:
        moving: the average so far.
        batch: the statistic of this batch, of the same dtype and, but for axes of length 1, shape.
        momentum: in [0, 1).

    Returns:
        The new average.

    Raises:
        ValueError: the shapes or dtypes differ, or momentum is out of range.

    """
    moving = checks.as_tensor("moving", moving, checks.FULL)
    batch = checks.as_tensor("batch", batch, [moving.dtype])
    if ones_removed(batch.shape).is_compatible_with(ones_removed(moving.shape)):
        batch = tf.reshape(batch, tf.shape(moving))
    checks.shape_of("batch", batch, moving.shape, "the shape of moving")
    momentum = checks.number("momentum", momentum, 0, 1)
    return momentum * moving + (1 - momentum) * batch  # (20)


def debias(moving: tf.Tensor, initial: float, momentum: float, updates: tf.Tensor) -> tf.Tensor:
    """Remove the remaining weight of the initial value from a moving average.

        (moving - momentum^t initial) / (1 - momentum^t)      after t updates

    Args:
        moving: the average after t updates.
        initial: its value before the first.
        momentum: in [0, 1).
        updates: t, a scalar integer. Where t = 0 there is nothing to correct.

    Returns:
        The weighted mean of the batches seen so far, or `moving` itself where t = 0.

    Raises:
        ValueError: an argument is not of the kind or range above.

    """
    moving = checks.as_tensor("moving", moving, checks.FULL)
    initial = checks.number("initial", initial)
    momentum = checks.number("momentum", momentum, 0, 1)
    updates = checks.count("updates", updates)
    left = momentum ** tf.cast(updates, tf.float64)  # weight of the initial value, not yet rounded
    seen = tf.cast(tf.where(updates > 0, 1 - left, 1), moving.dtype)
    corrected = (moving - tf.cast(left * initial, moving.dtype)) / seen  # (21)
    return tf.where(updates > 0, corrected, moving)
