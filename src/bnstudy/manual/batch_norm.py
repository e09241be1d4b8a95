"""Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167): equations (10) to (21).

Every function works with any set of `axes`: (0, 1, 2) takes one mean and one variance per channel,
over m = N H W values; (0,) one per pixel and channel, over m = N values. Statistics keep their axes,
with length 1. The shapes at the ends of the lines are those of axes (0, 1, 2).

x and y may be half precision; everything between is computed in the dtype of gamma, float32 or
float64. What checks the arguments is at the end of the file.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks
from bnstudy.manual.sums import sum_to


class Cache(NamedTuple):
    """What `backward` needs, and the statistics that the moving averages need."""

    x: tf.Tensor  # the input; x_hat is made from it again, which is cheaper than to keep both
    mean: tf.Tensor  # of the batch, or moving; 1 along its axes
    r: tf.Tensor  # 1 / sqrt(variance + epsilon), the shape of mean
    gamma: tf.Tensor  # as given
    variance: tf.Tensor  # the shape of mean


def forward(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, axes: Sequence[int], epsilon: float
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

    Returns:
        y, the shape and dtype of x, and the cache for `backward`.

    Raises:
        ValueError: a shape, dtype, axis or epsilon that does not fit, or an empty batch.

    """
    given, gamma, beta, axes = _checked(x, gamma, beta, axes, epsilon)
    checks.not_empty("x", given)
    shape = _shape_of_statistics(given, axes)
    x = tf.cast(given, gamma.dtype)  # [N, H, W, C]
    m = _group_size(x, shape)
    mean = sum_to(x, shape) / m  # (10)  [1, 1, 1, C]
    centered = x - mean  # [N, H, W, C]
    variance = sum_to(tf.square(centered), shape) / m  # (11)  [1, 1, 1, C]
    r = tf.math.rsqrt(variance + epsilon)  # [1, 1, 1, C]
    x_hat = centered * r  # (12)  [N, H, W, C]
    y = _aligned(gamma, shape) * x_hat + _aligned(beta, shape)  # (13)  [N, H, W, C]
    return tf.cast(y, given.dtype), Cache(given, mean, r, gamma, variance)


def backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Backpropagate through `forward`.

    Each x acts on its own x_hat directly, and on all of its group through the mean and the variance.

        dbeta  = sum dy
        dgamma = sum dy x_hat
        dx_hat = gamma dy
        dx     = (dx_hat - mean(dx_hat) - x_hat mean(dx_hat x_hat)) / sqrt(variance + epsilon)

    Sums and means run over the m values that share a statistic; dgamma and dbeta add up the sums of
    all groups that share gamma and beta.

    Args:
        dy: the shape and dtype of x.
        cache: from `forward`.

    Returns:
        dx, the shape and dtype of x; dgamma and dbeta, the shape and dtype of gamma.

    Raises:
        ValueError: dy does not fit x.

    """
    dx_hat, x_hat, sum_dy, sum_dy_x_hat, dgamma, dbeta = _from_y_to_x_hat(dy, cache)
    gamma = _aligned(cache.gamma, cache.mean.shape)  # [1, 1, 1, C]
    m = _group_size(x_hat, cache.mean.shape)
    mean_dx_hat = gamma * sum_dy / m  # (17d)  [1, 1, 1, C]
    mean_dx_hat_x_hat = gamma * sum_dy_x_hat / m  # (17e)  [1, 1, 1, C]
    dx = cache.r * (dx_hat - mean_dx_hat - x_hat * mean_dx_hat_x_hat)  # (17)  [N, H, W, C]
    return tf.cast(dx, cache.x.dtype), dgamma, dbeta


def _from_y_to_x_hat(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, ...]:
    """Take the steps that training and inference share: from dy to dx_hat, dgamma and dbeta."""
    dy = tf.cast(checks.like("dy", dy, "x", cache.x), cache.gamma.dtype)  # [N, H, W, C]
    shape, gamma = cache.mean.shape, cache.gamma  # [1, 1, 1, C], [C]
    x_hat = (tf.cast(cache.x, gamma.dtype) - cache.mean) * cache.r  # (12)  [N, H, W, C]
    sum_dy = sum_to(dy, shape)  # [1, 1, 1, C]
    sum_dy_x_hat = sum_to(dy * x_hat, shape)  # [1, 1, 1, C]
    dbeta = _sum_to_parameter(sum_dy, gamma)  # (14)  [C]
    dgamma = _sum_to_parameter(sum_dy_x_hat, gamma)  # (15)  [C]
    dx_hat = _aligned(gamma, shape) * dy  # (16)  [N, H, W, C]
    return dx_hat, x_hat, sum_dy, sum_dy_x_hat, dgamma, dbeta


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
    given, gamma, beta, axes = _checked(x, gamma, beta, axes, epsilon)
    mean = _checked_statistic("moving_mean", moving_mean, given, gamma, axes)  # [1, 1, 1, C]
    variance = _checked_statistic("moving_variance", moving_variance, given, gamma, axes)
    shape = _shape_of_statistics(given, axes)
    x = tf.cast(given, gamma.dtype)  # [N, H, W, C]
    r = tf.math.rsqrt(variance + epsilon)  # [1, 1, 1, C]
    x_hat = (x - mean) * r  # [N, H, W, C]
    y = _aligned(gamma, shape) * x_hat + _aligned(beta, shape)  # (18)  [N, H, W, C]
    return tf.cast(y, given.dtype), Cache(given, mean, r, gamma, variance)


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
        ValueError: dy does not fit x.

    """
    dx_hat, _, _, _, dgamma, dbeta = _from_y_to_x_hat(dy, cache)
    dx = cache.r * dx_hat  # (19)  [N, H, W, C]
    return tf.cast(dx, cache.x.dtype), dgamma, dbeta


