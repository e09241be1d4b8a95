"""Check a backward pass of your own: any pair of functions of NumPy or TensorFlow.

    forward(x, ...)  ->  (y, cache)         backward(dy, cache)       ->  the gradients
    forward(x, ...)  ->  y                  backward(dy, x, ...)      ->  the gradients

The gradients come in the order of forward's arguments; a bare array will do for one.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer import gradients, hints, normalization, oracles, refusals
from bnstudy.gradient_check.own_layer.call import Layer, is_real, to_numpy
from bnstudy.gradient_check.own_layer.candidates import OTHER_ORDER
from bnstudy.gradient_check.own_layer.inputs import find_inputs
from bnstudy.gradient_check.own_layer.names import WRONG_SIGN
from bnstudy.gradient_check.own_layer.report import FAIL, LayerResult, Row
from bnstudy.gradient_check.own_layer.row import Given, make_row, relative

GO_ON = " (insist=True, or --insist on the command line, checks it anyway)"


def check_layer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any = None,
    *,
    dy: Any = None,
    seed: int = 0,
    insist: bool = False,
    hints_only: bool | str = False,
) -> LayerResult:
    """Compare the gradients of backward with central differences and the complex step.

    Args:
        forward: returns (y, cache), or y alone.
        backward: is called as backward(dy, cache), or backward(dy, *arguments) if there is no
            cache; returns one gradient for each argument, or for each array of real numbers.
        inputs: a tuple of forward's arguments, one array, or a function of a random generator that
            returns them. Without it, shapes are tried for an x alone.
        dy: upstream gradient; random unless given.
        seed: of the inputs, dy, the directions and the elements that are compared.
        insist: check even where that says little: float32, a uniform dy, two images per batch.
        hints_only: instead of the mistake, name the term to think about and its equation; the name
            of a template gives hints about that layer.

    Returns:
        The result; print it, or look at `passed` and `rows`.

    Raises:
        UserError: the functions fail, or the set-up says nothing about the gradients.

    """
    start, random = time.monotonic(), np.random.default_rng(seed)
    layer = find_inputs(forward, backward, inputs, random)
    y, _ = layer.run()
    refusals.impossible(layer, y)
    value = to_numpy(y)
    upstream = _upstream(dy, value, random)
    norm = normalization.find(layer, value)
    notes = [*_refuse(layer, value, upstream, norm, insist), *refusals.integers(layer)]
    single = any(a.dtype != np.float64 for a in (value, *_arrays(layer)))
    precision = oracles.SINGLE if single else oracles.DOUBLE
    opinions = {
        i: oracles.opinion(
            layer, i, to_numpy(layer.arguments[i]), upstream, value, precision, random
        )
        for i in layer.checked
    }
    y, cache = layer.run()  # a class keeps the cache of the last call to itself
    given = Given(layer, norm, upstream, value, precision, opinions, insist, random)
    rows, problems = _compare(given, y, cache, bool(hints_only))
    if hints_only:
        rows, problems = hints.instead(rows, problems, hints_only)
    notes += _left_out(
        [layer.names[i] for i, o in opinions.items() if o.complex_step is None], layer
    )
    seconds = time.monotonic() - start
    return LayerResult(
        tuple(rows), tuple(problems), tuple(notes), precision.tolerance, seed, seconds
    )


def _compare(given: Given, y: Any, cache: Any, hints: bool) -> tuple[list[Row], list[str]]:
    """Return a row for each gradient, and what else is wrong with backward."""
    layer, dy, opinions = given.layer, given.dy, given.opinions
    returned = _collect(layer, dy, y, cache, {} if hints else opinions)
    # At once, while an object that keeps its cache to itself has that of these arguments.
    repeated = [] if returned.problems else _second_call(layer, dy, y, cache, returned)
    bent = [] if returned.problems or repeated else _not_linear(given, y, cache, returned)
    rows = [make_row(given, i, returned.gradients) for i in returned.gradients]
    problems = list(returned.problems)
    failed = [row for row in rows if row.verdict == FAIL]
    if not all(_needs_no_other_order(row.mistake) for row in failed) and (
        order := _order_of_cache(layer, dy, y, cache, opinions)
    ):
        rows, problems = [replace(row, mistake="") for row in rows], problems + order
    return rows, problems or repeated or ([] if failed else bent)


def _needs_no_other_order(mistake: str) -> bool:
    """Whether a mistake says enough: with x - mean, a wrong sign looks like a swap of the two."""
    return OTHER_ORDER in mistake or mistake == WRONG_SIGN


def _arrays(layer: Layer) -> list[np.ndarray]:
    return [to_numpy(layer.arguments[i]) for i in layer.checked]


def _upstream(dy: Any, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return dy, or a random one that has no small elements."""
    if dy is None:
        return np.asarray(
            random.uniform(0.5, 1.5, y.shape) * random.choice([-1, 1], y.shape), y.dtype
        )
    given = to_numpy(dy)
    if given.shape != y.shape:
        raise UserError(f"dy has the shape {list(given.shape)}, but y has {list(y.shape)}")
    return given.astype(y.dtype)


