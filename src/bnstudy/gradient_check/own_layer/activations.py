"""Activations that are known by their values: their slopes, and the mistakes made with them."""

from collections.abc import Iterator

import numpy as np

from bnstudy.gradient_check.mistakes import distance

SAME = 1e-12  # relative distance at which an output is taken for that of a known activation

Named = tuple[str, np.ndarray]  # the mistake, the wrong gradient


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return 0.5 * (1 + np.tanh(x / 2))


def softmax(z: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def slope(z: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Return dy/dz where y is a known elementwise function of z, or z itself; None otherwise."""
    exp = np.exp(np.minimum(z, 0))
    functions = (
        (z, np.ones_like(z)),
        (np.maximum(z, 0), 1.0 * (z > 0)),
        (np.tanh(z), 1 - y**2),
        (sigmoid(z), y * (1 - y)),
        (np.where(z > 0, z, exp - 1), np.where(z > 0, 1, exp)),
    )
    return next((found for value, found in functions if distance(value, y) < SAME), None)


def mistakes(x: np.ndarray, dy: np.ndarray, y: np.ndarray) -> Iterator[Named]:
    """Yield the mistakes of tanh, the sigmoid, the softmax and its logarithm."""
    if distance(np.tanh(x), y) < SAME:
        yield from _tanh(x, dy, y)
    elif distance(sigmoid(x), y) < SAME:
        yield from _sigmoid(x, dy, y)
    elif distance(softmax(x), y) < SAME:
        yield from _softmax(dy, y)
    elif distance(np.log(softmax(x)), y) < SAME:
        yield from _log_softmax(dy, np.exp(y))


def _tanh(x: np.ndarray, dy: np.ndarray, y: np.ndarray) -> Iterator[Named]:
    right = "the slope of tanh is 1 - y^2"
    yield f"x in place of y: {right}", dy * (1 - x**2)
    yield f"the square is missing: {right}", dy * (1 - y)
    yield f"the sign of the square: {right}", dy * (1 + y**2)
    yield "tanh is applied to y again", dy * (1 - np.tanh(y) ** 2)
    yield f"the slope of the sigmoid: {right}", dy * y * (1 - y)
    yield f"the slope is taken at dy, not at x: {right}", dy * (1 - np.tanh(dy) ** 2)


def _sigmoid(x: np.ndarray, dy: np.ndarray, y: np.ndarray) -> Iterator[Named]:
    right = "the slope of the sigmoid is y (1 - y)"
    yield f"x in place of y: {right}", dy * x * (1 - x)
    yield f"the factor y is missing: {right}", dy * (1 - y)
    yield f"the factor 1 - y is missing: {right}", dy * y
    yield f"the slope of tanh: {right}", dy * (1 - y**2)
    again, at_dy = sigmoid(y), sigmoid(dy)
    yield "the sigmoid is applied to y again", dy * again * (1 - again)
    yield f"the slope is taken at dy, not at x: {right}", dy * at_dy * (1 - at_dy)
    yield "it is the slope at dy: x and the factor dy are both missing", at_dy * (1 - at_dy)


def _softmax(dy: np.ndarray, y: np.ndarray) -> Iterator[Named]:
    right, along = "dx = y (dy - sum(dy y))", (dy * y).sum(-1, keepdims=True)
    yield f"the sum over the outputs is missing: {right}", dy * y
    yield f"the sign of the sum: {right}", y * (dy + along)
    yield f"the factor y is missing: {right}", dy - along
    yield f"a sum of dy alone: {right}", y * (dy - dy.sum(-1, keepdims=True))
    yield f"a mean instead of the sum: {right}", y * (dy - along / y.shape[-1])
    yield (
        f"the sum is over all elements, not over the last axis: {right}",
        y * (dy - (dy * y).sum()),
    )
    yield f"only the diagonal of the Jacobian, and dy is missing: {right}", y * (1 - y)
    for axis in range(y.ndim - 1):
        text = f"the sum is over axis {axis}, not over the last axis: {right}"
        yield text, y * (dy - (dy * y).sum(axis, keepdims=True))
    if y.ndim == 2 and y.shape[0] == y.shape[1]:
        lost = y * (dy - (dy * y).sum(1))
        yield f"the sum loses its axis (keepdims=True is missing): {right}", lost


def _log_softmax(dy: np.ndarray, p: np.ndarray) -> Iterator[Named]:
    right = "dx = dy - softmax(x) sum(dy)"
    yield f"the sum of dy is missing: {right}", dy - p
    yield f"the sum of dy is missing: {right}", dy * (1 - p)
    yield f"y in place of the softmax: {right}", dy - np.log(p) * dy.sum(-1, keepdims=True)
    for axis in range(p.ndim - 1):
        text = f"the sum is over axis {axis}, not over the last axis: {right}"
        yield text, dy - p * dy.sum(axis, keepdims=True)
