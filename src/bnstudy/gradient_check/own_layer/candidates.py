"""Wrong gradients that are known by name, for a layer of somebody's own."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bnstudy.gradient_check import mistakes
from bnstudy.gradient_check.numpy_network import convolve
from bnstudy.gradient_check.own_layer.call import Layer, to_numpy
from bnstudy.gradient_check.own_layer.normalization import Normalization

OTHER_ORDER = "the order must be that of forward's arguments"


class Case(NamedTuple):
    """A wrong gradient and everything it may come from."""

    layer: Layer
    position: int
    norm: Normalization | None
    dy: np.ndarray
    y: np.ndarray
    wrong: np.ndarray  # the shape of the argument
    elements: np.ndarray  # flat indices at which the right gradient is known
    right: np.ndarray  # there
    others: dict[str, np.ndarray]  # the right gradients of the other arguments, if known in full

    @property
    def x(self) -> np.ndarray:
        """The argument."""
        return to_numpy(self.layer.arguments[self.position])

    def at(self, gradient: np.ndarray) -> np.ndarray:
        """Return a gradient at the elements."""
        return np.broadcast_to(gradient, self.x.shape).reshape(-1)[self.elements]


def candidates(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the names and the wrong gradients of mistakes that this layer could have."""
    for other, gradient in case.others.items():
        if gradient.shape == case.x.shape:
            yield f"this is d{other}: {OTHER_ORDER}", gradient
    yield from _normalization(case)
    yield from _cross_entropy(case)
    if case.dy.size == 1:
        yield "dy is not multiplied with", _filled(case) / case.dy.item()
    yield from _elementwise(case)
    yield from _product(case)
    yield from _convolution(case)
    yield from _lookup(case)
    if len(case.elements) == case.x.size:
        yield from _rearranged(case)


