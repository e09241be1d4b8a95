"""Convolution over height and width, without bias: equations (1) to (3)."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Cache(NamedTuple):
    """What `backward` needs: the input (padded, where the padding is explicit) and the rest."""

    x: tf.Tensor  # [N, H, W, C], or [N, H + top + bottom, W + left + right, C]
    w: tf.Tensor  # [A, B, C, O]
    strides: list[int]  # [1, down, right, 1]
    padding: str  # what the kernels are told: "SAME" or "VALID"
    margins: tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right)) of `x`


def forward(
    x: tf.Tensor,
    w: tf.Tensor,
    stride: int | Sequence[int] = 1,
    padding: str | Sequence[Sequence[int]] = "SAME",
) -> tuple[tf.Tensor, Cache]:
    """Slide the kernels over the image and take inner products.

        y[n, i, j, o] = sum_{a, b, c}  x_padded[n, stride i + a, stride j + b, c]  w[a, b, c, o]

    Args:
        x: images [N, H, W, C].
        w: kernels [A, B, C, O].
        stride: one step for both directions, or (down, right).
        padding: "SAME" (zeros, so that y has ceil(H / stride) rows), "VALID" (none), or
            ((top, bottom), (left, right)) rows and columns of zeros.

    Returns:
        y [N, H', W', O], and the cache for `backward`.

    Raises:
        ValueError: x and w disagree about C, or the padding is none of the above.

    """
    x, w = tf.convert_to_tensor(x), tf.convert_to_tensor(w)
    if x.shape[-1] != w.shape[2]:  # TensorFlow would take 2 C channels for a grouped convolution
        raise ValueError(f"x has {x.shape[-1]} channels, but w {w.shape} expects {w.shape[2]}")
    down, right = stride if isinstance(stride, Sequence) else (stride, stride)
    margins = ((0, 0), (0, 0))
    if not isinstance(padding, str):
        (top, bottom), (left, right_margin) = padding
        margins, padding = ((top, bottom), (left, right_margin)), "VALID"
        x = tf.pad(x, [(0, 0), *margins, (0, 0)])
    elif padding not in ("SAME", "VALID"):
        raise ValueError(f'padding is "SAME", "VALID" or ((t, b), (l, r)), not {padding!r}')
    strides = [1, int(down), int(right), 1]
    y = tf.nn.conv2d(x, w, strides, padding)  # (1)
    return y, Cache(x, w, strides, padding, margins)


def backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor]:
    """Derive with respect to the images and the kernels.

        dw[a, b, c, o]        = sum_{n, i, j}  x_padded[n, stride i + a, stride j + b, c]  dy[n, i, j, o]
        dx_padded[n, p, q, c] = sum_{i, j, a, b, o}  dy[n, i, j, o]  w[a, b, c, o],
                                over stride i + a = p  and  stride j + b = q

    The second sum is the transposed convolution. TensorFlow's kernels carry out both.

    Args:
        dy: [N, H', W', O].
        cache: from `forward`.

    Returns:
        dx [N, H, W, C] and dw [A, B, C, O].

    """  # noqa: E501
    x, w, strides, padding, ((top, bottom), (left, right)) = cache
    dw = tf.raw_ops.Conv2DBackpropFilter(  # (2)
        input=x, filter_sizes=w.shape, out_backprop=dy, strides=strides, padding=padding
    )
    dx = tf.raw_ops.Conv2DBackpropInput(  # (3)
        input_sizes=tf.shape(x), filter=w, out_backprop=dy, strides=strides, padding=padding
    )
    height, width = tf.shape(x)[1], tf.shape(x)[2]
    return dx[:, top : height - bottom, left : width - right, :], dw
