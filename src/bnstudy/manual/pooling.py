"""Average pooling, in k x k blocks and over the whole image: equations (6) to (9)."""

from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks
from bnstudy.manual.precision import upcast
from bnstudy.manual.sums import sizes_of


class Cache(NamedTuple):
    """Values that `average_backward` needs."""

    size: int  # k
    shape: list[int | None]  # of x, as far as it is known


def average_forward(x: tf.Tensor, size: int = 2) -> tuple[tf.Tensor, Cache]:
    """Average each block of size x size pixels.

        y[n, i, j, c] = 1/k^2  sum_{a, b < k}  x[n, k i + a, k j + b, c]

    Args:
        x: [N, H, W, C].
        size: k, the side of a block and the step from one to the next.

    Returns:
        y [N, H/k, W/k, C], and the cache for `average_backward`.

    Raises:
        ValueError: H or W is 0 or not a multiple of k.

    """
    x = checks.images("x", x)
    size = checks.whole_number("size", size, 1)
    for side in x.shape[1:3]:
        if side is not None and (side == 0 or side % size):
            raise ValueError(
                f"x has shape {checks.show(x.shape)}: blocks of {size} x {size} do not fill it"
            )
    images, height, width, channels = sizes_of(x)
    blocks = tf.reshape(x, [images, height // size, size, width // size, size, channels])
    # A sum of k^2 slices: as exact as tf.reduce_mean over axes 2 and 4, and faster on a CPU.
    pixels = [upcast(p) for row in tf.unstack(blocks, axis=2) for p in tf.unstack(row, axis=3)]
    y = tf.add_n(pixels) / size**2  # (6)  [N, H/k, W/k, C]
    return tf.cast(y, x.dtype), Cache(size, x.shape.as_list())


def average_backward(dy: tf.Tensor, cache: Cache) -> tf.Tensor:
    """Give every pixel of a block an equal share.

        dx[n, k i + a, k j + b, c] = dy[n, i, j, c] / k^2

    Args:
        dy: [N, H/k, W/k, C].
        cache: from `average_forward`.

    Returns:
        dx [N, H, W, C].

    Raises:
        ValueError: dy does not have the shape of y.

    """
    dy, k = checked_dy(dy, cache)  # [N, H/k, W/k, C]
    return repeat(dy / k**2, k)  # (7)  [N, H, W, C]


def repeat(blocks: tf.Tensor, k: int) -> tf.Tensor:
    """Repeat each pixel k times in both directions: [N, H/k, W/k, C] -> [N, H, W, C]."""
    _, height, width, channels = sizes_of(blocks)
    pixels = tf.tile(tf.reshape(blocks, [-1, height, 1, width, 1, channels]), [1, 1, k, 1, k, 1])
    return tf.reshape(pixels, [-1, height * k, width * k, channels])


def checked_dy(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, int]:
    """Return dy and k; refuse a dy that does not have the shape of y."""
    cache = checks.cache_of("pooling.average_forward", cache, Cache)
    size, (images, *sides, channels) = checks.python_values(cache, "size", "shape").values()
    sides = [None if side is None else side // size for side in sides]
    dy = checks.images("dy", dy)
    checks.shape_of("dy", dy, [images, *sides, channels], "the shape of y")
    return dy, size


def global_average_forward(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Average each channel over the whole image: y[n, c] = 1/(H W)  sum_{i, j}  x[n, i, j, c].

    Args:
        x: [N, H, W, C].

    Returns:
        y [N, C], and the cache for `global_average_backward`, which is the shape of x.

    Raises:
        ValueError: x has another number of axes, or its images are empty.

    """
    x = checks.images("x", x)
    if 0 in x.shape[1:3]:
        raise ValueError(f"x has shape {checks.show(x.shape)}: its images are empty")
    y = tf.reduce_mean(upcast(x), axis=(1, 2))  # (8)  [N, C]
    return tf.cast(y, x.dtype), tf.shape(x)


def global_average_backward(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Give every pixel an equal share: dx[n, i, j, c] = dy[n, c] / (H W).

    Args:
        dy: [N, C].
        cache: the shape [N, H, W, C], from `global_average_forward`.

    Returns:
        dx [N, H, W, C].

    Raises:
        ValueError: dy does not have the shape of y.

    """
    dy = global_checked_dy(dy, cache)
    share = upcast(dy) / tf.cast(cache[1] * cache[2], upcast(dy).dtype)
    dx = tf.broadcast_to(share[:, None, None, :], cache)  # (9)  [N, H, W, C]
    return tf.cast(dx, dy.dtype)


def global_checked_dy(dy: tf.Tensor, cache: tf.Tensor) -> tf.Tensor:
    """Return dy; refuse one that does not have the shape of y."""
    cache = checks.as_tensor("cache", cache, [tf.int32])
    checks.shape_of("cache", cache, [4], "the shape of x")
    dy, shape = checks.as_tensor("dy", dy), tf.get_static_value(cache)
    expected = [None, None] if shape is None else [int(shape[0]), int(shape[3])]
    checks.shape_of("dy", dy, expected, "the shape of y")
    return tf.reshape(dy, [cache[0], cache[3]])  # when a graph runs, refuses what would broadcast
