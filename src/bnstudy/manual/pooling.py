"""Average pooling, in k x k blocks and over the whole image: equations (6) to (9)."""

import tensorflow as tf

from bnstudy.manual.precision import widen


def average_forward(x: tf.Tensor, size: int = 2) -> tuple[tf.Tensor, int]:
    """Average each block of size x size pixels.

        y[n, i, j, c] = 1/k^2  sum_{a, b < k}  x[n, k i + a, k j + b, c]

    Args:
        x: [N, H, W, C].
        size: k, the side of a block and the step from one to the next.

    Returns:
        y [N, H/k, W/k, C], and the cache for `average_backward`, which is k.

    Raises:
        ValueError: H or W is no multiple of k.

    """
    if x.shape[1] % size or x.shape[2] % size:
        raise ValueError(f"blocks of {size} x {size} do not fill {x.shape[1]} x {x.shape[2]}")
    _, height, width, channels = x.shape
    blocks = tf.reshape(x, [-1, height // size, size, width // size, size, channels])
    pixels = [widen(p) for row in tf.unstack(blocks, axis=2) for p in tf.unstack(row, axis=3)]
    return tf.cast(tf.add_n(pixels) / size**2, x.dtype), size  # (6)


def average_backward(dy: tf.Tensor, cache: int) -> tf.Tensor:
    """Give every pixel of a block an equal share: dx[n, k i + a, k j + b, c] = dy[n, i, j, c] / k^2.

    Args:
        dy: [N, H/k, W/k, C].
        cache: k, from `average_forward`.

    Returns:
        dx [N, H, W, C].

    """  # noqa: E501
    k = cache
    _, height, width, channels = dy.shape
    blocks = tf.reshape(dy / k**2, [-1, height, 1, width, 1, channels])  # (7)
    blocks = tf.tile(blocks, [1, 1, k, 1, k, 1])
    return tf.reshape(blocks, [-1, height * k, width * k, channels])


def global_average_forward(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Average each channel over the whole image: y[n, c] = 1/(H W)  sum_{i, j}  x[n, i, j, c].

    Args:
        x: [N, H, W, C].

    Returns:
        y [N, C], and the cache for `global_average_backward`, which is the shape of x.

    """
    return tf.reduce_mean(x, axis=(1, 2)), tf.shape(x)  # (8)


def global_average_backward(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Give every pixel an equal share: dx[n, i, j, c] = dy[n, c] / (H W).

    Args:
        dy: [N, C].
        cache: the shape [N, H, W, C], from `global_average_forward`.

    Returns:
        dx [N, H, W, C].

    """
    area = tf.cast(cache[1] * cache[2], dy.dtype)
    return tf.broadcast_to(dy[:, None, None, :] / area, cache)  # (9)
