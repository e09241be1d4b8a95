"""Set-ups in which a check says nothing, or something false, each with the reason."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer.call import Layer, call, is_array, is_tensor, to_numpy
from bnstudy.gradient_check.own_layer.normalization import Normalization


def impossible(layer: Layer, y: Any) -> None:
    """Refuse what cannot be checked even with `insist`.

    Raises:
        UserError: no argument of real numbers, an output that is not real, or values not finite.

    """
    arrays = [
        (n, to_numpy(a)) for n, a in zip(layer.names, layer.arguments, strict=True) if is_array(a)
    ]
    if not arrays:
        raise UserError(
            "inputs: none is an array (np.array makes one of a list), so nothing to check"
        )
    name, x = arrays[0]
    if not layer.checked and x.dtype.kind in "iub":
        cast = _cast(name, layer.arguments[layer.names.index(name)])
        raise UserError(f"inputs: {name} is {x.dtype}: an integer has no gradient; give {cast}")
    if empty := [name for name, value in arrays if not value.size]:
        raise UserError(f"inputs: {empty[0]} is empty; give it at least one element on each axis")
    if not layer.checked:
        raise UserError(f"inputs: {name} is {x.dtype}; real numbers are needed: float64")
    for name, value in arrays:
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise UserError(f"inputs: {name} has values that are not finite")
    if to_numpy(y).dtype.kind != "f":
        raise UserError(f"forward's y is {to_numpy(y).dtype}; real numbers are needed: float64")
    if not np.isfinite(to_numpy(y)).all():
        raise UserError("forward's y has values that are not finite, so it has no derivative there")


def _cast(name: str, value: Any) -> str:
    return f"tf.cast({name}, tf.float64)" if is_tensor(value) else f"{name}.astype(np.float64)"


def integers(layer: Layer) -> Iterator[str]:
    """Yield a note for a first argument that is not checked: the indices of an embedding."""
    first = layer.arguments[0]
    if is_array(first) and to_numpy(first).dtype.kind in "iub":
        name = layer.names[0]
        yield (
            f"{name} is {to_numpy(first).dtype} and has no gradient; if it should have one, give "
            f"{_cast(name, first)}"
        )


def changed_arguments(layer: Layer) -> Iterator[str]:
    """Yield a reason where forward writes into its arguments."""
    given = layer.copies()
    call("forward", layer.forward, *given)
    for name, old, new in zip(layer.names, layer.arguments, given, strict=True):
        if isinstance(old, np.ndarray) and not np.array_equal(
            old, new, equal_nan=old.dtype.kind == "f"
        ):
            yield (
                f"forward changes its argument {name} in place, so everything after it sees the "
                f"changed array; start with {name} = {name}.copy()"
            )


def not_deterministic(layer: Layer, y: np.ndarray) -> Iterator[str]:
    """Yield a reason where two calls of forward differ."""
    if not np.array_equal(y, layer.output()):
        yield (
            "two calls of forward give different outputs (dropout?), so their differences are "
            "noise; fix the random seed or make the mask an argument"
        )


def low_precision(layer: Layer, y: np.ndarray) -> Iterator[str]:
    """Yield a reason where rounding hides errors."""
    for position in layer.checked:
        dtype = to_numpy(layer.arguments[position]).dtype
        if dtype != np.float64:
            name = layer.names[position]
            cast = _cast(name, layer.arguments[position])
            yield f"{name} is {dtype}: its rounding hides errors of 1 %; use {cast}"
            return
    if y.dtype != np.float64:
        yield (
            f"forward's y is {y.dtype} although its arguments are float64: the rounding hides "
            "errors of 1 %; keep float64 inside"
        )


def degenerate(norm: Normalization | None, dy: np.ndarray) -> Iterator[str]:
    """Yield reasons for which a normalization shows nothing."""
    if norm is None:
        return
    if norm.m <= 2:
        yield (
            f"forward normalizes over {norm.m} value{'s' * (norm.m > 1)} (axes {list(norm.axes)} "
            "of x), which gives +-1 whatever x is, so dx is 0 up to rounding; use 4 or more"
        )
    upstream = norm.gamma * dy * np.ones(norm.x.shape)
    spread = np.ptp(upstream, axis=norm.axes).max()
    if spread <= 1e-12 * np.abs(upstream).max():
        yield (
            f"dy is uniform over the normalized axes {list(norm.axes)}, so the right dx is 0 and "
            "most mistakes would not show; give a random dy"
        )
