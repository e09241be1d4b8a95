"""What the gradient is, without a backward pass: central differences, and the complex step.

Differences are taken of y, not of the cost: outputs that an element does not reach cancel exactly.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer.call import Layer

MOST_ELEMENTS = 300  # of larger arguments so many, chosen at random, are compared one by one
COMPLEX_STEP = 1e-30
AGREE = 1e-5  # relative distance at which the complex step is taken for a right opinion
DIRECTIONS = 3
SWEEP = 10.0 ** -np.arange(1.5, 6.1, 0.5)  # steps, in units of the argument's size


class Precision(NamedTuple):
    """What a dtype allows."""

    step: float  # of the central differences, in units of the argument's size
    tolerance: float  # relative distance from central differences
    jump: float  # relative difference of one-sided slopes from which a kink is suspected


DOUBLE, SINGLE = Precision(1e-5, 1e-6, 1e-3), Precision(1e-2, 2e-2, 0.2)


class Opinion(NamedTuple):
    """The derivative with respect to some elements of one argument."""

    elements: np.ndarray  # flat indices
    values: np.ndarray  # central differences
    kinks: np.ndarray  # whether the slopes on both sides differ, so that there is no derivative
    complex_step: np.ndarray | None  # None where it is left out


class Sweep(NamedTuple):
    """The derivative along random directions, for a sequence of steps, against backward's."""

    difference: float  # relative to the gradient's size, with the best step
    order: float | None  # of convergence; None where no step shows one
    why_none: str  # "exact" or "kinks"


def difference_y(
    layer: Layer, position: int, x: np.ndarray, change: np.ndarray, dy: np.ndarray, y: np.ndarray
) -> tuple[float, float]:
    """Return the change of the cost for x + change and, negative, for x - change."""
    up = layer.output(position, x + change)
    down = layer.output(position, x - change)
    return float(np.sum(dy * (up - y))), float(np.sum(dy * (y - down)))


def size_of(x: np.ndarray) -> float:
    """Return the typical size of the elements; 1 where all are 0."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) or 1.0


def rounding(dy: np.ndarray, y: np.ndarray) -> float:
    """Return the rounding error to expect of the cost."""
    return 4 * float(np.finfo(y.dtype).eps * np.sum(np.abs(dy * y)))


def opinion(
    layer: Layer,
    position: int,
    x: np.ndarray,
    dy: np.ndarray,
    y: np.ndarray,
    precision: Precision,
    random: np.random.Generator,
) -> Opinion:
    """Differentiate with respect to single elements."""
    chosen = min(x.size, MOST_ELEMENTS)
    elements = np.sort(random.permutation(x.size)[:chosen])
    values, kinks = np.empty(chosen), np.zeros(chosen, bool)

    def slopes(element: int, step: float) -> tuple[float, float]:
        change = np.zeros_like(x)
        change.flat[element] = step
        up, down = difference_y(layer, position, x, change, dy, y)
        return up / step, down / step

    step = precision.step * size_of(x)
    sides = np.array([slopes(element, step) for element in elements])
    values[:] = sides.mean(1)
    jumps = np.abs(np.subtract(*sides.T))
    # Below the floor a difference of slopes is rounding, or a curve among much steeper ones.
    floor = max(0.1 * precision.jump * size_of(values), 100 * rounding(dy, y) / step)
    for i in np.flatnonzero(jumps > np.maximum(precision.jump * np.abs(sides).max(1), floor)):
        # On a smooth curve the slopes now differ by a tenth; beside a kink, not at all.
        closer = slopes(elements[i], step / 10)
        kinks[i] = abs(closer[0] - closer[1]) > 0.15 * jumps[i]
        values[i] = (closer[0] + closer[1]) / 2
    return Opinion(
        elements, values, kinks, _complex(layer, position, x, dy, elements, values, kinks)
    )


def _complex(
    layer: Layer,
    position: int,
    x: np.ndarray,
    dy: np.ndarray,
    elements: np.ndarray,
    central: np.ndarray,
    kinks: np.ndarray,
) -> np.ndarray | None:
    """Return Im cost(x + ih) / h; None where forward drops imaginary parts or cannot take them."""
    if type(layer.arguments[position]) is not np.ndarray or x.dtype != np.float64:
        return None
    values, smooth = np.empty(len(elements)), ~kinks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for i, element in enumerate(elements):
                shifted = x.astype(np.complex128)
                shifted.flat[element] += 1j * COMPLEX_STEP
                values[i] = np.sum(dy * layer.output(position, shifted)).imag / COMPLEX_STEP
    except UserError:
        return None
    distance = np.linalg.norm((values - central)[smooth])
    return values if distance <= AGREE * np.linalg.norm(central[smooth]) else None


def sweep(
    layer: Layer,
    position: int,
    gradient: np.ndarray,
    without: np.ndarray,
    dy: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    random: np.random.Generator,
) -> Sweep:
    """Compare backward's derivative along random directions with central differences.

    Args:
        layer: the pair.
        position: of the argument.
        gradient: what backward returned, like x.
        without: flat indices that directions avoid, because there is a kink.
        dy: upstream gradient.
        y: forward's output.
        x: the argument.
        random: of the directions.

    Returns:
        The largest difference over the directions, each with its best step, and the observed order.

    """
    best, orders, crossed = [], [], False
    scale, noise = size_of(x), rounding(dy, y)
    for _ in range(DIRECTIONS):
        u = random.standard_normal(x.shape)
        u.flat[without] = 0
        expected = float(np.sum(gradient * u))
        steps = scale * SWEEP
        sides = np.array([difference_y(layer, position, x, h * u, dy, y) for h in steps])
        errors = np.abs(sides.mean(1) / steps - expected)
        curvature = np.subtract(*sides.T) / steps**2
        smooth = _constant(curvature, noise / steps**2)
        crossed = crossed or not smooth.all()
        best.append(errors.min())
        orders += _slopes(errors, smooth & (errors > 100 * noise / steps))
    size = float(np.linalg.norm(gradient)) or 1.0
    order = float(np.median(orders)) if orders else None
    return Sweep(max(best) / size, order, "kinks" if crossed else "exact")


def _constant(curvature: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether the curvature at each step is that at the next smaller one: no kink between."""
    change = np.abs(np.diff(curvature, append=curvature[-1]))
    return change <= 0.1 * np.abs(curvature) + 10 * np.append(noise[1:], noise[-1])


def _slopes(errors: np.ndarray, usable: np.ndarray) -> list[float]:
    pairs = np.flatnonzero(usable[:-1] & usable[1:])
    return [math.log(errors[i] / errors[i + 1]) / math.log(SWEEP[i] / SWEEP[i + 1]) for i in pairs]
