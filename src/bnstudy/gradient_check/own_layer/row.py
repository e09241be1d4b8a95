"""One gradient against the numeric opinions: a row of the table."""

from typing import Any, NamedTuple

import numpy as np

from bnstudy.gradient_check.own_layer import gradients as given_gradients
from bnstudy.gradient_check.own_layer import names, oracles
from bnstudy.gradient_check.own_layer.call import Layer, is_real, to_numpy
from bnstudy.gradient_check.own_layer.candidates import OTHER_ORDER, Case
from bnstudy.gradient_check.own_layer.normalization import Normalization
from bnstudy.gradient_check.own_layer.report import EXACT, FAIL, NO_VERDICT, PASS, Row

ZERO = 1e-8  # of a derivative, relative to the size of dy and y: below it is 0 but for rounding


class Given(NamedTuple):
    """What all rows need."""

    layer: Layer
    norm: Normalization | None
    dy: np.ndarray
    y: np.ndarray
    precision: oracles.Precision
    opinions: dict[int, oracles.Opinion]
    insist: bool
    random: np.random.Generator


def make_row(given: Given, position: int, gradients: dict[int, Any]) -> Row:
    """Compare one of the gradients."""
    gradient = gradients[position]
    x, opinion = to_numpy(given.layer.arguments[position]), given.opinions[position]
    label, kinks = f"d{given.layer.names[position]}", int(opinion.kinks.sum())
    if problem := given_gradients.wrong_kind(gradient, x, given.y.shape):
        problem += _still_right(gradient, x, opinion, problem)
        problem += _another(given.layer, position, gradients)
        shape = to_numpy(gradient).shape if gradient is not None else x.shape
        return Row(label, shape, 0, kinks, None, None, None, "-", None, FAIL, problem)
    values, smooth = to_numpy(gradient).astype(np.float64), ~opinion.kinks
    elements = opinion.elements[smooth]
    exact = None if opinion.complex_step is None else opinion.complex_step[smooth]
    right = opinion.values[smooth] if exact is None else exact
    sizes = oracles.sizes_of(x).reshape(-1)[elements]  # a column of another unit counts as much
    difference = relative(sizes * values.reshape(-1)[elements], sizes * right)
    swept = oracles.sweep(
        given.layer, position, values, opinion.elements[~smooth], given.dy, given.y, x, given.random
    )
    rest = x.size - len(opinion.elements)
    if missing := int(np.sum(~np.isfinite(values))):  # also where nothing was compared
        verdict, text = FAIL, f"{missing} of {values.size} values are not finite"
    elif _is_wrong(given, position, values, elements, right, difference, exact is not None):
        cut_off = _if_cut_off(to_numpy(gradient), elements, right)
        verdict, text = FAIL, cut_off or _name(given, position, values, elements, right)
    elif (
        rest
        and np.abs(values).max() > _zero(given, position)
        and _directions_fail(given, swept, difference)
    ):
        verdict = FAIL
        text = f"right at the {len(elements)} elements compared, wrong at some of the other {rest}"
    else:
        verdict, text = _verdict(given, position, values, right)
    return Row(
        label, x.shape, len(elements), kinks, difference, swept.difference, swept.order,
        swept.why_none, None if exact is None else difference, verdict, text,
    )  # fmt: skip


def _is_wrong(
    given: Given,
    position: int,
    values: np.ndarray,
    elements: np.ndarray,
    right: np.ndarray,
    difference: float,
    exact: bool,
) -> bool:
    """Whether the compared elements differ; two zeros never do, whatever their rounding."""
    zero, at = _zero(given, position), values.reshape(-1)[elements]
    if np.abs(right).max(initial=0) <= zero and np.abs(at).max(initial=0) <= zero:
        return False
    return not difference <= (EXACT if exact else given.precision.tolerance)


def _verdict(given: Given, position: int, values: np.ndarray, right: np.ndarray) -> tuple[str, str]:
    """Return the verdict on a gradient that is right where it was compared, and the reason."""
    if given.opinions[position].kinks.any() and (
        problem := _too_large_at_kinks(given, position, values)
        or _shared_at_kinks(given, position, values)
    ):
        return FAIL, problem
    reason = _says_nothing(given, position, right)
    insisted = given.insist and right.size  # nothing compared is never right
    return (NO_VERDICT if reason and not insisted else PASS), reason


def relative(a: np.ndarray, b: np.ndarray) -> float:
    """Return the norm of a - b over that of b; of a itself where b is 0."""
    difference = float(np.linalg.norm(a - b))
    return difference / (float(np.linalg.norm(b)) or 1.0) if difference else 0.0


def _directions_fail(given: Given, swept: oracles.Sweep, difference: float) -> bool:
    """Whether the elements that were not compared one by one are wrong."""
    kinks = swept.why_none == "kinks"  # crossed by some element, even at the smallest step
    limit = max(1e-3 if kinks else 0, 10 * given.precision.tolerance, 10 * difference)
    return not swept.difference <= limit


