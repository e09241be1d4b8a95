"""Does a forward pass normalize, and over which axes?"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bnstudy.gradient_check.layer_call import Layer, numbers_of, to_numpy

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

    @property
    def m(self) -> int:
        """The number of values of a group."""
        return int(np.prod([self.x.shape[axis] for axis in self.axes]))

    @property
    def x_hat(self) -> np.ndarray:
        """The normalized x."""
        return normalize(self.x, self.axes, self.epsilon)


def normalize(x: np.ndarray, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    """Return (x - mean) / sqrt(variance + epsilon)."""
    centred = x - x.mean(axes, keepdims=True)
    variance = (centred**2).mean(axes, keepdims=True)
    return centred / np.sqrt(np.maximum(variance + epsilon, 1e-300))


def find(layer: Layer, y: np.ndarray) -> Normalization | None:
    """Return the axes, epsilon, gamma and beta with which y = gamma x_hat + beta; None if none."""
    first, *others = layer.checked
    x = to_numpy(layer.arguments[first])
    if y.shape != x.shape or x.ndim < 2 or x.size < 4:
        return None
    epsilons = dict.fromkeys([*numbers_of(layer), *USUAL_EPSILONS])
    pairs = list(_parameters(layer, others, x))
    for count in range(1, x.ndim + 1):
        for axes in combinations(range(x.ndim), count):
            for epsilon in epsilons:
                x_hat = normalize(x, axes, epsilon) if epsilon >= 0 else x
                for gamma, beta, names in pairs:
                    if np.linalg.norm(gamma * x_hat + beta - y) <= SAME * np.linalg.norm(y):
                        return Normalization(x, gamma, axes, epsilon, *names)
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
