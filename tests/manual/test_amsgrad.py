"""AMSGrad's variants against steps by hand, their definitions in NumPy, and three libraries."""

import json
from math import sqrt
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnstudy.manual import adam, amsgrad

GOLDEN = json.loads((Path(__file__).parent / "golden_optimizers.json").read_text())
START, GRADIENTS = np.array(GOLDEN["start"]), np.array(GOLDEN["gradients"])
SETTINGS = GOLDEN["settings"]
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


def descend(gradients=GRADIENTS, start=START, rule=amsgrad, **settings) -> np.ndarray:
    """Return the weights after each step."""
    w = tf.constant(start, tf.float64)
    state, weights = rule.init(w), []
    for g in gradients:
        w, state = rule.update(w, tf.constant(g, tf.float64), state, **settings)
        weights.append(w.numpy())
    return np.array(weights)


def average(values, beta) -> np.ndarray:
    """Write the moving average as the sum that it is; no recursion."""
    t = np.arange(len(values))
    weight = (1 - beta) * np.tril(beta ** np.abs(t[:, None] - t))
    return np.einsum("ti,iab->tab", weight, values)


def definition(variant, learning_rate, beta_1, beta_2, epsilon) -> np.ndarray:
    """Compute all steps at once from the definitions."""
    t = np.arange(1, len(GRADIENTS) + 1)[:, None, None]
    m, v = average(GRADIENTS, beta_1), average(GRADIENTS**2, beta_2)
    c_1, c_2 = 1 - beta_1**t, 1 - beta_2**t
    largest = np.maximum.accumulate
    if variant == "paper":
        change = m / (np.sqrt(largest(v)) + epsilon)
    elif variant == "keras":
        change = (m / c_1) / ((np.sqrt(largest(v)) + epsilon) / np.sqrt(c_2))
    elif variant == "torch":
        change = (m / c_1) / (np.sqrt(largest(v) / c_2) + epsilon)
    elif variant == "optax":
        change = (m / c_1) / (np.sqrt(largest(v / c_2)) + epsilon)
    else:  # as_posted: the whole v of the step with the largest sum so far
        sums = v.sum(axis=(1, 2))
        record = [np.argmax(sums[: i + 1]) for i in range(len(sums))]
        change = m / (np.sqrt(v[record]) + epsilon)
    return START - learning_rate * change.cumsum(axis=0)


# Gradients (3, 0.1), (0.1, 3), (-0.2, 0) with beta_1 = 0.9 and beta_2 = 0.99. First weight:
#   m = 0.3,  0.27 + 0.01 = 0.28,  0.252 - 0.02 = 0.232      1 - 0.9^t  = 0.1, 0.19, 0.271
#   v = 0.09, 0.0891 + 0.0001 = 0.0892, 0.088308 + 0.0004    1 - 0.99^t = 0.01, 0.0199, 0.029701
#   so the largest v is 0.09 throughout, and the largest corrected v is 9.
# Second weight: m = 0.01, 0.309, 0.2781;  v = 0.0001, 0.090099, 0.08919801: the largest is the
#   newest at step 2, binds at step 3, and is 0.01, 0.090099 / 0.0199 corrected.
# Sums of v: 0.0901, 0.179299, 0.17790601: as_posted takes all of v at step 2 (0.0892 although
#   0.09 was larger) and keeps it at step 3.
BY_HAND = {
    "paper": [
        [0.3 / (0.3 + 0.1), 0.01 / (0.01 + 0.1)],
        [0.28 / (0.3 + 0.1), 0.309 / (sqrt(0.090099) + 0.1)],
        [0.232 / (0.3 + 0.1), 0.2781 / (sqrt(0.090099) + 0.1)],
    ],
    "keras": [
        [0.1 / 0.1 * 0.3 / (0.3 + 0.1), 0.1 / 0.1 * 0.01 / (0.01 + 0.1)],
        [
            sqrt(0.0199) / 0.19 * 0.28 / (0.3 + 0.1),
            sqrt(0.0199) / 0.19 * 0.309 / (sqrt(0.090099) + 0.1),
        ],
        [
            sqrt(0.029701) / 0.271 * 0.232 / (0.3 + 0.1),
            sqrt(0.029701) / 0.271 * 0.2781 / (sqrt(0.090099) + 0.1),
        ],
    ],
    "optax": [
        [3 / (3 + 0.1), 0.1 / (0.1 + 0.1)],
        [0.28 / 0.19 / (3 + 0.1), 0.309 / 0.19 / (sqrt(0.090099 / 0.0199) + 0.1)],
        [0.232 / 0.271 / (3 + 0.1), 0.2781 / 0.271 / (sqrt(0.090099 / 0.0199) + 0.1)],
    ],
    "as_posted": [
        [0.3 / (0.3 + 0.1), 0.01 / (0.01 + 0.1)],
        [0.28 / (sqrt(0.0892) + 0.1), 0.309 / (sqrt(0.090099) + 0.1)],
        [0.232 / (sqrt(0.0892) + 0.1), 0.2781 / (sqrt(0.090099) + 0.1)],
    ],
}


