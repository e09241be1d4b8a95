"""The arguments of forward: given, made by a function, or tried."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer.call import (
    Layer,
    WrongOutput,
    argument_names,
    call,
    is_array,
    required,
    signature_of,
    takes,
    to_numpy,
)

SHAPES = ((5, 7), (5, 6, 4, 3), (5, 8, 12, 3), (4, 6, 3), (7,))


def find_inputs(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    random: np.random.Generator,
) -> Layer:
    """Return the layer with its arguments.

    Raises:
        UserError: they are missing and cannot be tried, or not a tuple.

    """
    for what, function in (("forward", forward), ("backward", backward)):
        if not callable(function):
            raise UserError(f"{what} is not a function but {type(function).__name__}")
    if inputs is None:
        return _tried(forward, backward, random)
    if callable(inputs) and not takes(inputs, 1):
        raise UserError(f"inputs is called as inputs(rng), but it is {signature_of(inputs)}")
    arguments = call("inputs", inputs, random) if callable(inputs) else inputs
    if is_array(arguments):
        arguments = (arguments,)
    if not isinstance(arguments, tuple | list):
        raise UserError(
            f"inputs is a value of type {type(arguments).__name__}; it must be a tuple of "
            f"forward's arguments, even for one: return {', '.join(required(forward))},"
        )
    return Layer(forward, backward, tuple(arguments), argument_names(forward, len(arguments)))


def _tried(
    forward: Callable[..., Any], backward: Callable[..., Any], random: np.random.Generator
) -> Layer:
    """Return the layer with the first shape of x that forward takes."""
    names = required(forward) or list(argument_names(forward, 1))
    if len(names) != 1:
        shown = ", ".join(
            f"rng.normal(size={'(5, 7)' if i == 0 else '7'})" for i in range(len(names))
        )
        raise UserError(
            f"inputs are missing: forward has the arguments {', '.join(names)}; give, with the "
            f"right shapes: def inputs(rng): return {shown}"
        )
    error: UserError | None = None
    for shape in SHAPES:
        layer = Layer(forward, backward, (random.standard_normal(shape),), tuple(names))
        try:
            if np.isfinite(to_numpy(layer.run()[0])).all():
                return layer
        except WrongOutput:
            raise
        except UserError as failed:
            error = error or failed
    if error is None:
        raise UserError(
            "inputs are missing, and for normal ones y is not finite (log, sqrt?); give others, "
            "such as: def inputs(rng): return (rng.uniform(0.5, 2, size=(5, 7)),)"
        )
    raise UserError(
        f"inputs are missing, and forward takes none of the shapes tried ({error}); give: "
        "def inputs(rng): return (rng.normal(size=(5, 7)),)"
    )
