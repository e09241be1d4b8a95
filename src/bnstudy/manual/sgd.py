"""Gradient descent, plain and with momentum: equations (26) and (27)."""

from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks


class State(NamedTuple):
    """The state of momentum for one parameter."""

    velocity: tf.Tensor  # the shape of w


def init(w: tf.Tensor) -> State:
    """Return a velocity of zero.

    Args:
        w: parameter, any shape, float32 or float64.

    Returns:
        The state before the first step.

    Raises:
        ValueError: w has another dtype.

    """
    return State(tf.zeros_like(checks.as_tensor("w", w, checks.FULL)))


def update(
    w: tf.Tensor,
    dw: tf.Tensor,
    state: State,
    learning_rate: float | tf.Tensor,
    momentum: float = 0.0,
) -> tuple[tf.Tensor, State]:
    """Take one step downhill; without momentum, w = w - learning_rate dw.

        velocity = momentum velocity - learning_rate dw         (as in Keras)
        w        = w + velocity

    Args:
        w: parameter, any shape, float32 or float64.
        dw: its gradient, like w.
        state: from `init` or the step before.
        learning_rate: scalar >= 0.
        momentum: in [0, 1).

    Returns:
        The new w and the new state.

    Raises:
        ValueError: w is half precision, or an argument does not fit w or is out of range.

    """
    w, dw, state = checks.optimizer_step(w, dw, state, State)
    learning_rate = checks.learning_rate(learning_rate, w.dtype)
    momentum = checks.number("momentum", momentum, 0, 1)
    velocity = momentum * state.velocity - learning_rate * dw  # (26), (27)
    return w + velocity, State(velocity)
