"""AMSGrad (Reddi, Kale, Kumar 2018, arXiv 1904.09237) as four sources define it: (32) to (36)."""

from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks
from bnstudy.manual.adam import checked_constants, corrections, moments

VARIANTS = ("paper", "keras", "optax", "as_posted")


class State(NamedTuple):
    """The state of AMSGrad for one parameter."""

    step: tf.Tensor  # t, the number of steps taken, a scalar
    m: tf.Tensor  # moving average of the gradient, the shape of w
    v: tf.Tensor  # moving average of its square, the shape of w
    v_max: tf.Tensor  # the largest v so far ("v hat" in the paper), the shape of w


def init(w: tf.Tensor) -> State:
    """Return a state with all averages at zero.

    Args:
        w: parameter, any shape, float32 or float64.

    Returns:
        The state before the first step.

    Raises:
        ValueError: w has another dtype.

    """
    w = checks.as_tensor("w", w, checks.FULL)
    return State(tf.constant(0, tf.int64), tf.zeros_like(w), tf.zeros_like(w), tf.zeros_like(w))


def update(
    w: tf.Tensor,
    dw: tf.Tensor,
    state: State,
    learning_rate: float | tf.Tensor,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    variant: str = "paper",
) -> tuple[tf.Tensor, State]:
    """Take one step as Adam does, but with a scale that never shrinks: v_max = max(v_max, v).

        paper:      w = w - learning_rate m / (sqrt(v_max) + epsilon)          (Algorithm 2)
        keras:      w = w - learning_rate sqrt(c_2) / c_1  m / (sqrt(v_max) + epsilon)
        optax:      v_max = max(v_max, v / c_2),
                    w = w - learning_rate (m / c_1) / (sqrt(v_max) + epsilon)
        as_posted:  v_max = v where sum(v) > sum(v_max), for the whole tensor at once; then `paper`

    with c_1 = 1 - beta_1^t and c_2 = 1 - beta_2^t. PyTorch takes the maximum as `keras` does and
    places epsilon as `optax` does: sqrt(v_max / c_2) + epsilon.

    Args:
        w: parameter, any shape, float32 or float64.
        dw: its gradient, like w.
        state: from `init` or the step before.
        learning_rate: scalar >= 0.
        beta_1: weight of the old m, in [0, 1).
        beta_2: weight of the old v, in [0, 1).
        epsilon: added outside the root, >= 0.
        variant: "paper", "keras", "optax" or "as_posted".

    Returns:
        The new w and the new state.

    Raises:
        ValueError: w is half precision, or an argument does not fit w or is out of range.

    """
    w, dw, state = checks.optimizer_step(w, dw, state, State)
    learning_rate = checks.learning_rate(learning_rate, w.dtype)
    beta_1, beta_2, epsilon = checked_constants(beta_1, beta_2, epsilon)
    checks.one_of("variant", variant, VARIANTS)
    step, m, v = moments(dw, state, beta_1, beta_2)  # (28), (29)
    c_1, c_2 = corrections(step, beta_1, beta_2, w.dtype)
    if variant == "paper":
        v_max = tf.maximum(state.v_max, v)  # (32)
        change = m / (tf.sqrt(v_max) + epsilon)  # (33)
    elif variant == "keras":
        v_max = tf.maximum(state.v_max, v)  # (32)
        change = tf.sqrt(c_2) / c_1 * m / (tf.sqrt(v_max) + epsilon)  # (34)
    elif variant == "optax":
        v_max = tf.maximum(state.v_max, v / c_2)  # (35)
        change = (m / c_1) / (tf.sqrt(v_max) + epsilon)
    else:  # as_posted
        grown = tf.reduce_sum(v) > tf.reduce_sum(state.v_max)
        v_max = tf.where(grown, v, state.v_max)  # (36)
        change = m / (tf.sqrt(v_max) + epsilon)  # (33)
    return w - learning_rate * change, State(step, m, v, v_max)
