"""Gradient descent and momentum against steps by hand, their closed form, and Keras."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnstudy.manual import sgd

GOLDEN = json.loads((Path(__file__).parent / "golden_optimizers.json").read_text())
START, GRADIENTS = np.array(GOLDEN["start"]), np.array(GOLDEN["gradients"])


def descend(gradients, rates, start=START, **options) -> np.ndarray:
    """Return the weights after each step."""
    w = tf.constant(start, tf.float64)
    state, weights = sgd.init(w), []
    for g, rate in zip(gradients, rates, strict=True):
        w, state = sgd.update(w, tf.constant(g, tf.float64), state, rate, **options)
        weights.append(w.numpy())
    return np.array(weights)


def test_plain_steps_by_hand():
    w = descend([[2.0, 0.0], [-4.0, 1.0]], [0.1, 0.1], start=[1.0, 5.0])
    np.testing.assert_allclose(w, [[1 - 0.2, 5.0], [0.8 + 0.4, 5 - 0.1]], rtol=1e-15)


def test_momentum_steps_by_hand():
    """The rate falls at the third step; the velocity keeps what it has."""
    w = descend([[2.0], [-1.0], [4.0]], [0.1, 0.1, 0.05], start=[1.0], momentum=0.9)
    # velocity: -0.2;  0.9 * -0.2 + 0.1 = -0.08;  0.9 * -0.08 - 0.05 * 4 = -0.272
    np.testing.assert_allclose(w[:, 0], [0.8, 0.72, 0.448], rtol=1e-14)


def test_the_state_is_the_velocity():
    w = tf.constant([1.0, 2.0], tf.float64)
    np.testing.assert_array_equal(sgd.init(w).velocity, [0, 0])
    _, state = sgd.update(w, tf.constant([3.0, -1.0], tf.float64), sgd.init(w), 0.5, momentum=0.9)
    np.testing.assert_array_equal(state.velocity, [-1.5, 0.5])
    _, state = sgd.update(w, tf.zeros(2, tf.float64), state, 0.5, momentum=0.5)
    np.testing.assert_array_equal(state.velocity, [-0.75, 0.25])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_equals_the_closed_form(momentum):
    """velocity_t = -sum over i <= t of momentum^(t - i) rate_i g_i."""
    rates = 0.05 / np.arange(1, len(GRADIENTS) + 1)
    t = np.arange(len(GRADIENTS))
    weight = np.tril(momentum ** np.maximum(t[:, None] - t, 0))
    velocity = -np.einsum("ti,i,iab->tab", weight, rates, GRADIENTS)
    ours = descend(GRADIENTS, rates, momentum=momentum)
    np.testing.assert_allclose(ours, START + velocity.cumsum(axis=0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.875])
def test_equals_keras(momentum):
    """Keras keeps its settings in float32, so they are binary fractions here."""
    optimizer = keras.optimizers.SGD(0.03125, momentum=momentum)
    w = keras.Variable(START, dtype="float64")
    optimizer.build([w])
    rates = np.where(np.arange(len(GRADIENTS)) < 30, 0.03125, 0.015625)
    ours = descend(GRADIENTS, rates, momentum=momentum)
    for g, rate, expected in zip(GRADIENTS, rates, ours, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(g)])
        np.testing.assert_allclose(w.numpy(), expected, rtol=1e-13, atol=1e-14)
