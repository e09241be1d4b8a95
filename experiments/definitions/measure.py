"""Print what difference each definition of docs/definitions.md makes: one measured number each.

python experiments/definitions/measure.py

Seconds, without training, all in float64. The keys are the first column of the table.
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import tensorflow as tf

from bnstudy.manual import adam, amsgrad, sgd
from bnstudy.manual.batch_norm import debias, update_moving

TRUE_VARIANCE = 4.0


def steps(rule: ModuleType, gradients: Sequence, rates: float | Sequence = 1.0, **settings):
    """Return how far each step of an optimizer goes, [steps, ...], downhill positive."""
    w = tf.zeros(np.shape(gradients)[1:], tf.float64)
    state, lengths = rule.init(w), []
    for g, rate in zip(gradients, np.broadcast_to(rates, len(gradients)), strict=True):
        new_w, state = rule.update(w, tf.constant(g, tf.float64), state, float(rate), **settings)
        lengths.append((w - new_w).numpy())
        w = new_w
    return np.array(lengths)


def pytorch_momentum(gradients, rates, momentum: float) -> np.ndarray:
    """Return the steps of PyTorch's and optax's momentum: the rate multiplies the whole velocity.

    velocity = momentum velocity + dw
    w        = w - learning_rate velocity
    """
    velocity, lengths = np.zeros(np.shape(gradients)[1:]), []
    for g, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + g
        lengths.append(rate * velocity)
    return np.array(lengths)


def moving_variance(momentum: float, initial: float, batches: Sequence) -> float:
    """Average the variances of batches; return the last value."""
    moving = tf.constant(initial, tf.float64)
    for batch in batches:
        moving = update_moving(moving, tf.constant(batch, tf.float64), momentum)
    return float(moving)


def amsgrad_differences() -> dict[str, str]:
    """Compare the variants of AMSGrad, each in the situation that distinguishes it from Keras's."""
    ones = np.ones((100, 1))
    burst = np.where(np.arange(100) < 1, 1.0, 0.1)[:, None]
    paper = steps(amsgrad, ones, variant="paper")[:, 0]
    keras, optax = (steps(amsgrad, burst, variant=v)[-1, 0] for v in ("keras", "optax"))
    # One weight's gradient shrinks when the other's grows, so that the sum of v still grows.
    early = np.arange(100) < 20
    pair = np.stack([np.where(early, 1.0, 0.01), np.where(early, 0.01, 10.0)], axis=1)
    settings = {"beta_2": 0.9}
    posted, own = (
        steps(amsgrad, pair, variant=v, **settings)[-1, 0] for v in ("as_posted", "paper")
    )
    return {
        "AMSGrad, the paper's": f"first step {paper[0]:.2f} times the learning rate, "
        f"longest {paper.max():.1f}",
        "AMSGrad, Keras's": f"hundredth step {keras / optax:.1f} times optax's",
        "AMSGrad, optax's": f"v_max {(keras / optax) ** 2:.0f} times Keras's v_max / c_2",
        "AMSGrad, the author's": f"hundredth step {posted / own:.0f} times the paper's",
    }


def adam_differences() -> dict[str, str]:
    """Compare the two epsilons where the gradient is ten times epsilon."""
    tiny = np.full((1, 1), 1e-7)
    paper, keras = (steps(adam, tiny, variant=v)[0, 0] for v in ("paper", "keras"))
    return {
        "Adam, the paper's epsilon": f"first step {paper:.2f} of the learning rate",
        "Adam, epsilon hat": f"first step {keras:.2f} of the learning rate",
    }


def momentum_differences() -> dict[str, str]:
    """Compare the two momenta when the learning rate falls to a tenth after 100 steps."""
    gradients, rates = np.ones((101, 1)), [1.0] * 100 + [0.1]
    keras = steps(sgd, gradients, rates, momentum=0.9)[:, 0]
    torch = pytorch_momentum(gradients, rates, 0.9)[:, 0]
    return {
        "Momentum, Keras's": f"next step {keras[-1] / keras[-2]:.2f} times the one before",
        "Momentum, PyTorch's": f"next step {torch[-1] / torch[-2]:.2f} times the one before",
    }


def moving_average_differences() -> dict[str, str]:
    """Compare the moving variances where the true variance is 4."""
    x = np.random.default_rng(2018).normal(scale=TRUE_VARIANCE**0.5, size=(200_000, 50))
    biased, bessel = x.var(axis=1).mean(), x.var(axis=1, ddof=1).mean()
    constant = [TRUE_VARIANCE] * 100
    zero, one = (moving_variance(0.99, start, constant) for start in (0.0, 1.0))
    seen = tf.constant(100, tf.int64)
    corrected = float(debias(tf.constant(one, tf.float64), 1.0, 0.99, seen))
    old, new = (moving_variance(m, 1.0, [TRUE_VARIANCE]) for m in (0.99, 0.01))
    return {
        "Moving variance, biased": f"{biased:.2f} for batches of 50",
        "Moving variance, Bessel's": f"{bessel:.2f} for batches of 50",
        "Moving variance from 1": f"{one:.2f} after 100 steps",
        "Moving variance from 0": f"{zero:.2f} after 100 steps",
        "Moving average, raw": f"{one:.2f} after 100 steps",
        "Moving average, corrected": f"{corrected:.2f} after 100 steps",
        "Weight of the old value": f"{old:.2f} after one step",
        "Weight of the new value": f"{new:.2f} after one step",
    }


def measured() -> dict[str, str]:
    """Return all numbers, by the definition's name."""
    return {
        **amsgrad_differences(),
        **adam_differences(),
        **momentum_differences(),
        **moving_average_differences(),
    }


if __name__ == "__main__":
    for definition, number in measured().items():
        print(f"{definition}: {number}")
