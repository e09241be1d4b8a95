"""Helpers of several tests: random data, and the three oracles for a gradient."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

import bnstudy


def random(*shape: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> tf.Tensor:
    """Normal float64 numbers."""
    numbers = np.random.default_rng(seed).standard_normal(shape)
    return tf.constant(scale * numbers + shift, tf.float64)


def autodiff(function: Callable, arguments: list[tf.Tensor], dy: tf.Tensor) -> list[np.ndarray]:
    """Differentiate sum(dy * function(*arguments)) automatically."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        y = function(*arguments)
    return [g.numpy() for g in tape.gradient(y, arguments, output_gradients=dy)]


def central_differences(
    function: Callable, arguments: list[tf.Tensor], dy: tf.Tensor, step: float = 1e-5
) -> list[np.ndarray]:
    """Differentiate sum(dy * function(*arguments)) by moving one number at a time."""

    @tf.function(autograph=False)  # called twice a number: five times as fast as step by step
    def graph(*values):
        return tf.reduce_sum(dy * function(*values))

    def loss(values):
        return float(graph(*[tf.constant(value) for value in values]))

    arrays = [np.array(argument) for argument in arguments]
    gradients = []
    for array in arrays:
        gradient = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + step
            above = loss(arrays)
            array[index] = value - step
            below = loss(arrays)
            array[index] = value
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


def assert_gradients_match(
    function: Callable,
    arguments: list[tf.Tensor],
    dy: tf.Tensor,
    by_hand: list[tf.Tensor],
    by_steps: list[np.ndarray],
) -> None:
    """Compare gradients by hand with automatic, numeric and step-by-step ones (float64)."""
    oracles = zip(
        by_hand,
        autodiff(function, arguments, dy),
        central_differences(function, arguments, dy),
        by_steps,
        strict=True,
    )
    for hand, automatic, numeric, steps in oracles:
        assert np.abs(automatic).max() > 1e-3, "the gradient is degenerate: nothing is tested"
        np.testing.assert_allclose(hand, automatic, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(hand, steps, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(hand, numeric, rtol=1e-6, atol=1e-8)


def config(case: str = "c", **overrides):
    """Make a small configuration; `bn__momentum=0.9` sets bn.momentum."""
    small = {"model.width": 0.1, "data.augment": True, "training.batch_size": 50}
    changes = {**small, **{k.replace("__", "."): v for k, v in overrides.items()}}
    return bnstudy.load_config(case=case, presets=["quick"], overrides=changes)
