"""Noisy batch norm (Santurkar et al. 2018, arXiv 1805.11604, appendix A): equations (49) to (52).

The noise is made of standard random numbers, which are drawn elsewhere; here, nothing is random.
"""

import tensorflow as tf

from bnstudy.manual import checks

MEAN, LARGEST_SCALE = 0.5, 1.25  # of a channel: mu ~ U(-MEAN, MEAN), sigma ~ U(1, LARGEST_SCALE)
SPREAD = 0.1  # of an element: m ~ U(mu - SPREAD, mu + SPREAD), s ~ N(sigma, SPREAD)


def scale_and_shift(
    u_mean: tf.Tensor, u_scale: tf.Tensor, u: tf.Tensor, z: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Make the noise of one step from standard random numbers, all of one dtype.

    Args:
        u_mean: uniform in [0, 1), [C].
        u_scale: uniform in [0, 1), [C].
        u: uniform in [0, 1), [N, H, W, C].
        z: normal with mean 0 and standard deviation 1, [N, H, W, C].

    Returns:
        s and m, [N, H, W, C].

    Raises:
        ValueError: the numbers do not fit each other.

    """
    u = checks.as_tensor("u", u, checks.FULL)
    z = checks.like("z", z, "u", u)
    u_mean = checks.as_tensor("u_mean", u_mean, [u.dtype])
    checks.shape_of("u_mean", u_mean, u.shape[-1:], "one number for each channel of u")
    u_scale = checks.like("u_scale", u_scale, "u_mean", u_mean)
    mu = MEAN * (2 * u_mean - 1)  # (49)  [C]
    sigma = 1 + (LARGEST_SCALE - 1) * u_scale  # (49)  [C]
    m = mu + SPREAD * (2 * u - 1)  # (50)  [N, H, W, C]
    s = sigma + SPREAD * z  # (50)  [N, H, W, C]
    return s, m


def forward(x: tf.Tensor, s: tf.Tensor, m: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Scale and shift every element: y = s x + m.

    Args:
        x: for example [N, H, W, C]; may be half precision.
        s: the shape of x, float32 or float64.
        m: like s.

    Returns:
        y, the shape and dtype of x, and the cache for `backward`: s.

    Raises:
        ValueError: a shape or dtype that does not fit.

    """
    x, s = checks.as_tensor("x", x), checks.as_tensor("s", s, checks.FULL)
    checks.shape_of("s", s, x.shape, "the shape of x")
    m = checks.like("m", m, "s", s)
    y = s * tf.cast(x, s.dtype) + m  # (51)  [N, H, W, C]
    return tf.cast(y, x.dtype), s


def backward(dy: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """Backpropagate through `forward`: dx = s dy.

    Args:
        dy: the shape and dtype of x.
        s: the cache of `forward`.

    Returns:
        dx, the shape and dtype of dy.

    Raises:
        ValueError: dy does not fit s.

    """
    dy, s = checks.as_tensor("dy", dy), checks.as_tensor("s", s, checks.FULL)
    checks.shape_of("dy", dy, s.shape, "the shape of x")
    return tf.cast(s * tf.cast(dy, s.dtype), dy.dtype)  # (52)  [N, H, W, C]
