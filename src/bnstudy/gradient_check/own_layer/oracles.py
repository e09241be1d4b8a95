"""What the gradient is, without a backward pass: central differences, and the complex step.

Differences are taken of y, not of the cost: outputs that an element does not reach cancel exactly.
"""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer.call import Layer

MOST_ELEMENTS = 300  # compared one by one; of larger arguments, a random choice
COMPLEX_STEP = 1e-30
AGREE = 1e-5  # relative distance up to which the complex step may be a right opinion
SURE = 1e-9  # up to here it is one; between, if extrapolated differences come nearer to it
DIRECTIONS = 3
LEAST_GROUP = 4  # elements of a row, column or channel from which its spread is known
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
    reach: np.ndarray  # the most that the derivative can be, of the kinks alone; else infinite


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


def sizes_of(x: np.ndarray) -> np.ndarray:
    """Return the typical size of each element's changes: that of its row, its column, its channel.

    Columns of other units have other sizes. An offset that is large beside the changes, whose
    rounding a small step would magnify, makes them larger.
    """
    offset, least = size_of(x), np.finfo(x.dtype).eps
    spread = float(x.std()) if x.size > 1 else 0.0
    whole = spread if spread > 1e3 * least * offset else offset
    sizes = np.full(x.shape, whole, np.float64)
    for axis in range(x.ndim):
        others = tuple(other for other in range(x.ndim) if other != axis)
        if x.size // x.shape[axis] >= LEAST_GROUP:
            own = x.std(others, keepdims=True, dtype=np.float64)
            usable = own > 1e3 * least * np.abs(x).max(others, keepdims=True)
            sizes = np.minimum(sizes, np.where(usable, own, sizes))
    return sizes


def steps_of(x: np.ndarray, precision: Precision) -> np.ndarray:
    """Return the steps of central differences: larger where rounding of a large offset is."""
    sizes, groups = sizes_of(x), np.abs(x)
    relative = np.finfo(x.dtype).eps * groups / sizes
    return sizes * np.maximum(precision.step, np.cbrt(relative))


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
    reach = np.full(chosen, np.inf)

    def slopes(element: int, step: float) -> tuple[float, float]:
        up, down = difference_y(layer, position, x, _only(x, element, step), dy, y)
        return up / step, down / step

    sizes, steps = (of.reshape(-1)[elements] for of in (sizes_of(x), steps_of(x, precision)))
    sides = np.array([slopes(*pair) for pair in zip(elements, steps, strict=True)])
    values[:] = sides.mean(1)
    jumps = np.abs(np.subtract(*sides.T))
    # Below the floor a difference of slopes is rounding, or a curve among much steeper ones.
    usual = 0.1 * precision.jump * size_of(values * sizes) / sizes
    floor = np.maximum(usual, 100 * rounding(dy, y) / steps)
    for i in np.flatnonzero(jumps > np.maximum(precision.jump * np.abs(sides).max(1), floor)):
        # On a smooth curve the slopes now differ by a tenth; beside a kink, not at all.
        closer = slopes(elements[i], steps[i] / 10)
        kinks[i] = abs(closer[0] - closer[1]) > 0.15 * jumps[i]
        values[i] = (closer[0] + closer[1]) / 2
        if kinks[i]:
            reach[i] = _reach(layer, position, x, _only(x, elements[i], steps[i] / 10), dy, y)
            reach[i] /= steps[i] / 10
    exact = _complex(layer, position, x, dy, elements)
    differences = Differences(slopes, steps, sizes, values, ~kinks)
    if exact is not None and not _believable(exact, elements, differences):
        exact = None
    return Opinion(elements, values, kinks, exact, reach)


def _only(x: np.ndarray, element: int, step: float) -> np.ndarray:
    change = np.zeros_like(x)
    change.flat[element] = step
    return change


def _reach(
    layer: Layer, position: int, x: np.ndarray, change: np.ndarray, dy: np.ndarray, y: np.ndarray
) -> float:
    """Return the change of the cost if each output counted with its steeper side and its sign."""
    up, down = (np.abs(layer.output(position, x + sign * change) - y) for sign in (1, -1))
    return float(np.sum(np.abs(dy) * np.maximum(up, down)))


class Differences(NamedTuple):
    """Central differences, to judge the complex step by."""

    slopes: Callable[[int, float], tuple[float, float]]
    steps: np.ndarray
    sizes: np.ndarray
    values: np.ndarray
    smooth: np.ndarray  # no kink


def _believable(exact: np.ndarray, elements: np.ndarray, differences: Differences) -> bool:
    """Whether the complex step is a right opinion: forward has dropped no imaginary part.

    The differences' own error shrinks as they are extrapolated from longer steps. What was dropped
    stays.
    """
    slopes, steps, sizes, values, smooth = differences
    size = float(np.linalg.norm((values * sizes)[smooth]))

    def distance(found: np.ndarray) -> float:
        return float(np.linalg.norm(((exact - found) * sizes)[smooth]))

    first = distance(values)
    if first <= SURE * size:
        return True
    if not first <= AGREE * size:
        return False

    def central(factor: float) -> np.ndarray:
        pairs = zip(elements, factor * steps, strict=True)
        return np.array([sum(slopes(*pair)) / 2 for pair in pairs])

    nearest = min(distance((4 * central(f) - central(2 * f)) / 3) for f in (0.3, 3, 10, 30, 100))
    return nearest <= max(SURE * size, 0.1 * first)


def _complex(
    layer: Layer,
    position: int,
    x: np.ndarray,
    dy: np.ndarray,
    elements: np.ndarray,
) -> np.ndarray | None:
    """Return Im cost(x + ih) / h; None where forward cannot take complex numbers."""
    if type(layer.arguments[position]) is not np.ndarray or x.dtype != np.float64:
        return None
    values = np.empty(len(elements))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for i, element in enumerate(elements):
                shifted = x.astype(np.complex128)
                shifted.flat[element] += 1j * COMPLEX_STEP
                values[i] = np.sum(dy * layer.output(position, shifted)).imag / COMPLEX_STEP
    except UserError:
        return None
    return values


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
    sizes, noise = sizes_of(x), rounding(dy, y)
    for _ in range(DIRECTIONS):
        u = random.standard_normal(x.shape)
        u.flat[without] = 0
        u *= sizes
        expected = float(np.sum(gradient * u))
        sides = np.array([difference_y(layer, position, x, h * u, dy, y) for h in SWEEP])
        errors = np.abs(sides.mean(1) / SWEEP - expected)
        curvature = np.subtract(*sides.T) / SWEEP**2
        smooth = _constant(curvature, noise / SWEEP**2)
        crossed = crossed or not smooth.all()
        best.append(errors.min())
        orders += _slopes(errors, smooth & (errors > 100 * noise / SWEEP))
    size = float(np.linalg.norm(gradient * sizes)) or 1.0
    order = float(np.median(orders)) if orders else None
    return Sweep(max(best) / size, order, "kinks" if crossed else "exact")


def _constant(curvature: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Whether the curvature at each step is that at the next smaller one: no kink between."""
    change = np.abs(np.diff(curvature, append=curvature[-1]))
    return change <= 0.1 * np.abs(curvature) + 10 * np.append(noise[1:], noise[-1])


def _slopes(errors: np.ndarray, usable: np.ndarray) -> list[float]:
    pairs = np.flatnonzero(usable[:-1] & usable[1:])
    return [math.log(errors[i] / errors[i + 1]) / math.log(SWEEP[i] / SWEEP[i + 1]) for i in pairs]