@pytest.mark.parametrize("variant", amsgrad.VARIANTS)
def test_steps_by_hand(variant):
    settings = {"learning_rate": 0.5, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 0.1}
    gradients = [[3.0, 0.1], [0.1, 3.0], [-0.2, 0.0]]
    w = descend(gradients, [1.0, -1.0], variant=variant, **settings)
    expected = [1.0, -1.0] - 0.5 * np.cumsum(BY_HAND[variant], axis=0)
    np.testing.assert_allclose(w, expected, rtol=1e-13)


def test_the_paper_in_round_numbers():
    settings = {"learning_rate": 0.5, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 0.1}
    w = descend([[3.0], [0.1], [-0.2]], [1.0], variant="paper", **settings)
    np.testing.assert_allclose(w[:, 0], [0.625, 0.275, -0.015], rtol=1e-12)


@pytest.mark.parametrize(
    ("variant", "v_max"),
    [
        ("paper", [0.09, 0.090099]),
        ("keras", [0.09, 0.090099]),
        ("optax", [9.0, 0.090099 / 0.0199]),
        ("as_posted", [0.0892, 0.090099]),
    ],
)
def test_the_state_keeps_v_and_its_maximum_apart(variant, v_max):
    w = tf.zeros(2, tf.float64)
    state = amsgrad.init(w)
    for g in ([3.0, 0.1], [0.1, 3.0], [-0.2, 0.0]):
        gradient = tf.constant(g, tf.float64)
        w, state = amsgrad.update(w, gradient, state, 0.5, beta_2=0.99, variant=variant)
    assert int(state.step) == 3
    np.testing.assert_allclose(state.m, [0.232, 0.2781], rtol=1e-13)
    np.testing.assert_allclose(state.v, [0.088708, 0.08919801], rtol=1e-13)
    np.testing.assert_allclose(state.v_max, v_max, rtol=1e-13)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_gradients_make_the_maximum_bind(name):
    """Guards the tests here: at most elements v falls below its maximum, at one it never does."""
    v = average(GRADIENTS**2, SETTINGS[name]["beta_2"])
    binds = (v < np.maximum.accumulate(v)).mean(axis=0)
    assert binds[1, 1] == 0
    assert np.all(np.delete(binds.ravel(), 3) > 0.3)
    assert np.any(GRADIENTS == 0)
    assert np.any(GRADIENTS[1:] * GRADIENTS[:-1] < 0)


@pytest.mark.parametrize("variant", amsgrad.VARIANTS)
@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_definition(variant, name):
    ours = descend(variant=variant, **SETTINGS[name])
    np.testing.assert_allclose(ours, definition(variant, **SETTINGS[name]), **CLOSE)


@pytest.mark.parametrize("name", ["default", "large_epsilon"])
@pytest.mark.parametrize(
    ("variant", "golden"),
    [("optax", "optax amsgrad"), ("paper", "optax amsgrad_uncorrected")],
)
def test_equals_optax(variant, golden, name):
    """With both bias corrections switched off, optax is the paper's algorithm."""
    ours = descend(variant=variant, **SETTINGS[name])
    np.testing.assert_allclose(ours, GOLDEN[f"{golden} {name}"], **CLOSE)


@pytest.mark.parametrize("epsilon", [2.0**-7, 2.0**-24])
def test_keras_equals_keras(epsilon):
    """Keras keeps its settings in float32, so they are binary fractions here."""
    settings = {"learning_rate": 0.03125, "beta_1": 0.875, "beta_2": 0.96875, "epsilon": epsilon}
    ours = descend(variant="keras", **settings)
    optimizer = keras.optimizers.Adam(amsgrad=True, **settings)
    w = keras.Variable(START, dtype="float64")
    optimizer.build([w])
    for g, expected in zip(GRADIENTS, ours, strict=True):
        optimizer.apply([tf.constant(g)])
        np.testing.assert_allclose(w.numpy(), expected, **CLOSE)


def test_keras_equals_pytorch_but_for_epsilon():
    tiny = SETTINGS["tiny_epsilon"]
    golden = GOLDEN["torch amsgrad tiny_epsilon"]
    np.testing.assert_allclose(descend(variant="keras", **tiny), golden, **CLOSE)
    for variant in ("paper", "optax", "as_posted"):
        assert np.abs(descend(variant=variant, **tiny) - golden)[-1].max() > 1e-2


