"""Adam (Kingma and Ba 2015, arXiv 1412.6980): equations (28) to (31)."""

from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks

VARIANTS = ("paper", "keras")


class State(NamedTuple):
    """The state of Adam for one parameter."""

    step: tf.Tensor  # t, the number of steps taken, a scalar
    m: tf.Tensor  # moving average of the gradient, the shape of w
    v: tf.Tensor  # moving average of its square, the shape of w


def init(w: tf.Tensor) -> State:
    """Return a state with both averages at zero.

    Args:
        w: parameter, any shape, float32 or float64.

    Returns:
        The state before the first step.

    Raises:
        ValueError: w has another dtype.

    """
    w = checks.as_tensor("w", w, checks.FULL)
    return State(tf.constant(0, tf.int64), tf.zeros_like(w), tf.zeros_like(w))


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
    """Take one step, scaled elementwise by the recent size of the gradient.

        m = beta_1 m + (1 - beta_1) dw
        v = beta_2 v + (1 - beta_2) dw^2
        paper:  w = w - learning_rate m_hat / (sqrt(v_hat) + epsilon),
                m_hat = m / (1 - beta_1^t),  v_hat = v / (1 - beta_2^t)         (Algorithm 1)
        keras:  w = w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)  m / (sqrt(v) + epsilon)

    The two differ in epsilon alone: that of `keras` (and of TensorFlow 1, which the post used) is
    the paper's "epsilon hat", and weighs 1 / sqrt(1 - beta_2^t) times as much.

    Args:
        w: parameter, any shape, float32 or float64.
        dw: its gradient, like w.
        state: from `init` or the step before.
        learning_rate: scalar >= 0.
        beta_1: weight of the old m, in [0, 1).
        beta_2: weight of the old v, in [0, 1).
        epsilon: added outside the root, >= 0.
        variant: "paper" or "keras".

    Returns:
        The new w and the new state.

    Raises:
        ValueError: w is half precision, or an argument does not fit w or is out of range.

    """
    w, dw, state = checks.optimizer_step(w, dw, state, State)
    learning_rate = checks.learning_rate(learning_rate, w.dtype)
    beta_1, beta_2, epsilon = checked_constants(beta_1, beta_2, epsilon)
    checks.one_of("variant", variant, VARIANTS)
    step, m, v = moments(dw, state, beta_1, beta_2)
    correction_1, correction_2 = corrections(step, beta_1, beta_2, w.dtype)
    if variant == "paper":
        change = (m / correction_1) / (tf.sqrt(v / correction_2) + epsilon)  # (30)
    else:  # keras
        change = tf.sqrt(correction_2) / correction_1 * m / (tf.sqrt(v) + epsilon)  # (31)
    return w - learning_rate * change, State(step, m, v)


def moments(
    dw: tf.Tensor, state, beta_1: float, beta_2: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Count the step and update both averages; shared with AMSGrad.

    Args:
        dw: gradient.
        state: has step, m and v.
        beta_1: weight of the old m.
        beta_2: weight of the old v.

    Returns:
        The new step, m and v.

    """
    m = beta_1 * state.m + (1 - beta_1) * dw  # (28)
    v = beta_2 * state.v + (1 - beta_2) * dw**2  # (29)
    return state.step + 1, m, v


def corrections(
    step: tf.Tensor, beta_1: float, beta_2: float, dtype: tf.DType
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compute 1 - beta_1^t and 1 - beta_2^t, the share of m and v that is not their zero start.

    In float64 before the cast: in a lower precision a beta near 1 would round to 1.

    Args:
        step: t >= 1.
        beta_1: weight of the old m.
        beta_2: weight of the old v.
        dtype: of the result.

    Returns:
        Two scalars.

    """
    t = tf.cast(step, tf.float64)
    return tf.cast(1 - beta_1**t, dtype), tf.cast(1 - beta_2**t, dtype)


def checked_constants(beta_1: float, beta_2: float, epsilon: float) -> tuple[float, float, float]:
    """Return the constants as Python numbers; refuse those out of range. Shared with AMSGrad."""
    return (
        checks.number("beta_1", beta_1, 0, 1),
        checks.number("beta_2", beta_2, 0, 1),
        checks.number("epsilon", epsilon, 0),
    )
