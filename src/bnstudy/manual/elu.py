"""Exponential linear unit (Clevert et al. 2016) with alpha = 1: equations (4) and (5)."""

import tensorflow as tf

from bnstudy.manual.precision import widen


def forward(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Keep what is positive, bend the rest towards -1: y = x where x > 0, else exp(x) - 1.

    Args:
        x: any shape.

    Returns:
        y of the same shape, and the cache for `backward`, which is y itself.

    """
    y = tf.cast(tf.nn.elu(widen(x)), x.dtype)  # (4)
    return y, y


def backward(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Derive: dx = dy where x > 0, else dy exp(x).

    Where x <= 0, exp(x) = y + 1; where x > 0, y > 0. So one line holds for both.

    Args:
        dy: the shape of x.
        cache: y, from `forward`.

    Returns:
        dx, of the same shape.

    """
    y = widen(cache)
    return tf.cast(widen(dy) * (tf.minimum(y, 0) + 1), dy.dtype)  # (5)