@pytest.mark.parametrize("name", ["default", "large_epsilon"])
def test_pytorch_adds_epsilon_after_the_correction(name):
    """PyTorch is `keras` with epsilon * sqrt(1 - beta_2^t) at step t: sqrt(v_max / c_2) + epsilon.

    With a large epsilon none of our variants equals it exactly.
    """
    golden = np.array(GOLDEN[f"torch amsgrad {name}"])
    np.testing.assert_allclose(definition("torch", **SETTINGS[name]), golden, **CLOSE)

    settings = SETTINGS[name].copy()
    epsilon, beta_2 = settings.pop("epsilon"), settings["beta_2"]
    w = tf.constant(START)
    state = amsgrad.init(w)
    for t, (g, expected) in enumerate(zip(GRADIENTS, golden, strict=True), start=1):
        scaled = epsilon * sqrt(1 - beta_2**t)
        w, state = amsgrad.update(
            w, tf.constant(g), state, epsilon=scaled, variant="keras", **settings
        )
        np.testing.assert_allclose(w, expected, **CLOSE)

    if name == "large_epsilon":
        for variant in amsgrad.VARIANTS:
            ours = descend(variant=variant, **SETTINGS[name])
            assert np.abs(ours - golden)[-1].max() > 1e-3, variant


def test_no_two_variants_are_the_same():
    for settings in SETTINGS.values():
        last = [descend(variant=variant, **settings)[-1] for variant in amsgrad.VARIANTS]
        last.append(descend(rule=adam, **settings)[-1])
        for i, one in enumerate(last):
            for other in last[:i]:
                assert np.abs(one - other).max() > 1e-4


def test_keras_is_adam_while_v_only_grows():
    """Element [1, 1] of the gradients grows; the others make the maximum bind."""
    settings = SETTINGS["large_epsilon"]
    apart = np.abs(
        descend(variant="keras", **settings) - descend(rule=adam, variant="keras", **settings)
    )[-1]
    assert apart[1, 1] < 1e-13
    assert np.all(np.delete(apart.ravel(), 3) > 1e-3)


@pytest.mark.parametrize(
    ("variant", "beta_2", "factor"),
    [
        ("keras", 0.999, 1),
        ("optax", 0.999, 1),
        ("paper", 0.999, sqrt(10)),
        ("as_posted", 0.999, sqrt(10)),
        ("as_posted", 0.9, sqrt(0.1)),
    ],
)
def test_the_length_of_the_first_step(variant, beta_2, factor):
    """(1 - beta_1) / sqrt(1 - beta_2) without bias correction, 1 with it (docs/backprop.md)."""
    w = descend([[-7.0]], [2.0], variant=variant, learning_rate=0.1, beta_2=beta_2, epsilon=1e-30)
    np.testing.assert_allclose(w, [[2 + 0.1 * factor]], rtol=1e-12)


@pytest.mark.parametrize(
    ("rule", "variant", "end"),
    [
        (adam, "paper", 1),
        (adam, "keras", 1),
        (amsgrad, "paper", -1),
        (amsgrad, "keras", -1),
        (amsgrad, "optax", -1),
        (amsgrad, "as_posted", -1),
    ],
)
def test_adam_goes_to_the_worst_point_and_amsgrad_to_the_best(rule, variant, end):
    """Section 3 of Reddi, Kale and Kumar 2018, from three starting points.

    The cost is 1010 x when t mod 101 = 1, else -10 x, on [-1, 1]: a sum of 10 x per 101 steps.
    The rate is alpha / sqrt(t), beta_1 = 0.9, beta_2 = 0.99.
    """

    @tf.function(jit_compile=True)  # half a million steps in a fraction of a second
    def run(steps):
        def body(t, x, state):
            slope = tf.where(t % 101 == 1, tf.constant(1010, tf.float64), -10)
            rate = 2 / tf.sqrt(tf.cast(t, tf.float64))
            x, state = rule.update(
                x, slope * tf.ones_like(x), state, rate, 0.9, 0.99, 1e-8, variant
            )
            return t + 1, tf.clip_by_value(x, -1, 1), state

        x = tf.constant([-1, 0, 1], tf.float64)
        start = (tf.constant(1, tf.int64), x, rule.init(x))
        return tf.while_loop(lambda t, *_: t <= steps, body, start)[1]

    np.testing.assert_allclose(run(tf.constant(505_000, tf.int64)), [end] * 3, atol=0.02)


def test_the_defaults():
    settings = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "variant": "paper"}
    ours = descend(learning_rate=0.05)
    np.testing.assert_array_equal(ours, descend(learning_rate=0.05, **settings))


@pytest.mark.parametrize("variant", amsgrad.VARIANTS)
def test_a_gradient_of_zero_moves_nothing(variant):
    w = descend(np.zeros([3, 3, 2]), learning_rate=0.1, variant=variant)
    np.testing.assert_array_equal(w, [START] * 3)


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="pytorch"):
        descend(learning_rate=0.1, variant="pytorch")
