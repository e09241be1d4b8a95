"""Convolution over height and width, without bias: equations (1) to (3).

`forward` and `backward` call TensorFlow's kernels, which are fast. `plain_forward` and
`plain_backward` are the same sums to read: a loop over the kernel's offsets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks


class Cache(NamedTuple):
    """What `backward` needs: the input (padded, where the padding is explicit) and the rest."""

    x: tf.Tensor  # [N, H, W, C], or [N, H + top + bottom, W + left + right, C]
    w: tf.Tensor  # [A, B, C, O]
    strides: list[int]  # [1, down, right, 1]
    padding: str  # what the kernels are told: "SAME" or "VALID"
    margins: tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right)) of `x`


def plain_forward(x: tf.Tensor, w: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """Convolve with stride 1 and SAME padding, as case c does: one matrix product per offset.

        y[n, i, j, o] = sum_{a, b, c}  x_padded[n, i + a, j + b, c]  w[a, b, c, o]

    Args:
        x: images [N, H, W, C].
        w: kernels [A, B, C, O].

    Returns:
        y [N, H, W, O], and the cache for `plain_backward`.

    Raises:
        ValueError: x or w has another shape, or they disagree about C.

    """
    x, w = _checked(x, w)
    (height, width), (rows, columns) = x.shape[1:3], w.shape[:2]
    x_padded = tf.pad(x, _same_padding(w))  # [N, H + A - 1, W + B - 1, C]
    y = tf.zeros([*x.shape[:3], w.shape[3]], x.dtype)
    for a in range(rows):
        for b in range(columns):
            y += x_padded[:, a : a + height, b : b + width] @ w[a, b]  # (1)  [.., C] @ [C, O]
    return y, (x_padded, w)


def plain_backward(
    dy: tf.Tensor, cache: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Backpropagate through `plain_forward`: each product gives its share to dw and to dx.

    Args:
        dy: [N, H, W, O].
        cache: from `plain_forward`.

    Returns:
        dx [N, H, W, C] and dw [A, B, C, O].

    Raises:
        ValueError: dy does not fit.

    """
    x_padded, w = cache
    rows, columns = w.shape[:2]
    size, height, width = (
        x_padded.shape[0],
        *(x_padded.shape[axis] - w.shape[axis - 1] + 1 for axis in (1, 2)),
    )
    dy = checks.as_tensor("dy", dy, [w.dtype])
    checks.shape_of("dy", dy, [size, height, width, w.shape[3]], "the shape of y")
    dx_padded, dw = tf.zeros_like(x_padded), {}
    for a in range(rows):
        for b in range(columns):
            seen = x_padded[:, a : a + height, b : b + width]  # what w[a, b] was multiplied with
            dw[a, b] = tf.einsum("nijc,nijo->co", seen, dy)  # (2)
            around = [(0, 0), (a, rows - 1 - a), (b, columns - 1 - b), (0, 0)]
            dx_padded += tf.pad(dy @ tf.transpose(w[a, b]), around)  # (3)
    (top, _), (left, _) = _same_padding(w)[1:3]
    dx = dx_padded[:, top : top + height, left : left + width]
    return dx, tf.reshape(tf.stack(list(dw.values())), w.shape)


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
        ValueError: a shape, stride or padding that does not fit, or a kernel that is larger than
            the padded image.

    """
    x, w = _checked(x, w)
    strides, margins = _checked_stride(stride), ((0, 0), (0, 0))
    if isinstance(padding, str):
        checks.one_of("padding", padding, ("SAME", "VALID"))
    else:
        margins, padding = _checked_margins(padding), "VALID"
        x = tf.pad(x, [(0, 0), *margins, (0, 0)])
    if padding == "VALID":  # TensorFlow can crash on an empty output, or give it a wrong shape
        for side, image, kernel in zip(("high", "wide"), x.shape[1:3], w.shape[:2], strict=True):
            if None not in (image, kernel) and kernel > image:
                raise ValueError(f"w is {kernel} {side}, must be at most {image}, as the padded x")
    y = tf.nn.conv2d(x, w, strides, padding)  # (1)
    return y, Cache(x, w, strides, padding, margins)


def backward(dy: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the gradients of the images and of the kernels.

        dw[a, b, c, o]        = sum_{n, i, j}  x_padded[n, stride i + a, stride j + b, c]
                                               dy[n, i, j, o]
        dx_padded[n, p, q, c] = sum_{i, j, a, b, o}  dy[n, i, j, o]  w[a, b, c, o],
                                over stride i + a = p  and  stride j + b = q

    The second sum is the transposed convolution. TensorFlow's kernels carry out both.

    Args:
        dy: [N, H', W', O], the dtype of x.
        cache: from `forward`.

    Returns:
        dx [N, H, W, C] and dw [A, B, C, O].

    Raises:
        ValueError: dy does not have the shape of y.

    """
    x, w, strides, padding, ((top, bottom), (left, right)) = cache
    dy = checks.as_tensor("dy", dy, [x.dtype])
    checks.shape_of("dy", dy, _shape_of_y(cache), "the shape of y")
    dw = tf.raw_ops.Conv2DBackpropFilter(  # (2)
        input=x, filter_sizes=tf.shape(w), out_backprop=dy, strides=strides, padding=padding
    )
    dx = tf.raw_ops.Conv2DBackpropInput(  # (3)
        input_sizes=tf.shape(x), filter=w, out_backprop=dy, strides=strides, padding=padding
    )
    height, width = tf.shape(x)[1], tf.shape(x)[2]
    return dx[:, top : height - bottom, left : width - right, :], dw


