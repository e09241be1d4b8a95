"""The name of a mistake in somebody's own backward pass, found by its wrong gradient."""

from itertools import pairwise

import numpy as np

from bnstudy.gradient_check import mistakes
from bnstudy.gradient_check.own_layer import oracles
from bnstudy.gradient_check.own_layer.call import numbers_of, to_numpy
from bnstudy.gradient_check.own_layer.candidates import SAME, Case, candidates
from bnstudy.gradient_check.own_layer.normalization import Normalization

UNKNOWN = "no known mistake matches"
WRONG_SIGN = "the sign (a factor of -1)"
ZERO = 1e-12  # relative to the right gradient: what is smaller is the rounding of a 0


def name(case: Case) -> str:
    """Return the mistake's name, or where the gradient is wrong."""
    wrong = case.at(case.wrong)
    if np.abs(wrong).max(initial=0) <= ZERO * np.abs(case.right).max(initial=0):
        return "it is 0 everywhere" + ", but for rounding" * bool(wrong.any())
    limit = min(SAME, 0.01 * mistakes.distance(wrong, case.right))
    with np.errstate(all="ignore"):  # a mistake that overflows does not fit
        found = [
            (distance, text)
            for text, candidate in candidates(case)
            if (distance := mistakes.distance(case.at(candidate), wrong)) < limit
        ]
    if found:
        near = 10 * min(found)[0] + 1e-8  # of those that fit alike, the first is the simplest
        return next(text for distance, text in found if distance <= near)
    for guess in (_rounding, _terms_of_norm, _factor, _elu, _own_path_alone, _added, _where):
        if text := guess(case):
            return text
    return UNKNOWN


def _rounding(case: Case) -> str | None:
    """Say so where the gradient is right but for float32."""
    distance = mistakes.distance(case.at(case.wrong), case.right)
    if distance > SAME:
        return None
    return f"off by {distance:.0e} only, like the rounding of float32: keep float64 throughout"


def _terms_of_norm(case: Case) -> str | None:
    """Fit r (c1 dx_hat - c2 mean(dx_hat) - c3 x_hat mean(dx_hat x_hat)); say which c is not 1."""
    if case.norm is None or case.wrong.shape != case.norm.x.shape:
        return None
    axes, m, x_hat = case.norm.axes, case.norm.m, case.norm.x_hat
    if case.layer.names[case.position] in (case.norm.gamma_name, case.norm.beta_name):
        return None
    dx_hat = case.norm.gamma * case.dy
    terms = {
        "direct": dx_hat,
        "mean": -dx_hat.mean(axes, keepdims=True) * np.ones_like(x_hat),
        "x-hat": -x_hat * (dx_hat * x_hat).sum(axes, keepdims=True) / (m - case.norm.less),
    }
    table = np.stack([t.ravel() for t in terms.values()], 1)
    for powers in _POWERS:
        r = [np.broadcast_to(case.norm.r, x_hat.shape).ravel() ** power for power in powers]
        scaled, wrong = table * np.stack(r, 1), case.wrong.ravel()
        c = np.linalg.lstsq(scaled, wrong, rcond=None)[0]
        if mistakes.distance(scaled @ c, wrong) > SAME:
            continue
        off = [
            f"the {term} term has the factor {round(value, 9) + 0.0:.6g}"
            f"{_meaning(value, case.norm)}, not 1"
            for term, value in zip(terms, c, strict=True)
            if abs(value - 1) > SAME
        ]
        return "; ".join([*_divisions(dict(zip(terms, powers, strict=True))), *off]) or None
    return None


# Of 1 / sigma in the direct, the mean and the x-hat term: all alike, or one that is not 1.
_POWERS = [(p, p, p) for p in (1, 0, 2, 3, -1)]
_POWERS += [(1, 1, p) for p in (0, -1, 2, 3, 4)] + [(1, p, 1) for p in (0, -1, 2, 3)]
_POWERS += [(1, 1, p + 1) for p in (4, 5)] + [(p, 1, 1) for p in (0, 2)]


def _divisions(powers: dict[str, int]) -> list[str]:
    """Say how often a term is divided by the standard deviation, where once is due."""
    if len(set(powers.values())) == 1:
        power = powers["direct"]
        text = f"divided by the standard deviation to the power {power}, not 1"
        return [text] if power != 1 else []
    return [
        f"the {term} term is divided by the standard deviation to the power {power}, not 1"
        for term, power in powers.items()
        if power != 1
    ]


def _meaning(value: float, norm: Normalization) -> str:
    m = norm.m
    known = {
        0.0: "it is missing",
        -1.0: "its sign",
        m / (m - 1): "m / (m - 1): divided by m - 1 instead of m",
        (m - 1) / m: "(m - 1) / m: divided by m instead of m - 1",
        float(m): "m: a sum instead of a mean",
        1 / m: "1 / m: divided by m twice",
        2.0: "2: counted twice",
        0.5: "1/2: a factor 2 forgotten",
    }
    for axis, length in enumerate(norm.x.shape):
        text = f"divided by {length}, the length of axis {axis}, instead of {m}"
        known.setdefault(m / length, text)
    near = [text for number, text in known.items() if abs(value - number) < 1e-6]
    return f" ({near[0]})" if near else ""


