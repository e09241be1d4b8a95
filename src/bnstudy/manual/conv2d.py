"""Convolution over height and width, without bias: equations (1) to (3).

`forward` and `backward` call TensorFlow's kernels, which are fast. `plain_forward` and
`plain_backward` write the same sums out, for reading: a loop over the kernel's offsets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks


class Cache(NamedTuple):
    """Values that `backward` needs: the input (with explicit padding added) and the rest."""

    x: tf.Tensor  # [N, H, W, C], or [N, H + top + bottom, W + left + right, C]
    w: tf.Tensor  # [A, B, C, O]
    strides: list[int]  # [1, down, right, 1]
    padding: str  # the padding argument of the kernels: "SAME" or "VALID"
    margins: tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right)) of `x`


class PlainCache(NamedTuple):
    """Values that `plain_backward` needs."""

    x_padded: tf.Tensor  # [N, H + A - 1, W + B - 1, C]
    w: tf.Tensor  # [A, B, C, O]


def plain_forward(x: tf.Tensor, w: tf.Tensor) -> tuple[tf.Tensor, PlainCache]:
    """Convolve with stride 1 and SAME padding, as case c does: one matrix product per offset.

        y[n, i, j, o] = sum_{a, b, c}  x_padded[n, i + a, j + b, c]  w[a, b, c, o]

    Args:
        x: images [N, H, W, C].
        w: kernels [A, B, C, O], of known shape.

    Returns:
        y [N, H, W, O], and the cache for `plain_backward`.

    Raises:
        ValueError: x or w has another shape, or they disagree about C.

    """
    x, w = _checked(x, w)
    if not w.shape.is_fully_defined():
        raise ValueError(f"w has shape {checks.show(w.shape)}, must be known to loop over it")
    before, after = _same_padding(w)
    x_padded = _pad(x, before, after)  # [N, H + A - 1, W + B - 1, C]
    y = 0
    for a, b in _offsets(w):
        y += _window(x_padded, a, b, x) @ w[a, b]  # (1)  [.., C] @ [C, O]
    return y, PlainCache(x_padded, w)


def plain_backward(dy: tf.Tensor, cache: PlainCache) -> tuple[tf.Tensor, tf.Tensor]:
    """Backpropagate through `plain_forward`: one matrix product per offset for dw, and one for dx.

        dw[a, b, c, o] = sum_{n, i, j}  x_padded[n, i + a, j + b, c]  dy[n, i, j, o]
        dx[n, p, q, c] = sum_{a, b, o}  dy_padded[n, p + A - 1 - a, q + B - 1 - b, o]  w[a, b, c, o]

    So dx is a convolution of dy with the kernel turned by 180 degrees.

    Args:
        dy: [N, H, W, O], the dtype of x.
        cache: from `plain_forward`.

    Returns:
        dx [N, H, W, C] and dw [A, B, C, O].

    Raises:
        ValueError: dy does not have the shape of y.

    """
    x_padded, w = checks.cache_of("conv2d.plain_forward", cache, PlainCache)
    dy = _checked_plain_dy(dy, cache)
    before, after = _same_padding(w)
    dy_padded = _pad(dy, after, before)  # [N, H + A - 1, W + B - 1, O]
    dx, dw, offsets = 0, [], _offsets(w)
    for (a, b), turned in zip(offsets, reversed(offsets), strict=True):
        dw.append(tf.einsum("nijc,nijo->co", _window(x_padded, a, b, dy), dy))  # (2)  [C, O]
        dx += _window(dy_padded, *turned, dy) @ tf.transpose(w[a, b])  # (3)  [.., O] @ [O, C]
    return dx, tf.reshape(dw, w.shape)


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
    if padding == "VALID":
        x = _at_least_as_large_as_the_kernel(x, w)
    y = tf.nn.conv2d(x, w, strides, padding)  # (1)  [N, H', W', O]
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
    cache = checks.cache_of("conv2d.forward", cache, Cache)
    dy = checks.as_tensor("dy", dy, [cache.x.dtype])
    cache = cache._replace(**checks.python_values(cache, "strides", "padding", "margins"))
    checks.shape_of("dy", dy, _shape_of_y(cache), "the shape of y")
    x, w, strides, padding, ((top, bottom), (left, right)) = cache
    dw = tf.raw_ops.Conv2DBackpropFilter(  # (2)  [A, B, C, O]
        input=x, filter_sizes=tf.shape(w), out_backprop=dy, strides=strides, padding=padding
    )
    dx = tf.raw_ops.Conv2DBackpropInput(  # (3)  [N, H + top + bottom, W + left + right, C]
        input_sizes=tf.shape(x), filter=w, out_backprop=dy, strides=strides, padding=padding
    )
    height, width = tf.shape(x)[1], tf.shape(x)[2]
    return dx[:, top : height - bottom, left : width - right, :], dw


# --- the plain convolution's windows --------------------------------------------------------------


def _same_padding(w: tf.Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the (rows, columns) of zeros that SAME adds before and after, for stride 1."""
    rows, columns = w.shape[0] - 1, w.shape[1] - 1
    return (rows // 2, columns // 2), (rows - rows // 2, columns - columns // 2)


def _pad(x: tf.Tensor, before: tuple[int, int], after: tuple[int, int]) -> tf.Tensor:
    return tf.pad(x, [(0, 0), *zip(before, after, strict=True), (0, 0)])


def _offsets(w: tf.Tensor) -> list[tuple[int, int]]:
    return [(a, b) for a in range(w.shape[0]) for b in range(w.shape[1])]


def _window(x_padded: tf.Tensor, a: int, b: int, image: tf.Tensor) -> tf.Tensor:
    """Cut out what is seen at one offset: as high and as wide as the image."""
    return x_padded[:, a : a + tf.shape(image)[1], b : b + tf.shape(image)[2]]


# --- what is refused ------------------------------------------------------------------------------


def _checked(x: tf.Tensor, w: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    x = checks.images("x", x)
    w = checks.as_tensor("w", w, [x.dtype])
    # TensorFlow would take 2 C channels for a grouped convolution.
    checks.shape_of("w", w, [None, None, x.shape[3], None], "[A, B, C, O], with x [N, H, W, C]")
    checks.not_empty("w", w)
    if x.shape[3] is None or w.shape[2] is None:
        x = checks.same_sizes("x", x, [*tf.unstack(tf.shape(x)[:3]), tf.shape(w)[2]])
    if 0 in x.shape[1:]:  # no images at all are fine: y and dw are then sums of nothing
        raise ValueError(f"x has shape {checks.show(x.shape)}: its images are empty")
    return x, w


def _checked_plain_dy(dy: tf.Tensor, cache: PlainCache) -> tf.Tensor:
    (count, high, wide, _), (rows, columns, _, outputs) = cache.x_padded.shape, cache.w.shape
    sides = [
        None if side is None else side - (kernel - 1)
        for side, kernel in ((high, rows), (wide, columns))
    ]
    dy = checks.as_tensor("dy", dy, [cache.w.dtype])
    checks.shape_of("dy", dy, [count, *sides, outputs], "the shape of y")
    return dy


def _at_least_as_large_as_the_kernel(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    """Return x; refuse an empty y, at which TensorFlow can crash, or whose shape can be wrong."""
    sides = tuple(zip(("high", "wide"), x.shape[1:3], w.shape[:2], strict=True))
    for side, image, kernel in sides:
        if None not in (image, kernel) and kernel > image:
            raise ValueError(f"w is {kernel} {side}, must be at most {image}, as the padded x")
    if any(None in side for side in sides):  # known when the graph runs
        message = "w is larger than the padded x"
        fits = tf.debugging.assert_greater_equal(tf.shape(x)[1:3], tf.shape(w)[:2], message)
        with tf.control_dependencies([fits]):
            x = tf.identity(x)
    return x


def _shape_of_y(cache: Cache) -> list[int | None]:
    """Return the shape of y, as far as it is known."""
    x, w, strides, padding, _ = cache
    sides = [
        None
        if image is None or kernel is None
        else -(-(image if padding == "SAME" else image - kernel + 1) // step)
        for image, kernel, step in zip(x.shape[1:3], w.shape[:2], strides[1:3], strict=True)
    ]
    return [x.shape[0], *sides, w.shape[3]]


def _checked_stride(stride: int | Sequence[int]) -> list[int]:
    steps = list(stride) if isinstance(stride, list | tuple) else [stride, stride]
    if len(steps) != 2:
        raise ValueError(f"stride must be one step or (down, right), not {stride!r}")
    return [1, *(checks.whole_number("stride", step, 1) for step in steps), 1]


def _checked_margins(padding: Sequence[Sequence[int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    try:
        (top, bottom), (left, right) = padding
    except (TypeError, ValueError):
        kinds = '"SAME", "VALID" or ((top, bottom), (left, right))'
        raise ValueError(f"padding must be {kinds}, not {checks.show_value(padding)}") from None
    top, bottom, left, right = (
        checks.whole_number("padding", margin, 0) for margin in (top, bottom, left, right)
    )
    return (top, bottom), (left, right)
