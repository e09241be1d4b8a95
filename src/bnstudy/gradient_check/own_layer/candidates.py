"""Wrong gradients that are known by name, for a layer of somebody's own."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bnstudy.gradient_check import mistakes
from bnstudy.gradient_check.own_layer import activations, costs, linear
from bnstudy.gradient_check.own_layer.call import Layer, is_array, to_numpy
from bnstudy.gradient_check.own_layer.normalization import Normalization

OTHER_ORDER = "the order must be that of forward's arguments"
SAME = 1e-6  # relative distance at which two gradients are taken for the same


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
    yield from _others(case)
    yield from _normalization(case)
    plain = [a for a in map(to_numpy, filter(is_array, case.layer.arguments)) if a is not case.x]
    yield from costs.mistakes(case.x, plain, case.y, case.dy)
    if case.dy.size == 1:
        yield "the factor dy is missing", _filled(case) / case.dy.item()
    yield from _elementwise(case)
    arrays = [to_numpy(case.layer.arguments[i]) for i in case.layer.checked]
    own = case.layer.checked.index(case.position)
    for which, text, wrong in linear.mistakes(arrays, case.y, case.dy):
        if which == own and wrong.size == case.x.size:
            yield text, wrong.reshape(case.x.shape)
    yield from _sums(case)
    yield from _lookup(case)
    if len(case.elements) == case.x.size:
        yield from _rearranged(case)


def _others(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the gradients of the other arguments, and their sums."""

    def is_the_sign(gradient: np.ndarray) -> bool:
        return mistakes.distance(case.at(-gradient), case.right) < SAME

    for other, gradient in case.others.items():
        if gradient.shape == case.x.shape and not is_the_sign(gradient):
            yield f"this is d{other}: {OTHER_ORDER}", gradient
        for axis in range(gradient.ndim if gradient.ndim > 1 else 0):
            total = gradient.sum(axis)
            if total.shape == case.x.shape and not is_the_sign(total):
                yield f"this is d{other}, summed over its axis {axis}", total


def _sums(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield sums of dy, for an argument that is broadcast."""
    x, dy = case.x, case.dy
    lead = tuple(range(dy.ndim - x.ndim))
    if not lead or dy.shape[len(lead) :] != x.shape:
        return
    if case.norm is not None and case.layer.names[case.position] == case.norm.gamma_name:
        dy = dy * case.norm.x_hat
    alone = mistakes.distance(case.at(dy.sum(lead)), case.right) > SAME
    if alone:
        own = case.layer.names[case.position]
        yield (
            f"it is the sum of dy alone: the factor that {own} multiplies is missing",
            dy.sum(lead),
        )
    for axes in combinations(range(dy.ndim), len(lead)):
        if axes != lead and dy.sum(axes).shape == x.shape and not alone:
            shown, due = (", ".join(map(str, a)) for a in (axes, lead))
            yield f"summed over axis {shown} instead of axis {due}", dy.sum(axes)


def _lookup(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the mistake of y = w[indices]."""
    for indices in map(to_numpy, filter(is_array, case.layer.arguments)):
        if indices.dtype.kind not in "iu" or case.y.shape != (*indices.shape, *case.x.shape[1:]):
            continue
        if indices.min(initial=0) < -len(case.x) or indices.max(initial=0) >= len(case.x):
            continue
        once = np.zeros(case.x.shape)
        once[indices] = case.dy
        yield (
            "an index that occurs twice counts once: use np.add.at(dw, i, dy), not dw[i] += dy",
            once,
        )


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
    if tensor == "dx":
        yield from _wrong_statistics(case, case.norm)
    if tensor == "dx" and len(axes) == 1:
        yield from _without_keepdims(case, case.norm)
    total = x.sum(axes, keepdims=True)
    if own == beta_name and total.size == case.x.size:
        yield "it is the sum of x, not of dy", total.reshape(case.x.shape)


def _wrong_statistics(case: Case, norm: Normalization) -> Iterator[tuple[str, np.ndarray]]:
    """Yield dx with sums over other axes than the forward pass has, and with x beside them."""
    x, x_hat, r, d = norm.x, norm.x_hat, norm.r, norm.gamma * case.dy

    def mean(z: np.ndarray, axes: tuple[int, ...] = norm.axes) -> np.ndarray:
        return z.mean(axes, keepdims=True)

    for axes in (a for n in range(x.ndim) for a in combinations(range(x.ndim), n + 1)):
        if axes != norm.axes:
            shown, due = (", ".join(map(str, a)) for a in (axes, norm.axes))
            text = f"its means are taken over axis {shown}; forward takes them over axis {due}"
            yield text, r * (d - mean(d, axes) - x_hat * mean(d * x_hat, axes))
    a, centred, m = mean(d), norm.centred, norm.m
    text = "in the x-hat term the sum is over all elements (its axis is missing)"
    yield text, r * (d - a - centred * r**2 * (d * centred).sum() / m)
    yield text, r * (d - a) - centred * (d * centred * r**3).sum() / m
    text = "the x-hat term has mean(dx_hat) instead of mean(dx_hat x_hat)"
    yield text, r * (d - a - x_hat * a)
    text = "the x-hat term has x instead of x - mean"
    yield text, r * (d - a - centred * r**2 * mean(d * x))
    yield text, r * (d - a - x * r**2 * mean(d * centred))
    yield text, r * (d - a - x * r**2 * mean(d * x))
    d = norm.gamma * d
    yield "gamma is applied twice", r * (d - mean(d) - x_hat * mean(d * x_hat))


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


def _elementwise(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    if not case.right.all():
        yield "only the mask: the factor dy is missing", 1.0 * (_filled(case) != 0)
    if case.dy.shape != case.x.shape:
        return
    dy, right = case.dy, _filled(case)
    yield "dy is passed on as it is: the layer's own slope is missing", dy
    slope = right / np.where(dy, dy, 1)
    yield "the factor dy is missing", slope
    inverted = "the mask is inverted (dy passes where it must not, and the other way round)"
    yield inverted, dy - right
    yield "the slope is applied twice", right * slope
    swapped = dy * (slope.min() + slope.max() - slope)
    yield ("the slopes of the two sides are swapped" if slope.all() else inverted), swapped
    yield "y in place of the slope", dy * case.y
    yield "y in place of dx: dy and the slope are both missing", case.y
    yield "the mask is taken from the sign of dy, not of x", dy * (dy > 0)
    yield from activations.mistakes(case.x, dy, case.y)


def _rearranged(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    right = _filled(case)
    if right.ndim >= 2 and right.shape[-1] == right.shape[-2]:
        yield "its last two axes are swapped (transposed)", np.swapaxes(right, -1, -2)
    if right.ndim == 4:
        yield "rotated by 180 degrees (axes 0 and 1)", right[::-1, ::-1]
        yield "rotated by 180 degrees (axes 2 and 3)", right[:, :, ::-1, ::-1]
        if right.shape[0] == right.shape[1]:
            yield "its rows and columns are swapped", right.swapaxes(0, 1)
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
