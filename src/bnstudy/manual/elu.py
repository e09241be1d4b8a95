"""Exponential linear unit (Clevert et al. 2016, arXiv 1511.07289), alpha = 1: (4) and (5)."""

import tensorflow as tf

from bnstudy.manual import checks
from bnstudy.manual.precision import upcast


def forward(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Apply the ELU: y = x where x > 0, else exp(x) - 1.

    Args:
        x: any shape.

    Returns:
        y, the shape of x, and the cache for `backward`, which is y itself.

    Raises:
        ValueError: x does not hold floating-point numbers.

    """
    x = checks.as_tensor("x", x)
    y = tf.cast(tf.nn.elu(upcast(x)), x.dtype)  # (4)  the shape of x
    return y, y


def backward(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Return dx = dy where x > 0, else dy exp(x).

    Where x <= 0, exp(x) = y + 1; where x > 0, y > 0. So one line holds for both.

    Args:
        dy: the shape and dtype of x.
        cache: y, from `forward`.

    Returns:
        dx, the shape of x.

    Raises:
        ValueError: dy does not fit y.

    """
    cache = checks.as_tensor("cache", cache)
    y, dy = upcast(cache), checks.like("dy", dy, "y", cache)
    return tf.cast(upcast(dy) * (tf.minimum(y, 0) + 1), dy.dtype)  # (5)  the shape of x