def update_moving(moving: tf.Tensor, batch: tf.Tensor, momentum: float) -> tf.Tensor:
    """Average exponentially: moving = momentum moving + (1 - momentum) batch.

    As in Keras, momentum weights the OLD value; PyTorch's `momentum` is one minus this one.

    Args:
        moving: the average so far.
        batch: the statistic of this batch, of the same shape and dtype.
        momentum: in [0, 1).

    Returns:
        The new average.

    Raises:
        ValueError: the shapes or dtypes differ, or momentum is out of range.

    """
    moving = checks.as_tensor("moving", moving, checks.FULL)
    batch = checks.like("batch", batch, "moving", moving)
    checks.number("momentum", momentum, 0, 1, below=True)
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
    checks.number("initial", initial, float("-inf"))
    checks.number("momentum", momentum, 0, 1, below=True)
    updates = checks.as_tensor("updates", updates, [tf.int32, tf.int64])
    checks.number("updates", updates, 0)
    left = momentum ** tf.cast(updates, tf.float64)  # weight of the initial value, not yet rounded
    seen = tf.cast(tf.where(updates > 0, 1 - left, 1), moving.dtype)
    corrected = (moving - tf.cast(left * initial, moving.dtype)) / seen  # (21)
    return tf.where(updates > 0, corrected, moving)


# --- shapes, and what is refused -----------------------------------------------------------------


def _checked(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, axes: Sequence[int], epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tuple[int, ...]]:
    """Return x, gamma and beta as tensors that fit, and the axes counted from the front."""
    x, gamma = checks.as_tensor("x", x), checks.as_tensor("gamma", gamma, checks.FULL)
    if x.dtype not in (gamma.dtype, *checks.HALF):
        raise ValueError(
            f"x is {x.dtype.name} and gamma {gamma.dtype.name}; give both the same of float32 and "
            "float64, or a half-precision x and a float32 gamma"
        )
    axes = checks.axes_of("x", x, axes)
    group = _without_axes(x, axes)
    fits = tf.TensorShape(group).is_compatible_with(gamma.shape)
    if not fits and not _broadcasts(gamma, _shape_of_statistics(x, axes)):
        raise ValueError(
            f"gamma has shape {checks.show(gamma.shape)}, must have {checks.show(group)}, the shape "
            f"of x {checks.show(x.shape)} without axes {axes}, or one that broadcasts to it"
        )
    beta = checks.like("beta", beta, "gamma", gamma)
    checks.number("epsilon", epsilon, 0)
    return x, gamma, beta, axes


def _checked_statistic(
    name: str, given: tf.Tensor, x: tf.Tensor, gamma: tf.Tensor, axes: tuple[int, ...]
) -> tf.Tensor:
    """Return a moving statistic with its axes of length 1; refuse one that does not fit x."""
    statistic = checks.as_tensor(name, given, [gamma.dtype])
    shape = _shape_of_statistics(x, axes)
    if not shape.is_compatible_with(statistic.shape):
        why = f"the shape of x {checks.show(x.shape)} without axes {axes}"
        checks.shape_of(name, statistic, _without_axes(x, axes), why)
    if name == "moving_variance" and tf.executing_eagerly() and tf.reduce_any(statistic < 0):
        raise ValueError(f"{name} is negative: {float(tf.reduce_min(statistic)):g}")
    return _aligned(statistic, shape)


def _without_axes(x: tf.Tensor, axes: tuple[int, ...]) -> list[int | None]:
    return [size for axis, size in enumerate(x.shape) if axis not in axes]


def _shape_of_statistics(x: tf.Tensor, axes: tuple[int, ...]) -> tf.TensorShape:
    """Return the shape of x with length 1 along the axes."""
    return tf.TensorShape([1 if axis in axes else size for axis, size in enumerate(x.shape)])


def _broadcasts(parameter: tf.Tensor, shape: tf.TensorShape) -> bool:
    """Whether a parameter, aligned with the last axes, broadcasts to the shape of the statistics."""
    if parameter.shape.rank > shape.rank:
        return False
    last = shape[shape.rank - parameter.shape.rank :]
    return all(p in (1, None, s) or s is None for p, s in zip(parameter.shape, last, strict=True))


def _aligned(parameter: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Return a parameter so that it broadcasts to statistics of that shape.

    [C] does so as it is. [H, W], for axes 0 and 3, becomes [1, H, W, 1]. Nothing fits both ways but
    sizes of 1, where both are the same.
    """
    if _broadcasts(parameter, shape):
        return parameter
    if shape.is_fully_defined():
        return tf.reshape(parameter, shape)
    sizes = iter(tf.unstack(tf.shape(parameter)))
    return tf.reshape(parameter, [1 if size == 1 else next(sizes) for size in shape])


def _sum_to_parameter(sums: tf.Tensor, gamma: tf.Tensor) -> tf.Tensor:
    """Add up the sums of all groups that share gamma, in the shape of gamma."""
    aligned = sum_to(sums, _aligned(gamma, sums.shape).shape)
    return tf.reshape(aligned, tf.shape(gamma)) if aligned.shape != gamma.shape else aligned


def _group_size(x: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Count the values that share a statistic: m."""
    axes = [axis for axis, size in enumerate(shape) if size == 1]
    return tf.cast(tf.reduce_prod(tf.gather(tf.shape(x), axes)), x.dtype)
