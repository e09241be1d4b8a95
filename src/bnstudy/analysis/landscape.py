"""The cost as a function of the weights: its curvature, and how it changes along the gradient.

All derivatives are those by hand. Training-mode batch norm takes the statistics of each batch, so
that they move with the weights; frozen, they are constants (the moving statistics).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.sparse.linalg import LinearOperator, eigsh

from bnstudy.model.all_cnn import Model
from bnstudy.model.gradients import manual_gradients

Batch = tuple[tf.Tensor, tf.Tensor]  # images [N, 32, 32, 3], standardized; labels [N]


class Landscape:
    """The mean cost of some batches, as a function of all weights in one vector.

    Args:
        model: the network; its weights are moved and put back, and so are its statistics.
        batches: of equal size; their costs are averaged.
        frozen: take batch norm's moving statistics, as constants.

    Attributes:
        model: as given.
        batches: as given; may be replaced by others.
        step: since the start of the run, whose noise and limits of renormalization count; may be
            changed.
        steps: of the whole run; 0: unknown, and the limits are open.

    """

    def __init__(self, model: Model, batches: Sequence[Batch], frozen: bool = False):
        self.model, self.batches = model, list(batches)
        self.step, self.steps = 0, 0
        self._sizes = [int(tf.size(w)) for w in model.parameters.values()]

        @tf.function(autograph=False)
        def cost_and_gradient(images, labels, step, steps):
            cost, _, gradients = manual_gradients(
                model, images, labels, step, steps, training=not frozen
            )
            return cost, tf.concat([tf.reshape(dw, [-1]) for dw in gradients], axis=0)

        self._cost_and_gradient = cost_and_gradient

    @property
    def weights(self) -> np.ndarray:
        """All parameters of the network, in their order, as one float64 vector."""
        parts = [w.numpy().ravel() for w in self.model.parameters.values()]
        return np.concatenate(parts).astype(np.float64)

    def names(self) -> np.ndarray:
        """Return the name of the parameter that each element of the vector belongs to."""
        return np.repeat(list(self.model.parameters), self._sizes)

    def __call__(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the cost and its gradient [n] at other weights [n]."""
        with put_back(self.model):
            self._assign(weights)
            step = tf.constant(self.step, tf.int64)
            found = [self._cost_and_gradient(*batch, step, self.steps) for batch in self.batches]
        cost = np.mean([float(cost) for cost, _ in found])
        return float(cost), np.mean([g.numpy().astype(np.float64) for _, g in found], axis=0)

    def _assign(self, weights: np.ndarray) -> None:
        parts = np.split(weights, np.cumsum(self._sizes)[:-1])
        for variable, part in zip(self.model.parameters.values(), parts, strict=True):
            variable.assign(part.reshape(variable.shape).astype(variable.dtype.as_numpy_dtype))


@contextmanager
def put_back(model: Model) -> Iterator[None]:
    """Give a network's weights and statistics, at the end, the values that they have now."""
    variables = [*model.parameters.values(), *model.statistics.values()]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def hessian_product(
    landscape: Landscape, weights: np.ndarray, direction: np.ndarray, step: float = 1e-8
) -> np.ndarray:
    """Return H v by central differences of the gradient: (g(w + h v) - g(w - h v)) / (2 h).

    Args:
        landscape: of float64 parameters; in float32, rounding needs a step of about 1e-2.
        weights: w [n].
        direction: v [n], not zero.
        step: the length of h v, relative to that of w. ELU's second derivative jumps at 0, so that
            every unit that crosses 0 on the way makes an error, whereas rounding is small.

    """
    h = step * np.linalg.norm(weights) / np.linalg.norm(direction)
    _, above = landscape(weights + h * direction)
    _, below = landscape(weights - h * direction)
    return (above - below) / (2 * h)


class Eigenvalue(NamedTuple):
    """The largest eigenvalue of the Hessian, and what it took."""

    value: float
    vector: np.ndarray  # of length 1, [n]
    products: int  # with the Hessian


def leading_eigenvalue(
    landscape: Landscape, weights: np.ndarray, tolerance: float = 1e-3, seed: int = 0
) -> Eigenvalue:
    """Return the largest eigenvalue of the Hessian of the cost, by SciPy's Lanczos iteration.

    Args:
        landscape: of float64 parameters.
        weights: [n].
        tolerance: relative, of the eigenvalue.
        seed: of the first direction.

    """
    products = 0

    def product(direction: np.ndarray) -> np.ndarray:
        nonlocal products
        products += 1
        return hessian_product(landscape, weights, direction.ravel())

    size = len(weights)
    hessian = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(size)
    values, vectors = eigsh(hessian, k=1, which="LA", v0=start, tol=tolerance)
    return Eigenvalue(float(values[0]), vectors[:, 0], products)


class AlongGradient(NamedTuple):
    """The cost and the gradient at some distances against the gradient (Santurkar 2018, Fig. 4)."""

    steps: np.ndarray  # learning rates [k]
    costs: np.ndarray  # at w - step g [k]
    changes: np.ndarray  # ||g(w - step g) - g(w)|| [k]


def along_gradient(
    landscape: Landscape, weights: np.ndarray, steps: Sequence[float]
) -> AlongGradient:
    """Go down the gradient by several steps, each from the same point.

    Args:
        landscape: the cost.
        weights: [n].
        steps: learning rates.

    """
    _, gradient = landscape(weights)
    found = [landscape(weights - step * gradient) for step in steps]
    changes = [float(np.linalg.norm(there - gradient)) for _, there in found]
    return AlongGradient(np.array(steps), np.array([cost for cost, _ in found]), np.array(changes))


class Shift(NamedTuple):
    """How much the step of the layers before changes the gradient of one parameter."""

    name: str
    relative: float  # ||after - before|| / ||before||
    cosine: float  # between before and after
    norm: float  # ||before||


def internal_covariate_shift(
    landscape: Landscape, before: np.ndarray, after: np.ndarray
) -> list[Shift]:
    """Measure internal covariate shift as Santurkar et al. 2018 define it (definition 2.1).

    For each kernel, its gradient on the same batches before and after the parameters of all
    earlier layers have taken their step.

    Args:
        landscape: the cost.
        before: the weights before a training step [n].
        after: the weights after it [n].

    """
    names = landscape.names()
    _, gradient = landscape(before)
    shifts = []
    for name in list(landscape.model.parameters)[1:]:
        if not name.endswith("/w"):
            continue
        own = names == name
        earlier = np.arange(len(names)) < np.flatnonzero(own)[0]
        _, moved = landscape(np.where(earlier, after, before))
        a, b = gradient[own], moved[own]
        norm = float(np.linalg.norm(a))
        cosine = float(a @ b / (norm * np.linalg.norm(b)))
        shifts.append(Shift(name, float(np.linalg.norm(b - a)) / norm, cosine, norm))
    return shifts