def _zero(given: Given, position: int) -> float:
    """Return the size below which a derivative is 0 but for rounding."""
    x = to_numpy(given.layer.arguments[position])
    scale = float(np.abs(given.dy * given.y).sum()) / oracles.size_of(x) / np.sqrt(x.size)
    return scale * max(ZERO, np.finfo(given.y.dtype).eps / given.precision.step)


def _says_nothing(given: Given, position: int, right: np.ndarray) -> str:
    """Return the reason for which no verdict is possible."""
    opinion = given.opinions[position]
    if opinion.kinks.sum() > len(opinion.kinks) / 2:
        return (
            f"{opinion.kinks.sum()} of {len(opinion.kinks)} elements are at a kink, where there is "
            "no derivative; give inputs without ties and zeros"
        )
    if np.abs(right).max(initial=0) <= _zero(given, position):
        return "the right gradient is 0, so most mistakes would not show; give other inputs"
    return ""


def _name(
    given: Given, position: int, values: np.ndarray, elements: np.ndarray, right: np.ndarray
) -> str:
    if np.abs(right).max(initial=0) <= _zero(given, position):
        return "the right gradient is 0, this one is not"
    others = {}
    for i, opinion in given.opinions.items():
        shape = to_numpy(given.layer.arguments[i]).shape
        if i != position and len(opinion.elements) == np.prod(shape) and not opinion.kinks.any():
            others[given.layer.names[i]] = opinion.values.reshape(shape)
    return names.name(
        Case(given.layer, position, given.norm, given.dy, given.y, values, elements, right, others)
    )


def _if_cut_off(gradient: np.ndarray, elements: np.ndarray, right: np.ndarray) -> str:
    """Say so where the gradient is right but for its fractions."""
    if gradient.dtype.kind not in "iu" or not gradient.any():
        return ""
    if not np.array_equal(gradient.reshape(-1)[elements], np.trunc(right)):
        return ""
    return f"it is {gradient.dtype}, so its fractions are cut off; write into an array of float64"


def _still_right(gradient: Any, x: np.ndarray, opinion: oracles.Opinion, problem: str) -> str:
    """Say so where only the shape of the gradient is wrong."""
    if "keepdims" not in problem and "transposed" not in problem:
        return ""
    array = to_numpy(gradient)
    turned = array.reshape(x.shape) if "keepdims" in problem else array.T
    right = relative(turned.reshape(-1)[opinion.elements], opinion.values) < 1e-6
    return "; its numbers are right" if right else ""


def _another(layer: Layer, position: int, gradients: dict[int, Any]) -> str:
    """Say so where a gradient has the shape of another argument, and all together fit."""
    found = sorted(to_numpy(g).shape for g in gradients.values() if is_real(g))
    if found != sorted(to_numpy(layer.arguments[i]).shape for i in layer.checked):
        return ""
    shape = to_numpy(gradients[position]).shape
    names = [
        layer.names[i]
        for i in layer.checked
        if i != position and to_numpy(layer.arguments[i]).shape == shape
    ]
    return f"; {names[0]} has it: {OTHER_ORDER}" if names else ""


def _too_large_at_kinks(given: Given, position: int, values: np.ndarray) -> str:
    """Say so where the derivative at a kink is more than the slope of its steeper side."""
    opinion = given.opinions[position]
    own = np.abs(values.reshape(-1)[opinion.elements])
    wrong = np.flatnonzero(own > (1 + given.precision.jump) * opinion.reach)
    if not wrong.size:
        return ""
    where = np.unravel_index(opinion.elements[wrong[0]], values.shape)
    return (
        f"at {len(wrong)} of {opinion.kinks.sum()} kinks it is steeper than the function on either "
        f"side, the first at {[int(i) for i in where]}"
    )


def _shared_at_kinks(given: Given, position: int, values: np.ndarray) -> str:
    """Compare the derivative when all elements at a kink move together, which ties do smoothly."""
    x, opinion = to_numpy(given.layer.arguments[position]), given.opinions[position]
    together = np.zeros_like(x)
    together.flat[opinion.elements[opinion.kinks]] = 1
    together *= oracles.sizes_of(x)
    step = given.precision.step
    up, down = oracles.difference_y(given.layer, position, x, step * together, given.dy, given.y)
    right, own = (up + down) / 2 / step, float(np.sum(values * together))
    if abs(up - down) > given.precision.jump * abs(up + down):
        return ""  # a kink in this direction, too
    if abs(own - right) <= 1e-3 * max(abs(right), abs(own)):
        return ""
    return (
        f"at the {opinion.kinks.sum()} ties it adds up to {own:.4g}, not {right:.4g}: tied "
        "elements share one dy; they must not each receive all of it"
    )
