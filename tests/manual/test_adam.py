"""Adam against steps by hand, its definition in NumPy, and Keras, PyTorch and optax."""

import json
from math import sqrt
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnstudy.manual import adam

GOLDEN = json.loads((Path(__file__).parent / "golden_optimizers.json").read_text())
START, GRADIENTS = np.array(GOLDEN["start"]), np.array(GOLDEN["gradients"])
SETTINGS = GOLDEN["settings"]


def descend(gradients=GRADIENTS, start=START, **settings) -> np.ndarray:
    """Return the weights after each step."""
    w = tf.constant(start, tf.float64)
    state, weights = adam.init(w), []
    for g in gradients:
        w, state = adam.update(w, tf.constant(g, tf.float64), state, **settings)
        weights.append(w.numpy())
    return np.array(weights)


def definition(variant, learning_rate, beta_1, beta_2, epsilon) -> np.ndarray:
    """Compute all steps from the sums that the moving averages are; no recursion."""
    t = np.arange(1, len(GRADIENTS) + 1)
    age = t[:, None] - t

    def average(values, beta):
        return (1 - beta) * np.einsum("ti,iab->tab", np.tril(beta ** np.abs(age)), values)

    t = t[:, None, None]
    mean = average(GRADIENTS, beta_1) / (1 - beta_1**t)
    root = np.sqrt(average(GRADIENTS**2, beta_2) / (1 - beta_2**t))
    weighs = {"paper": 1, "keras": 1 / np.sqrt(1 - beta_2**t)}[variant]
    return START - learning_rate * (mean / (root + weighs * epsilon)).cumsum(axis=0)


# Gradients 3, 0.1, -0.2 with beta_1 = 0.9 and beta_2 = 0.99:
#   m = 0.3,  0.27 + 0.01 = 0.28,  0.252 - 0.02 = 0.232      1 - 0.9^t  = 0.1, 0.19, 0.271
#   v = 0.09, 0.0891 + 0.0001 = 0.0892, 0.088308 + 0.0004    1 - 0.99^t = 0.01, 0.0199, 0.029701
BY_HAND = {
    "paper": [
        0.5 * 3 / (3 + 0.1),
        0.5 * (0.28 / 0.19) / (sqrt(0.0892 / 0.0199) + 0.1),
        0.5 * (0.232 / 0.271) / (sqrt(0.088708 / 0.029701) + 0.1),
    ],
    "keras": [
        0.5 * (0.1 / 0.1) * 0.3 / (0.3 + 0.1),
        0.5 * (sqrt(0.0199) / 0.19) * 0.28 / (sqrt(0.0892) + 0.1),
        0.5 * (sqrt(0.029701) / 0.271) * 0.232 / (sqrt(0.088708) + 0.1),
    ],
}


@pytest.mark.parametrize("variant", adam.VARIANTS)
def test_steps_by_hand(variant):
    settings = {"learning_rate": 0.5, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 0.1}
    w = descend([[3.0], [0.1], [-0.2]], [1.0], variant=variant, **settings)
    np.testing.assert_allclose(w[:, 0], 1 - np.cumsum(BY_HAND[variant]), rtol=1e-13)


def test_the_state_holds_the_moments():
    w = tf.constant([1.0], tf.float64)
    state = adam.init(w)
    assert (int(state.step), float(state.m[0]), float(state.v[0])) == (0, 0, 0)
    for g in (3.0, 0.1):
        gradient = tf.constant([g], tf.float64)
        w, state = adam.update(w, gradient, state, 0.5, beta_1=0.9, beta_2=0.99)
    assert int(state.step) == 2
    np.testing.assert_allclose([state.m[0], state.v[0]], [0.28, 0.0892], rtol=1e-14)


def test_corrections_in_full_precision():
    """1 - 0.999 is 0.001 to sixteen digits, and not the difference of two float32 numbers."""
    for t, exact in [(1, (0.1, 0.001)), (2, (0.19, 0.001999)), (3, (0.271, 0.002997001))]:
        found = adam.corrections(tf.constant(t, tf.int64), 0.9, 0.999, tf.float64)
        np.testing.assert_allclose(found, exact, rtol=1e-12)


@pytest.mark.parametrize("variant", adam.VARIANTS)
@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_definition(variant, name):
    expected = definition(variant, **SETTINGS[name])
    ours = descend(variant=variant, **SETTINGS[name])
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("library", ["torch", "optax"])
@pytest.mark.parametrize("name", ["default", "large_epsilon"])
def test_paper_equals_pytorch_and_optax(library, name):
    ours = descend(variant="paper", **SETTINGS[name])
    golden = np.array(GOLDEN[f"{library} adam {name}"])
    np.testing.assert_allclose(ours, golden, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("epsilon", [2.0**-7, 2.0**-24])
def test_keras_equals_keras(epsilon):
    """Keras keeps its settings in float32, so they are binary fractions here."""
    settings = {"learning_rate": 0.03125, "beta_1": 0.875, "beta_2": 0.96875, "epsilon": epsilon}
    ours = descend(variant="keras", **settings)
    optimizer = keras.optimizers.Adam(**settings)
    w = keras.Variable(START, dtype="float64")
    optimizer.build([w])
    for g, expected in zip(GRADIENTS, ours, strict=True):
        optimizer.apply([tf.constant(g)])
        np.testing.assert_allclose(w.numpy(), expected, rtol=1e-12, atol=1e-13)


def test_the_variants_differ_in_epsilon_alone():
    large, tiny = SETTINGS["large_epsilon"], SETTINGS["tiny_epsilon"]
    apart = np.abs(descend(variant="paper", **large) - descend(variant="keras", **large))
    assert apart[-1].max() > 1e-3
    np.testing.assert_allclose(
        descend(variant="paper", **tiny), descend(variant="keras", **tiny), rtol=1e-12, atol=1e-13
    )


def test_a_gradient_of_zero_moves_nothing():
    w = descend(np.zeros([3, 3, 2]), learning_rate=0.1)
    np.testing.assert_array_equal(w, [START] * 3)


def test_the_defaults_are_those_of_the_paper():
    settings = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "variant": "paper"}
    ours = descend(learning_rate=0.05)
    np.testing.assert_array_equal(ours, descend(learning_rate=0.05, **settings))


def test_an_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="optax"):
        descend(learning_rate=0.1, variant="optax")


def test_the_corrections_are_exact_in_any_precision():
    for dtype in (tf.float32, tf.bfloat16):
        one, two = adam.corrections(tf.constant(1, tf.int64), 0.9, 0.9999, dtype)
        assert float(one) == pytest.approx(0.1, rel=1e-7 if dtype == tf.float32 else 4e-3)
        assert float(two) == pytest.approx(1e-4, rel=1e-7 if dtype == tf.float32 else 4e-3)
