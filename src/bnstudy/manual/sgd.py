"""Gradient descent, plain and with momentum: equations (26) and (27)."""

from typing import NamedTuple

import tensorflow as tf


class State(NamedTuple):
    """What momentum remembers."""

    velocity: tf.Tensor  # the shape of w


def init(w: tf.Tensor) -> State:
    """Start at rest."""
    return State(tf.zeros_like(w))


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
        w: parameter, any shape.
        dw: its gradient.
        state: from `init` or the step before.
        learning_rate: scalar.
        momentum: in [0, 1).

    Returns:
        The new w and the new state.

    """
    velocity = momentum * state.velocity - learning_rate * dw  # (26), (27)
    return w + velocity, State(velocity)
