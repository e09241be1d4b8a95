"""Dense layers and convolutions, with or without an activation behind: the mistakes made in them.

A layer is found by its values. Where an activation follows, dz = dy times its slope is what the
linear part gets.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from bnstudy.gradient_check import mistakes as dictionary
from bnstudy.gradient_check.numpy_network import convolve, windows
from bnstudy.gradient_check.own_layer import activations

Located = tuple[int, str, np.ndarray]  # which argument, the mistake, the wrong gradient

SLOPE = "the slope of the activation is missing"
SIGN_OF_DY = "the activation's mask is taken from the sign of dy, not of z"
LAYOUTS = (  # axes of x and y, and of w, that lead to [N, H, W, C] and [A, B, C, O]
    ((0, 1, 2, 3), (0, 1, 2, 3)),
    ((0, 2, 3, 1), (2, 3, 1, 0)),
)
STRIDES = (1, 2, 3)


def mistakes(arrays: list[np.ndarray], y: np.ndarray, dy: np.ndarray) -> Iterator[Located]:
    """Yield the mistakes of y = f(x w + b), a matrix product or a convolution.

    Args:
        arrays: forward's arguments that have a gradient: x, w, perhaps b.
        y: forward's output.
        dy: the upstream gradient.

    """
    if len(arrays) < 2:
        return
    x, w, *rest = arrays
    fits = x.ndim > 1 and w.ndim == 2 and x.shape[-1] == len(w)
    if fits and y.shape == (*x.shape[:-1], w.shape[1]):
        yield from _dense(x, w, rest, y, dy)
    if x.ndim == w.ndim == y.ndim == 4 and (found := find(x, w, rest, y)):
        yield from _convolution(found, rest, dy)


def _biases(rest: list[np.ndarray], channels: int) -> list[np.ndarray]:
    return [np.zeros(channels), *(b.reshape(-1) for b in rest if b.size == channels)]


def _dense(
    x: np.ndarray, w: np.ndarray, rest: list[np.ndarray], y: np.ndarray, dy: np.ndarray
) -> Iterator[Located]:
    slopes = [activations.slope(x @ w + b, y) for b in _biases(rest, w.shape[1])]
    slope = next((s for s in slopes if s is not None), None)
    if slope is None:
        return
    dz = (dy * slope).reshape(-1, w.shape[1])
    x, dy = x.reshape(-1, len(w)), dy.reshape(dz.shape)
    if w.shape[0] == w.shape[1]:
        yield 0, "w is not transposed: dy w instead of dy w^T", dz @ w
        yield 1, "transposed: dy^T x instead of x^T dy", dz.T @ x
    if len(x) == len(w):
        yield 1, "x is not transposed: x dy instead of x^T dy", x @ dz
    for which, i in (("first", 0), ("last", -1)):
        yield 1, f"only the {which} example counts: sum over all", np.outer(x[i], dz[i])
    if not (slope == 1).all():
        for text, wrong in ((SLOPE, dy), (SIGN_OF_DY, dy * (dy > 0))):
            yield 0, text, wrong @ w.T
            yield 1, text, x.T @ wrong
            yield 2, text, wrong.sum(0)
        text = "the activation is applied to dx; its mask belongs to dy, by the sign of z"
        yield 0, text, np.maximum(dy @ w.T, 0)
        yield 0, text, np.maximum(dz @ w.T, 0)


class Convolution(NamedTuple):
    """A convolution in the layout [N, H, W, C], with the pixels of y that it keeps."""

    x: np.ndarray
    w: np.ndarray
    slope: np.ndarray  # of the activation, like y
    offset: tuple[int, int]  # of y's first pixel in the output of a SAME convolution of stride 1
    stride: int
    layout: tuple[tuple[int, ...], tuple[int, ...]]

    def spread(self, dz: np.ndarray, stride: int) -> np.ndarray:
        """Return dz as the gradient of a SAME convolution of stride 1, which has more pixels."""
        full, (a, b) = np.zeros((*self.x.shape[:3], dz.shape[3])), self.offset
        full[:, a::stride, b::stride][:, : dz.shape[1], : dz.shape[2]] = dz
        return full


def find(x: np.ndarray, w: np.ndarray, rest: list[np.ndarray], y: np.ndarray) -> Convolution | None:
    """Return the convolution that y is, of x with w: its layout, padding and stride."""
    for layout in LAYOUTS:
        a, k, z = x.transpose(layout[0]), w.transpose(layout[1]), y.transpose(layout[0])
        if k.shape[2] != a.shape[3] or k.shape[3] != z.shape[3]:
            continue
        same, offsets = convolve(a, k), [range((length + 1) // 2) for length in k.shape[:2]]
        for stride, row, column in product(STRIDES, *offsets):
            part = same[:, row::stride, column::stride][:, : z.shape[1], : z.shape[2]]
            if part.shape != z.shape:
                continue
            for bias in _biases(rest, k.shape[3]):
                if (slope := activations.slope(part + bias, z)) is not None:
                    return Convolution(a, k, slope, (row, column), stride, layout)
    return None


def _convolution(found: Convolution, rest: list[np.ndarray], dy: np.ndarray) -> Iterator[Located]:
    """Yield the mistakes, in the layout of the arguments."""
    back = [np.argsort(axes) for axes in found.layout]
    moved = dy.transpose(found.layout[0])
    for which, text, wrong in _canonical(found, moved):
        yield which, text, wrong.transpose(back[which])
    if not (found.slope == 1).all():
        yield from ((2 + i, SLOPE, moved.sum((0, 1, 2))) for i in range(len(rest)))
    columns = np.stack(list(_windows(found)), 3)  # [n, i, j, offset, channel]
    rows = (dy * found.slope.transpose(back[0])).reshape(found.w.shape[3], -1)
    mixed = (rows @ columns.reshape(rows.shape[1], -1)).T.reshape(found.w.shape)
    yield 1, "dy is reshaped to a matrix without being transposed first", mixed.transpose(back[1])


def _canonical(found: Convolution, dy: np.ndarray) -> Iterator[Located]:
    dz = dy * found.slope
    for tensor, text, wrong in dictionary.convolution(
        found.x, found.w, found.spread(dz, found.stride)
    ):
        yield (0 if tensor == "dx" else 1), text, wrong
    if not (found.slope == 1).all():
        yield from _both(found, dy, found.stride, SLOPE)
        yield from _both(found, dy * (dy > 0), found.stride, SIGN_OF_DY)
    if found.stride > 1:
        yield from _both(found, dz, 1, f"the stride of {found.stride} is forgotten")
    one = "windows overwrite each other: where they overlap, use += instead of ="
    yield 0, one, _overwritten(found, dz, 1)
    yield 0, one, _overwritten(found, dz, -1)
    last = np.stack([window[:, -1, -1] for window in _windows(found)], 1)  # [n, offset, channel]
    for images in (slice(None), slice(-1, None)):
        wrong = np.tensordot(last[images], dz[images, -1, -1], (0, 0)).reshape(found.w.shape)
        yield 1, "only the last position counts: sum over all", wrong


def _both(found: Convolution, dz: np.ndarray, stride: int, text: str) -> Iterator[Located]:
    """Yield dx and dw as they follow from a wrong dz."""
    turned, full = found.w[::-1, ::-1].transpose(0, 1, 3, 2), found.spread(dz, stride)
    even = (1 - found.w.shape[0] % 2, 1 - found.w.shape[1] % 2)
    yield 0, text, convolve(full, turned, even)
    yield 1, text, dictionary.kernel_gradient(found.x, found.w, full)


def _overwritten(found: Convolution, dz: np.ndarray, order: int) -> np.ndarray:
    """Return dx where each window, or each of the kernel's offsets, overwrites those before."""
    (images, height, width, channels), (rows, columns) = found.x.shape, found.w.shape[:2]
    dx = np.zeros((images, height + rows - 1, width + columns - 1, channels))
    for a, b in list(product(range(rows), range(columns)))[::order]:
        top, left = found.offset[0] + a, found.offset[1] + b
        seen = dx[:, top :: found.stride, left :: found.stride]
        seen[:, : dz.shape[1], : dz.shape[2]] = dz @ found.w[a, b].T
    top, left = (rows - 1) // 2, (columns - 1) // 2
    return dx[:, top : top + height, left : left + width]


def _windows(found: Convolution) -> Iterator[np.ndarray]:
    """Yield what each of the kernel's offsets sees of x, at the pixels that y keeps."""
    rows, columns = found.slope.shape[1:3]
    for window in windows(found.x, *found.w.shape[:2]):
        kept = window[:, found.offset[0] :: found.stride, found.offset[1] :: found.stride]
        yield kept[:, :rows, :columns]
