"""Does a forward pass normalize, and over which axes?"""

from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from bnstudy.gradient_check.own_layer.call import Layer, numbers_of, to_numpy

USUAL_EPSILONS = (1e-5, 1e-3, 1e-8, 1e-6, 1e-7, 1e-12, 1e-4, 1e-2, 0.0)
SAME = 1e-10


class Normalization(NamedTuple):
    """What a normalization was given, and over what it takes its statistics."""

    x: np.ndarray
    gamma: np.ndarray  # broadcasts against x
    axes: tuple[int, ...]
    epsilon: float
    gamma_name: str | None
    beta_name: str | None
    less: int  # the variance is divided by m - less: 0 biased, 1 unbiased

    @property
    def m(self) -> int:
        """The number of values of a group."""
        return int(np.prod([self.x.shape[axis] for axis in self.axes]))

    @property
    def x_hat(self) -> np.ndarray:
        """The normalized x."""
        return self.centred * self.r

    @property
    def centred(self) -> np.ndarray:
        """Return x - mean."""
        return self.x - self.x.mean(self.axes, keepdims=True)

    @property
    def r(self) -> np.ndarray:
        """1 / sqrt(variance + epsilon)."""
        return root(self.centred, self.axes, self.epsilon, self.less)


def root(centred: np.ndarray, axes: tuple[int, ...], epsilon: float, less: int) -> np.ndarray:
    """Return 1 / sqrt(variance + epsilon)."""
    m = int(np.prod([centred.shape[axis] for axis in axes]))
    variance = (centred**2).sum(axes, keepdims=True) / max(m - less, 1)
    return 1 / np.sqrt(np.maximum(variance + epsilon, 1e-300))


def find(layer: Layer, y: np.ndarray) -> Normalization | None:
    """Return the axes, epsilon, gamma and beta with which y = gamma x_hat + beta; None if none."""
    first, *others = layer.checked
    x = to_numpy(layer.arguments[first])
    if y.shape != x.shape or x.ndim < 2 or x.size < 4:
        return None
    epsilons = [e for e in dict.fromkeys([*numbers_of(layer), *USUAL_EPSILONS]) if e >= 0]
    pairs = list(_parameters(layer, others, x))
    every_axes = [a for n in range(x.ndim) for a in combinations(range(x.ndim), n + 1)]
    for less, axes, epsilon in product((0, 1), every_axes, epsilons):
        centred = x - x.mean(axes, keepdims=True)
        x_hat = centred * root(centred, axes, epsilon, less)
        if np.abs(x_hat).max() < SAME:  # of a constant x: y would say nothing about the axes
            continue
        for gamma, beta, names in pairs:
            if np.linalg.norm(gamma * x_hat + beta - y) <= SAME * np.linalg.norm(y):
                return Normalization(x, gamma, axes, epsilon, *names, less)
    return None


Parameters = tuple[np.ndarray, np.ndarray, tuple[str | None, str | None]]


def _parameters(layer: Layer, others: list[int], x: np.ndarray) -> Iterator[Parameters]:
    """Yield gammas and betas, with their names, as they may be meant."""
    one, zero = np.ones(()), np.zeros(())
    yield one, zero, (None, None)
    fitting = [
        (layer.names[i], view)
        for i in others[:3]
        for view in _views(to_numpy(layer.arguments[i]), x.shape)
    ]
    for name, view in fitting:
        yield view, zero, (name, None)
        yield one, view, (None, name)
        for second, beta in fitting:
            if second != name:
                yield view, beta, (name, second)


def _views(w: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield w as it broadcasts against the shape: as it is, and as channels of axis 1."""
    shapes = [w.shape]
    if w.ndim == 1 and len(shape) > 2 and len(w) == shape[1]:
        shapes.append((len(w), *[1] * (len(shape) - 2)))
    for candidate in shapes:
        try:
            if np.broadcast_shapes(candidate, shape) == shape:
                yield w.reshape(candidate)
        except ValueError:
            continue