def _normalization(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    if case.norm is None:
        return
    x, gamma, axes, epsilon, gamma_name, beta_name, less = case.norm
    if less:  # the dictionary has the biased variance
        return
    own = case.layer.names[case.position]
    tensor = {gamma_name: "gamma", beta_name: "beta"}.get(own, "dx")
    beta, unknown = np.zeros_like(x), np.full_like(x, np.nan)  # there are no moving statistics
    given = mistakes.BatchNormCase(x, case.dy, gamma, beta, unknown, unknown, axes, epsilon)
    for where, text, candidate in mistakes.batch_norm(given):
        if where == tensor and candidate.size == case.x.size:
            yield text, candidate.reshape(case.x.shape)
    if tensor == "dx" and len(axes) == 1:
        yield from _without_keepdims(case, case.norm)
        yield from _other_axis(case, case.norm)


def _other_axis(case: Case, norm: Normalization) -> Iterator[tuple[str, np.ndarray]]:
    """Yield dx with means over an axis along which nothing was normalized."""
    x_hat, dx_hat = norm.x_hat, norm.gamma * case.dy
    for axis in set(range(case.x.ndim)) - set(norm.axes):
        a, b = (z.mean(axis, keepdims=True) for z in (dx_hat, dx_hat * x_hat))
        text = f"the means are over axis {axis}; forward normalizes over axis {norm.axes[0]}"
        yield text, norm.r * (dx_hat - a - x_hat * b)


def _without_keepdims(case: Case, norm: Normalization) -> Iterator[tuple[str, np.ndarray]]:
    """Yield dx with means that have lost their axis, where they still broadcast: a square x."""
    (axis,), x_hat, dx_hat = norm.axes, norm.x_hat, norm.gamma * case.dy
    r = norm.r
    a, b = (np.expand_dims(z.mean(axis), axis) for z in (dx_hat, dx_hat * x_hat))
    lost_a, lost_b = a.squeeze(axis), b.squeeze(axis)
    if np.broadcast_shapes(a.shape, lost_a.shape) != a.shape and len(set(case.x.shape)) == 1:
        text = "loses its axis and broadcasts along the wrong one (keepdims=True is missing)"
        yield f"the mean term {text}", r * (dx_hat - lost_a - x_hat * b)
        yield f"the x-hat term {text}", r * (dx_hat - a - x_hat * lost_b)
        yield f"each mean {text}", r * (dx_hat - lost_a - x_hat * lost_b)


def _cross_entropy(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    z, arguments = case.x, map(np.asarray, map(_plain, case.layer.arguments))
    labels = [a for a in arguments if a.dtype.kind in "iu" and a.shape == z.shape[:1]]
    if z.ndim != 2 or not labels or case.y.size not in (1, len(z)):
        return
    one_hot = np.eye(z.shape[1])[np.clip(labels[0], 0, z.shape[1] - 1)]
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    upstream = case.dy.reshape(-1, 1)
    for scale, text in ((1.0, " and not divided by N"), (1 / len(z), "")):
        yield f"the labels are not subtracted: it is the softmax alone{text}", upstream * p * scale
        yield f"the softmax is missing: logits minus labels{text}", upstream * (z - one_hot) * scale
        yield f"the sign: labels minus softmax{text}", upstream * (one_hot - p) * scale
        yield f"unnormalized: exp(logits) minus labels{text}", upstream * (e - one_hot) * scale
        yield f"only the label's own entry is set{text}", upstream * (p - 1) * one_hot * scale
    yield "dcost is not multiplied with", (p - one_hot) / len(z)
    yield "dcost is not multiplied with, and not divided by N", p - one_hot
    yield "not divided by N (a sum over the examples instead of the mean)", upstream * (p - one_hot)


def _elementwise(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    if case.dy.shape != case.x.shape:
        return
    dy, right = case.dy, _filled(case)
    yield "dy is passed on as it is: the layer's own slope is missing", dy
    yield "dy is not multiplied with", right / np.where(dy, dy, 1)
    yield "the mask is inverted (dy passes where it must not, and the other way round)", dy - right
    yield "the slope is multiplied with twice", right**2 / np.where(dy, dy, 1)
    slope = right / np.where(dy, dy, 1)
    exchanged = dy * (slope.min() + slope.max() - slope)
    yield "the slopes of the two sides are exchanged", exchanged
    yield "y in place of the slope", dy * case.y
    yield "the mask is applied to dy's sign, not to x's", dy * (dy > 0)
    yield from _activation(case.x, dy, case.y)


def _activation(x: np.ndarray, dy: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield mistakes of tanh, the sigmoid and the softmax."""
    e = np.exp(x - x.max(-1, keepdims=True))
    if mistakes.distance(np.tanh(x), y) < 1e-12:
        yield "x in place of y: the slope of tanh is 1 - y^2", dy * (1 - x**2)
        yield "the square is missing: the slope of tanh is 1 - y^2", dy * (1 - y)
    elif mistakes.distance(1 / (1 + np.exp(-x)), y) < 1e-12:
        yield "x in place of y: the slope of the sigmoid is y (1 - y)", dy * x * (1 - x)
        yield "the factor y is missing: the slope of the sigmoid is y (1 - y)", dy * (1 - y)
        yield "the sigmoid is applied to y again", dy / (1 + np.exp(-y)) / (1 + np.exp(y))
    elif mistakes.distance(e / e.sum(-1, keepdims=True), y) < 1e-12:
        yield "the sum over the outputs is missing: dx = y (dy - sum(dy y))", dy * y
        text = "dx = y (dy - sum(dy y)), over the last axis"
        yield f"y is missing in the sum: {text}", y * (dy - dy.sum(-1, keepdims=True))
        for axis in range(x.ndim - 1):
            lost = (dy * y).sum(axis, keepdims=True)
            yield f"the sum is over axis {axis}: {text}", y * (dy - lost)


def _product(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield mistakes of y = x w + b."""
    arrays = [to_numpy(case.layer.arguments[i]) for i in case.layer.checked]
    dy = case.dy
    if len(arrays) < 2 or dy.ndim != 2 or arrays[0].ndim != 2 or arrays[1].ndim != 2:
        return
    x, w = arrays[:2]
    if case.position == case.layer.checked[0] and w.shape[0] == w.shape[1] == dy.shape[1]:
        yield "w is not transposed: dy w instead of dy w^T", dy @ w
    elif case.position == case.layer.checked[1]:
        if x.shape[1] == dy.shape[1] == len(w):
            yield "transposed: dy^T x instead of x^T dy", dy.T @ x
        if len(x) == x.shape[1] == len(dy):
            yield "x is not transposed: x dy instead of x^T dy", x @ dy


def _convolution(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield mistakes of a convolution with stride 1 and as many pixels of y as of x."""
    arrays = [to_numpy(case.layer.arguments[i]) for i in case.layer.checked]
    if len(arrays) < 2 or arrays[0].ndim != 4 or arrays[1].ndim != 4:
        return
    x, w = arrays[:2]
    if w.shape[2] != x.shape[3] or case.y.shape != (*x.shape[:3], w.shape[3]):
        return
    bias = case.y - convolve(x, w)
    if np.ptp(bias, axis=(0, 1, 2)).max() > 1e-10 * np.abs(case.y).max():
        return
    tensor = "dx" if case.position == case.layer.checked[0] else "w"
    for where, text, candidate in mistakes.convolution(x, w, case.dy):
        if where == tensor and candidate.shape == case.x.shape:
            yield text, candidate


def _lookup(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the mistake of y = x[i] where an index occurs more than once: an embedding."""
    for i in map(_plain, case.layer.arguments):
        if not isinstance(i, np.ndarray) or i.dtype.kind not in "iu":
            continue
        if case.y.shape == i.shape + case.x.shape[1:] and i.max(initial=0) < len(case.x):
            last = np.zeros_like(case.x)
            last[i] = case.dy
            yield "an index that occurs twice counts once: += does not add up, np.add.at does", last


def _rearranged(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    right = _filled(case)
    if right.ndim >= 2 and right.shape[-1] == right.shape[-2]:
        yield "its last two axes are exchanged (transposed)", np.swapaxes(right, -1, -2)
    if right.ndim == 4:
        yield "turned by 180 degrees (axes 0 and 1)", right[::-1, ::-1]
        yield "turned by 180 degrees (axes 2 and 3)", right[:, :, ::-1, ::-1]
        if right.shape[0] == right.shape[1]:
            yield "rows and columns are exchanged", right.swapaxes(0, 1)
    for axis in range(right.ndim):
        for shift in (1, -1):
            yield f"shifted by one along axis {axis}", np.roll(right, shift, axis)
        if right.shape[axis] > 1:
            mean, n = right.mean(axis, keepdims=True), right.shape[axis]
            yield f"averaged over axis {axis}, of length {n}", mean * np.ones_like(right)
            yield f"summed over axis {axis}, of length {n}", n * mean * np.ones_like(right)


def _filled(case: Case) -> np.ndarray:
    """Return the right gradient, with 0 where it is not known."""
    right = np.zeros(case.x.size)
    right[case.elements] = case.right
    return right.reshape(case.x.shape)


def _plain(value: object) -> object:
    return (
        value.numpy() if hasattr(value, "numpy") else value if isinstance(value, np.ndarray) else 0
    )