# --- what is refused ------------------------------------------------------------------------------


def _checked(x: tf.Tensor, w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    x = checks.images("x", x)
    w = checks.as_tensor("w", w, [x.dtype])
    # TensorFlow would take 2 C channels for a grouped convolution.
    checks.shape_of("w", w, [None, None, x.shape[3], None], "[A, B, C, O], with x [N, H, W, C]")
    checks.not_empty("w", w)
    if 0 in x.shape[1:]:  # no images at all are fine: y and dw are then sums of nothing
        raise ValueError(f"x has shape {checks.show(x.shape)}: its images are empty")
    return x, w


def _shape_of_y(cache: Cache) -> list[int | None]:
    """Return the shape of y, as far as it is known."""
    sides = [
        None
        if image is None or kernel is None
        else -(-(image if cache.padding == "SAME" else image - kernel + 1) // step)
        for image, kernel, step in zip(
            cache.x.shape[1:3], cache.w.shape[:2], cache.strides[1:3], strict=True
        )
    ]
    return [cache.x.shape[0], *sides, cache.w.shape[3]]


def _same_padding(w: tf.Tensor) -> list[tuple[int, int]]:
    """Return the rows and columns of zeros that SAME adds for stride 1, as tf.pad takes them."""
    rows, columns = w.shape[0] - 1, w.shape[1] - 1
    return [(0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)]


def _checked_stride(stride: int | Sequence[int]) -> list[int]:
    steps = list(stride) if isinstance(stride, Sequence) else [stride, stride]
    for step in steps:
        checks.whole_number("stride", step, 1)
    if isinstance(stride, str) or len(steps) != 2:
        raise ValueError(f"stride is {stride!r}, must be one step, or (down, right)")
    return [1, int(steps[0]), int(steps[1]), 1]


def _checked_margins(padding: Sequence[Sequence[int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    right = '"SAME", "VALID" or ((top, bottom), (left, right))'
    try:
        (top, bottom), (left, right_margin) = padding
    except (TypeError, ValueError):
        raise ValueError(f"padding is {padding!r}, must be {right}") from None
    for margin in (top, bottom, left, right_margin):
        checks.whole_number("padding", margin, 0)
    return (int(top), int(bottom)), (int(left), int(right_margin))
