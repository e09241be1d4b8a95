"""The wrong derivatives in the author's own code, kept apart from the right ones.

Each has the signature of the function that it replaces, under `training.gradients: as_posted`, and
says what is wrong. The forward passes and all other derivatives are as in the rest of `manual/`.
"""

import tensorflow as tf

from bnstudy.manual import checks, pooling, softmax_cross_entropy
from bnstudy.manual.precision import upcast


def elu_backward(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Return 2 dy where x > 0, else dy exp(x). Right: dy where x > 0, (5).

    Args:
        dy: the shape and dtype of x.
        cache: y, from `elu.forward`.

    Returns:
        dx, the shape of x.

    Raises:
        ValueError: dy does not fit y.

    """
    cache = checks.as_tensor("cache", cache)
    y, dy = upcast(cache), checks.like("dy", dy, "y", cache)
    return tf.cast(upcast(dy) * tf.where(y > 0, 2 * tf.ones_like(y), y + 1), dy.dtype)


def average_backward(dy: tf.Tensor, cache: pooling.Cache) -> tf.Tensor:
    """Repeat dy in each block. Right: divided by k^2, (7).

    Args:
        dy: [N, H/k, W/k, C].
        cache: from `pooling.average_forward`.

    Returns:
        dx [N, H, W, C].

    Raises:
        ValueError: dy does not have the shape of y.

    """
    dy, k = pooling.checked_dy(dy, cache)
    return pooling.repeat(dy, k)


def global_average_backward(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Repeat dy at every pixel. Right: divided by H W, (9).

    Args:
        dy: [N, C].
        cache: the shape [N, H, W, C], from `pooling.global_average_forward`.

    Returns:
        dx [N, H, W, C].

    Raises:
        ValueError: dy does not have the shape of y.

    """
    return tf.broadcast_to(pooling.global_checked_dy(dy, cache)[:, None, None, :], cache)


def softmax_cross_entropy_backward(
    dcost: tf.Tensor | float, cache: softmax_cross_entropy.Cache
) -> tf.Tensor:
    """Return dcost (p - onehot(labels)). Right: divided by N, (24).

    Args:
        dcost: a scalar.
        cache: from `softmax_cross_entropy.forward`.

    Returns:
        dlogits [N, K].

    Raises:
        ValueError: dcost is not one number.

    """
    p, labels = checks.cache_of("softmax_cross_entropy", cache, softmax_cross_entropy.Cache)
    dcost = softmax_cross_entropy.checked_dcost(dcost, p)
    return dcost * (p - tf.one_hot(labels, tf.shape(p)[1], dtype=p.dtype))
