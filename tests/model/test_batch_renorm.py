"""Batch renormalization as a layer: its averages, the schedule, inference."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random

from bnstudy.manual import renorm
from bnstudy.model.batch_norm import AXES, BatchNorm
from bnstudy.model.batch_renorm import BatchRenorm
from bnstudy.model.layers import Context

IMAGE = (3, 4, 5)
TRAINING, INFERENCE = Context(training=True), Context(training=False)


def make(kind=BatchRenorm, axes="channel", **options):
    options = config(**{f"bn__{key}": value for key, value in options.items()}).bn
    layer = kind("bn", IMAGE, AXES[axes], options, tf.float64)
    layer.gamma.assign(random(*layer.gamma.shape, shift=2))
    layer.beta.assign(random(*layer.beta.shape, seed=1))
    return layer


def images(number):
    return random(6, *IMAGE, seed=number, scale=1 + number % 3, shift=number)


@pytest.mark.parametrize("axes", AXES)
def test_averages_move_after_they_were_used(axes):
    """A step uses the averages of the steps before it; then all four sets move (46), (47)."""
    layer = make(axes=axes, renorm=True, momentum=0.9, renorm_momentum=0.7, epsilon=0.01)
    over = AXES[axes]
    mean, stddev, moving_mean, moving_stddev = 0.0, 1.0, 0.0, 1.0
    for number in range(1, 6):
        x = images(number)
        shape = layer.gamma.shape
        averages = (np.broadcast_to(value, shape) for value in (mean, stddev))
        expected, _ = renorm.forward(x, layer.gamma, layer.beta, *averages, over, 0.01, 3, 5)
        y, _ = layer.forward(x, TRAINING)
        np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-12)
        batch, root = x.numpy().mean(over), np.sqrt(x.numpy().var(over) + 0.01)
        mean, stddev = 0.7 * mean + 0.3 * batch, 0.7 * stddev + 0.3 * root
        moving_mean = 0.9 * moving_mean + 0.1 * batch
        moving_stddev = 0.9 * moving_stddev + 0.1 * root
        for name, value in {
            "renorm_mean": mean,
            "renorm_stddev": stddev,
            "moving_mean": moving_mean,
            "moving_stddev": moving_stddev,
            "moving_variance": moving_stddev**2 - 0.01,
        }.items():
            np.testing.assert_allclose(layer.statistics[name], value, rtol=1e-11)
        y, _ = layer.forward(x, INFERENCE)
        normal = (x - moving_mean) / moving_stddev
        np.testing.assert_allclose(y, layer.gamma * normal + layer.beta, rtol=1e-10, atol=1e-11)
    assert int(layer.updates) == 5


def test_the_first_steps_are_batch_norm():
    ours, plain = make(renorm=True, epsilon=0.01), make(BatchNorm, epsilon=0.01)
    for step in range(6):  # 5 % of 100 steps, and the last one that is still closed
        y, cache = ours.forward(images(step), Context(True, step=step, steps=100))
        expected, plain_cache = plain.forward(images(step), TRAINING)
        np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-11)
        dx, plain_dx = (
            layer.backward(y, c)[0] for layer, c in ((ours, cache), (plain, plain_cache))
        )
        np.testing.assert_allclose(dx, plain_dx, rtol=1e-9, atol=1e-10)
    y, _ = ours.forward(images(9), Context(True, step=6, steps=100))
    assert np.abs(y - plain.forward(images(9), TRAINING)[0]).max() > 0.1


def test_bias_correction_is_that_of_the_standard_deviation():
    """After one step, the corrected averages are that batch's own mean and standard deviation."""
    layer = make(renorm=True, debias=True, moving_variance_init=0.3, epsilon=0.01)
    x = images(2)
    layer.forward(x, TRAINING)
    plain, _ = make(BatchNorm, epsilon=0.01).forward(x, TRAINING)
    np.testing.assert_allclose(layer.forward(x, INFERENCE)[0], plain, rtol=1e-9, atol=1e-9)
    layer.forward(images(3), TRAINING)
    assert np.abs(layer.forward(x, INFERENCE)[0] - plain).max() > 0.1


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", AXES)
def test_backward_equals_automatic_differentiation_by_bool_and_by_tensor(axes, training):
    dy, found = random(6, *IMAGE, seed=9), []
    for flag in (training, tf.constant(training)):
        layer = make(axes=axes, renorm=True, epsilon=0.01, renorm_momentum=0.5)
        for number in range(1, 4):
            layer.forward(images(number), TRAINING)

        @tf.function(autograph=False)
        def both(x, flag=flag, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y, cache = layer.forward(x, Context(flag))
            dx, dparameters = layer.backward(dy, cache)
            wanted = [x, *layer.parameters.values()]
            return [dx, *dparameters], tape.gradient(y, wanted, output_gradients=dy)

        hand, automatic = both(images(4))
        for ours, auto in zip(hand, automatic, strict=True):
            assert np.abs(auto).max() > 1e-3
            np.testing.assert_allclose(ours, auto, rtol=1e-9, atol=1e-11)
        found.append(hand)
    for by_bool, by_tensor in zip(*found, strict=True):
        np.testing.assert_allclose(by_bool, by_tensor, rtol=1e-11, atol=1e-12)
