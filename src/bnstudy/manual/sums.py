"""Groups that share a statistic or a parameter: broadcasting to them, and summing over them.

Statistics have the shape of x, with length 1 along the axes over which they are taken.
"""

from collections.abc import Callable, Collection

import tensorflow as tf

Reduce = Callable[..., tuple[tf.Tensor, ...]]  # sums of one replica -> sums over all of them


def of_one_device(*sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Add up sums over the replicas of a batch where there is one: return them as they are."""
    return sums


def sum_to(x: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Sum x down to a shape that broadcasts to that of x: the transpose of broadcasting.

    For example, [N, H, W, C] is summed over N, H and W to [1, 1, 1, C], and that to [C].

    Args:
        x: any shape.
        shape: aligned with the last axes of x; the axes where it has length 1, and those that it
            lacks, are summed over.

    Returns:
        The sums, of that shape.

    """
    missing = x.shape.rank - shape.rank
    axes = [*range(missing), *(missing + axis for axis, size in enumerate(shape) if size == 1)]
    if not axes:
        return x
    sums = tf.reduce_sum(_fold(x, axes), axes, keepdims=True)
    return tf.squeeze(sums, list(range(missing))) if missing else sums


def _fold(x: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Halve the axes three times by adding one half to the other, where their length is even.

    This changes speed and rounding alone: a compiler vectorizes these additions together with what
    makes x, in a third of the time of one plain reduction; and sums of pairs round less than one
    long sum (Higham 1993, SIAM J. Sci. Comput. 14, 783).
    """
    halvings = 3
    for axis in reversed(axes):
        while halvings and x.shape[axis] and x.shape[axis] % 2 == 0:
            half, other_half = tf.split(x, 2, axis)
            x, halvings = half + other_half, halvings - 1
    return x


def shape_of_statistics(x: tf.Tensor, axes: Collection[int]) -> tf.TensorShape:
    """Return the shape of x, with length 1 along the axes."""
    return tf.TensorShape([1 if axis in axes else size for axis, size in enumerate(x.shape)])


def ones_removed(shape: tf.TensorShape) -> tf.TensorShape:
    """Return the shape without its axes of length 1."""
    return tf.TensorShape([size for size in shape if size != 1])


def group_size(x: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Count the values of x that share a statistic: m."""
    axes = [axis for axis, size in enumerate(shape) if size == 1]
    return tf.cast(tf.reduce_prod(tf.gather(tf.shape(x), axes)), x.dtype)


def broadcasts(parameter: tf.TensorShape, shape: tf.TensorShape) -> bool:
    """Return whether a parameter, aligned with the last axes, broadcasts to the statistics."""
    last = shape[max(shape.rank - parameter.rank, 0) :]
    return parameter.rank <= shape.rank and all(
        size in (1, other) or other is None for size, other in zip(parameter, last, strict=True)
    )


def align(parameter: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Return a parameter so that it broadcasts to statistics of that shape.

    [C] and [H, W, C] do so as they are. [H, W], for axes 0 and 3, becomes [1, H, W, 1].
    """
    others = [axis for axis, size in enumerate(shape) if size != 1]
    last = list(range(shape.rank - parameter.shape.rank, shape.rank))
    shared = 1 in parameter.shape  # by all along that axis, as by the groups of x [groups, ..., 1]
    one_for_each = len(others) == parameter.shape.rank and others != last and not shared
    if not one_for_each and broadcasts(parameter.shape, shape):
        return parameter
    if shape.is_fully_defined():
        return tf.reshape(parameter, shape)
    sizes = iter(tf.unstack(tf.shape(parameter)))
    return tf.reshape(parameter, [1 if size == 1 else next(sizes) for size in shape])


def sum_over_groups(sums: tf.Tensor, parameter: tf.Tensor) -> tf.Tensor:
    """Add up the sums of all groups that share a parameter, in its shape."""
    shared = sum_to(sums, align(parameter, sums.shape).shape)
    return shared if shared.shape == parameter.shape else tf.reshape(shared, tf.shape(parameter))


def sizes_of(x: tf.Tensor) -> list[int | tf.Tensor]:
    """Return the sizes of x: numbers where they are known, else tensors."""
    return [tf.shape(x)[axis] if size is None else size for axis, size in enumerate(x.shape)]