def _factor(case: Case) -> str | None:
    """Name a constant factor, with its value and what it may be."""
    factor = mistakes.constant_factor(case.at(case.wrong), case.right)
    alone = len(case.elements) == 1 < case.x.size  # the others are at kinks
    if factor is None or alone:
        return None
    if abs(factor + 1) < SAME:
        return WRONG_SIGN
    x, y = case.x, case.y
    own = case.layer.names[case.position]
    lengths = {
        f"the elements of {own} per element of y": x.size // y.size,
        f"the elements of y per element of {own}": y.size // x.size,
    }
    lengths |= {
        f"the length of axis {a} of {n}": s
        for n, shape in _shapes(case)
        for a, s in enumerate(shape)
    }
    lengths |= {"all axes of y but the last": y.size // y.shape[-1] if y.ndim > 2 else 1}
    lengths |= {f"the number of elements of {n}": int(np.prod(shape)) for n, shape in _shapes(case)}
    lengths |= {
        f"axes {a} and {a + 1} of y": a0 * a1 for a, (a0, a1) in enumerate(pairwise(y.shape))
    }
    meaning = _number(factor, case)
    for text, length in lengths.items():
        if meaning:
            break
        if length > 1 and abs(factor * length - 1) < 1e-6:
            meaning = f": 1/{length}, {text}: a mean instead of a sum?"
        elif length > 1 and abs(factor / length - 1) < 1e-6:
            meaning = f": {text}: a sum instead of a mean?"
    return f"a constant factor of {mistakes.shown(factor)}{meaning}"


def _number(factor: float, case: Case) -> str:
    """Recognize a number that forward was given, such as the rate of dropout."""
    for c in (c for c in numbers_of(case.layer) if 0 < c < 1):
        if abs(factor / c - 1) < SAME:
            return ": a number that forward uses"
        known = {
            "1 / c": 1 / c,
            "c^2": c**2,
            "1 - c": 1 - c,
            "1 / (1 - c)": 1 / (1 - c),
            "c / (1 - c)": c / (1 - c),
            "(1 - c) / c": (1 - c) / c,
        }
        for text, value in known.items():
            if abs(factor / value - 1) < SAME:
                return f": {text} with c = {c:g}, a number that forward uses"
    return ""


def _shapes(case: Case) -> list[tuple[str, tuple[int, ...]]]:
    arrays = [
        (case.layer.names[i], to_numpy(case.layer.arguments[i]).shape) for i in case.layer.checked
    ]
    return [*arrays, ("y", case.y.shape)]


def _elu(case: Case) -> str | None:
    x = case.x
    if case.y.shape != x.shape or len(case.elements) != x.size:
        return None
    if mistakes.distance(np.where(x > 0, x, np.expm1(np.minimum(x, 0))), case.y) > 1e-12:
        return None
    return mistakes.elu(x, case.dy, case.wrong)


def _own_path_alone(case: Case) -> str | None:
    """Compare with the diagonal of the Jacobian: each output as a function of its own input."""
    x = case.x
    if case.y.shape != x.shape or len(case.elements) != x.size:
        return None
    step, own = oracles.DOUBLE.step * oracles.size_of(x), np.empty(x.size)
    for i in range(x.size):
        change = np.zeros_like(x)
        change.flat[i] = step
        up, down = (case.layer.output(case.position, x + sign * change) for sign in (1, -1))
        own[i] = (up.flat[i] - down.flat[i]) / (2 * step)
    if mistakes.distance(own.reshape(x.shape) * case.dy, case.wrong) > SAME:
        return None
    return "only the diagonal of the Jacobian is there: each element also affects the other outputs"


def _added(case: Case) -> str | None:
    """Name a multiple of the argument or of dy that is there in addition, or is missing."""
    rest = case.at(case.wrong) - case.right
    arrays = {case.layer.names[case.position]: case.x, "dy": case.dy}
    for text, array in arrays.items():
        if array.shape != case.x.shape:
            continue
        factor = mistakes.constant_factor(rest, case.at(array))
        if factor is not None and abs(factor + 1) < SAME and text == "dy":
            return "the path around is missing: dy itself must be added (a skip connection)"
        if factor is not None and factor:
            what = "weight decay?" if text != "dy" else "a skip connection?"
            return f"{factor:.6g} {text} is added ({what})"
    return None


def _where(case: Case) -> str | None:
    """Say which elements are wrong, if some are right."""
    wrong, right = case.at(case.wrong), case.right
    bad = np.abs(wrong - right) > 1e-6 * np.maximum(np.abs(right), np.abs(right).mean())
    if not 0 < bad.mean() < 0.95:
        return None
    x = case.x.reshape(-1)[case.elements]
    sides = {"x > 0": x > 0, "x <= 0": x <= 0, "x < 0": x < 0}
    exact = [side for side, mask in sides.items() if np.array_equal(mask, bad)]
    index = np.unravel_index(case.elements[np.flatnonzero(bad)[0]], case.x.shape)
    place = (
        f"where {exact[0].replace('x', case.layer.names[case.position])}"
        if exact
        else (f"the first at {[int(i) for i in index]}")
    )
    ends = [
        f"only at the ends of axis {axis}"
        for axis, length in enumerate(case.x.shape)
        if length > 2 and _only_at_ends(case, bad, axis, length)
    ]
    more = f" ({ends[0]})" if ends else ""
    more += _there(
        wrong[bad], right[bad], case.at(case.dy)[bad] if case.dy.shape == case.x.shape else None
    )
    return f"wrong at {bad.sum()} of {len(bad)} elements, {place}{more}; right at the others"


def _there(wrong: np.ndarray, right: np.ndarray, dy: np.ndarray | None) -> str:
    """Say what the wrong elements have in common."""
    if not wrong.any():
        return " (it is 0 there)"
    if not right.any():
        return " (it should be 0 there)"
    if dy is not None and mistakes.distance(wrong * dy, right) < SAME:
        return " (the factor dy is missing there)"
    return ""


def _only_at_ends(case: Case, bad: np.ndarray, axis: int, length: int) -> bool:
    along = np.unravel_index(case.elements, case.x.shape)[axis]
    return set(along[bad].tolist()) <= {0, length - 1}