def _refuse(
    layer: Layer,
    y: np.ndarray,
    dy: np.ndarray,
    norm: normalization.Normalization | None,
    insist: bool,
) -> list[str]:
    """Refuse a set-up that says nothing; return what was insisted on."""
    reasons = [
        *refusals.changed_arguments(layer),
        *refusals.not_deterministic(layer, y),
        *refusals.low_precision(layer, y),
        *refusals.degenerate(norm, dy),
    ]
    if reasons and not insist:
        raise UserError(reasons[0] + GO_ON)
    return [f"insisted, although {reason}" for reason in reasons]


Opinions = dict[int, oracles.Opinion]


def _collect(
    layer: Layer, dy: np.ndarray, y: Any, cache: Any, opinions: Opinions
) -> gradients.Returned:
    """Call backward; where it fails, say whether another order of the cache helps."""
    try:
        return gradients.collect(layer, dy, y, cache)
    except UserError as error:
        for text in _order_of_cache(layer, dy, y, cache, opinions):
            raise UserError(f"{error}; {text}") from error
        raise


def _order_of_cache(
    layer: Layer, dy: np.ndarray, y: Any, cache: Any, opinions: Opinions
) -> list[str]:
    if not opinions:
        return []
    right = {i: (o.elements[~o.kinks], _best(o)[~o.kinks]) for i, o in opinions.items()}
    text = gradients.cache_order(layer, dy, y, cache, right)
    return [text] if text else []


def _best(opinion: oracles.Opinion) -> np.ndarray:
    return opinion.values if opinion.complex_step is None else opinion.complex_step


def _second_call(
    layer: Layer, dy: np.ndarray, y: Any, cache: Any, returned: gradients.Returned
) -> list[str]:
    """Say so where backward gives other gradients when it is called again with the same cache."""
    first = {i: to_numpy(g) for i, g in returned.gradients.items() if is_real(g)}
    again = gradients.collect(layer, dy, y, cache).gradients
    for i, gradient in first.items():
        if not np.array_equal(gradient, to_numpy(again[i]), equal_nan=True):
            return [
                "backward gives different gradients when called again: it changes its cache or y"
            ]
    return []


def _not_linear(given: Given, y: Any, cache: Any, returned: gradients.Returned) -> list[str]:
    """Say so where gradients do not grow with dy: clipped, or cut off, but not at this dy."""
    for factor in (2.0**20, 2.0**-20):  # exact: no rounding differs
        scaled = gradients.collect(given.layer, factor * given.dy, y, cache).gradients
        for i, gradient in returned.gradients.items():
            if gradients.wrong_kind(gradient, to_numpy(given.layer.arguments[i]), given.y.shape):
                continue
            expected = to_numpy(gradient)
            if not relative(to_numpy(scaled[i]) / factor, expected) <= given.precision.tolerance:
                return [
                    f"d{given.layer.names[i]} is not linear in dy: with {factor:.2g} dy it is not "
                    f"{factor:.2g} times as large (clipping?)"
                ]
    return []


def _left_out(names: list[str], layer: Layer) -> list[str]:
    given = {n: layer.arguments[layer.names.index(n)] for n in names}
    numpy = [n for n, a in given.items() if type(a) is np.ndarray and a.dtype == np.float64]
    if not numpy:
        return []
    return [
        f"complex step left out for {', '.join(numpy)}: forward refuses complex numbers "
        "or drops imaginary parts (abs, var, norm, max, writes into real arrays), so central "
        "differences decide"
    ]
