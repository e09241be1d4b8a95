"""The name of a mistake in somebody's own backward pass, found by its wrong gradient."""

import numpy as np

from bnstudy.gradient_check import mistakes
from bnstudy.gradient_check.own_layer import oracles
from bnstudy.gradient_check.own_layer.call import to_numpy
from bnstudy.gradient_check.own_layer.candidates import Case, candidates

SAME = 1e-6  # relative distance at which a gradient is taken for a mistake's

UNKNOWN = "a mistake without a name in the dictionary"


def name(case: Case) -> str:
    """Return the mistake's name, or where the gradient is wrong."""
    wrong = case.at(case.wrong)
    if not np.isfinite(wrong).all():
        return f"{np.sum(~np.isfinite(wrong))} of {len(wrong)} values are not finite"
    if not wrong.any():
        return "it is 0 everywhere"
    limit = min(SAME, 0.01 * mistakes.distance(wrong, case.right))
    found = [
        (distance, text)
        for text, candidate in candidates(case)
        if (distance := mistakes.distance(case.at(candidate), wrong)) < limit
    ]
    if found:
        near = 10 * min(found)[0] + 1e-8  # of those that fit alike, the first is the simplest
        return next(text for distance, text in found if distance <= near)
    for guess in (_rounding, _terms_of_norm, _factor, _elu, _own_path_alone, _where):
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
    for power in (1, 0, 2, 3, -1):
        wrong = (case.wrong / case.norm.r**power).ravel()
        c = np.linalg.lstsq(table, wrong, rcond=None)[0]
        if mistakes.distance(table @ c, wrong) > SAME:
            continue
        off = [
            f"the {term} term has the factor {round(value, 9) + 0.0:.6g}{_meaning(value, m)}, not 1"
            for term, value in zip(terms, c, strict=True)
            if abs(value - 1) > SAME
        ]
        if power != 1:
            off.insert(0, f"the division by the standard deviation has the power {power}, not 1")
        return "; ".join(off) or None
    return None


def _meaning(value: float, m: int) -> str:
    known = {
        0.0: "it is missing",
        -1.0: "its sign",
        m / (m - 1): "m / (m - 1): divided by m - 1 instead of m",
        (m - 1) / m: "(m - 1) / m: divided by m where m - 1 is due",
        float(m): "m: a sum where a mean is due",
        1 / m: "1 / m: divided by m twice",
        2.0: "2: counted twice",
        0.5: "1/2: a factor 2 forgotten",
    }
    near = [text for number, text in known.items() if abs(value - number) < 1e-6]
    return f" ({near[0]})" if near else ""


def _factor(case: Case) -> str | None:
    """Name a constant factor, with its value and what it may be."""
    factor = mistakes.constant_factor(case.at(case.wrong), case.right)
    alone = len(case.elements) == 1 < case.x.size  # the others are at kinks
    if factor is None or alone:
        return None
    if abs(factor + 1) < SAME:
        return "the sign (a factor of -1)"
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
    lengths |= {f"the number of elements of {n}": int(np.prod(shape)) for n, shape in _shapes(case)}
    meaning = ""
    for text, length in lengths.items():
        if length > 1 and abs(factor * length - 1) < 1e-6:
            meaning = f": 1/{length}, {text}: a mean where a sum is due?"
        elif length > 1 and abs(factor / length - 1) < 1e-6:
            meaning = f": {text}: a sum where a mean is due?"
        if meaning:
            break
    return f"a constant factor of {factor:.6g}{meaning}"


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
    return "only the path to an element's own output is there; it reaches the others, too"


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
    return f"wrong at {bad.sum()} of {len(bad)} elements, {place}{more}; right at the others"


def _only_at_ends(case: Case, bad: np.ndarray, axis: int, length: int) -> bool:
    along = np.unravel_index(case.elements, case.x.shape)[axis]
    return set(along[bad].tolist()) <= {0, length - 1}
