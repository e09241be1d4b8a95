"""Batch norm as a layer: moving averages, the training flag, which parameters are learned."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import autodiff, config, random

from bnstudy.model.batch_norm import AXES, BatchNorm, KerasBatchNorm
from bnstudy.model.layers import Context

IMAGE = (3, 4, 5)  # H, W, C
KINDS = [BatchNorm, KerasBatchNorm]
TRAINING, INFERENCE = Context(training=True), Context(training=False)


def make(kind, axes="channel", **options):
    options = {f"bn__{key}": value for key, value in options.items()}
    options = config(training__batch_size=48, **options).bn
    layer = kind("bn", IMAGE, AXES[axes], options, tf.float64)
    if "gamma" in layer.parameters:
        layer.parameters["gamma"].assign(random(*layer.parameters["gamma"].shape, shift=2))
    if "beta" in layer.parameters:
        layer.parameters["beta"].assign(random(*layer.parameters["beta"].shape, seed=1))
    return layer


def images(number, count=6):
    return random(count, *IMAGE, seed=number, scale=1 + number % 3, shift=number)


def flat(variables):
    """Keras keeps statistics per activation flat."""
    return {name: v.numpy().ravel() for name, v in variables.items() if name != "updates"}


@pytest.mark.parametrize("axes", AXES)
def test_our_layer_equals_the_frameworks_over_many_batches(axes):
    ours, theirs = (make(kind, axes, momentum=0.8, epsilon=0.01) for kind in KINDS)
    for number in range(12):
        x = images(number)
        for training in (True, False):
            mine, _ = ours.forward(x, Context(training))
            their, _ = theirs.forward(x, Context(training))
            np.testing.assert_allclose(mine, their, rtol=1e-9, atol=1e-10)
        for name, value in flat(theirs.statistics).items():
            np.testing.assert_allclose(flat(ours.statistics)[name], value, rtol=1e-10)
    assert int(ours.updates) == 12


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", KINDS)
def test_backward_equals_automatic_differentiation(kind, axes, training):
    layer, x, dy = make(kind, axes, epsilon=0.01), images(3), random(6, *IMAGE, seed=9)
    for number in range(4):
        layer.forward(images(number), TRAINING)  # moving statistics away from their start
    _, cache = layer.forward(x, Context(training))
    dx, dparameters = layer.backward(dy, cache)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, _ = layer.forward(x, Context(training))
    automatic = tape.gradient(y, [x, *layer.parameters.values()], output_gradients=dy)
    for hand, auto in zip([dx, *dparameters], automatic, strict=True):
        assert np.abs(auto).max() > 1e-3
        np.testing.assert_allclose(hand, auto, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kind", KINDS)
def test_training_may_be_a_tensor(kind, axes):
    by_bool, by_tensor = make(kind, axes), make(kind, axes)
    dy = random(6, *IMAGE, seed=9)

    @tf.function
    def step(x, training):
        y, cache = by_tensor.forward(x, Context(training))
        return y, by_tensor.backward(dy, cache)

    for number, training in enumerate([True, True, False, True, False]):
        x = images(number)
        y, (dx, dparameters) = step(x, tf.constant(training))
        expected, cache = by_bool.forward(x, Context(training))
        expected_dx, expected_dparameters = by_bool.backward(dy, cache)
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-11)
        for mine, other in zip(dparameters, expected_dparameters, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
        for name, value in by_bool.statistics.items():
            np.testing.assert_allclose(by_tensor.statistics[name], value, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_training_uses_the_batch_and_inference_what_is_remembered(kind):
    layer = make(kind, momentum=0.5)
    before = flat(layer.statistics)
    layer.forward(images(4), INFERENCE)
    for name, value in flat(layer.statistics).items():
        np.testing.assert_array_equal(value, before[name])  # inference updates nothing
    y, _ = layer.forward(images(4), TRAINING)
    x = images(4).numpy()
    np.testing.assert_allclose(np.mean(y, (0, 1, 2)), layer.parameters["beta"], rtol=1e-9)
    after = flat(layer.statistics)
    np.testing.assert_allclose(after["moving_mean"], 0.5 * x.mean((0, 1, 2)), rtol=1e-10)
    np.testing.assert_allclose(after["moving_variance"], 0.5 + 0.5 * x.var((0, 1, 2)), rtol=1e-10)


def test_debias_makes_the_first_inference_exact():
    """After one step the corrected moving averages are that batch's own statistics."""
    layer = make(BatchNorm, momentum=0.99, debias=True, moving_variance_init=0.3)
    trained, _ = layer.forward(images(2), TRAINING)
    inferred, _ = layer.forward(images(2), INFERENCE)
    np.testing.assert_allclose(inferred, trained, rtol=1e-8, atol=1e-9)
    biased = make(BatchNorm, momentum=0.99)
    biased.forward(images(2), TRAINING)
    assert np.abs(biased.forward(images(2), INFERENCE)[0] - trained).max() > 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("scale", "center", "names"),
    [(True, False, ["gamma"]), (False, True, ["beta"]), (False, False, [])],
)
def test_scale_and_center_choose_what_is_learned(kind, scale, center, names):
    layer = make(kind, scale=scale, center=center, epsilon=0.01)
    assert list(layer.parameters) == names
    x, dy = images(1), random(6, *IMAGE, seed=9)
    _, cache = layer.forward(x, TRAINING)
    dx, dparameters = layer.backward(dy, cache)
    assert len(dparameters) == len(names)
    (automatic,) = autodiff(lambda x: layer.forward(x, TRAINING)[0], [x], dy)
    np.testing.assert_allclose(dx, automatic, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_moving_variance_starts_where_it_is_told(kind):
    layer = make(kind, moving_variance_init=0.25)
    np.testing.assert_array_equal(flat(layer.statistics)["moving_variance"], [0.25] * 5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_holds_what_the_layer_was(kind, training):
    """An update between forward and backward does not change the gradient of that forward."""
    layer, dy = make(kind, epsilon=0.01), random(6, *IMAGE, seed=9)
    _, cache = layer.forward(images(1), Context(training))
    before = layer.backward(dy, cache)[0]
    for variable in (*layer.parameters.values(), *layer.statistics.values()):
        variable.assign(2 * variable)
    np.testing.assert_allclose(layer.backward(dy, cache)[0], before, rtol=1e-12)


def test_the_corrected_variance_of_a_constant_channel_is_not_negative():
    """In float32 it is a rounding error of either sign, whose root could be NaN."""
    options = config(bn__debias=True, bn__epsilon=1e-10, bn__momentum=0.9).bn
    layer = BatchNorm("bn", IMAGE, (0, 1, 2), options, tf.float32)
    infer = tf.function(lambda x: layer.forward(x, INFERENCE)[0])
    for _ in range(40):
        layer.forward(tf.ones([4, *IMAGE]), TRAINING)
        assert np.isfinite(infer(tf.ones([4, *IMAGE]) + 1e-6)).all()


def test_statistics_under_bfloat16_are_taken_in_float32():
    """Around 1000, bfloat16 numbers are 4 apart: a mean kept so would be off by up to 2."""
    layer = BatchNorm("bn", IMAGE, (0, 1, 2), config(bn__momentum=0.0).bn, tf.float32)
    x = tf.cast(1000 + 30 * tf.cast(images(0), tf.float32), tf.bfloat16)
    y, _ = layer.forward(x, TRAINING)
    exact = tf.cast(x, tf.float64).numpy()
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(layer.moving_mean, exact.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, exact.var((0, 1, 2)), rtol=1e-3)


@pytest.mark.parametrize("axes", AXES)
def test_ghost_batches_have_statistics_of_their_own_whose_means_are_averaged(axes):
    """Six images in ghost batches of three: 0, 2, 4 and 1, 3, 5 (37), (38)."""
    layer, plain = make(BatchNorm, axes, virtual_batch_size=3, momentum=0.5), make(BatchNorm, axes)
    x, dy, over = images(4), random(6, *IMAGE, seed=9), AXES[axes]
    y, cache = layer.forward(x, TRAINING)
    dx, dparameters = layer.backward(dy, cache)
    sums = [0, 0]
    for k in (0, 1):
        expected, own = plain.forward(x[k::2], TRAINING)
        expected_dx, expected_dparameters = plain.backward(dy[k::2], own)
        np.testing.assert_allclose(y[k::2], expected, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(dx[k::2], expected_dx, rtol=1e-9, atol=1e-11)
        sums = [total + part for total, part in zip(sums, expected_dparameters, strict=True)]
    for ours, expected in zip(dparameters, sums, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-11)
    parts = x.numpy()[::2], x.numpy()[1::2]
    mean, variance = (np.mean([f(part, over) for part in parts], 0) for f in (np.mean, np.var))
    np.testing.assert_allclose(layer.moving_mean, 0.5 * mean, rtol=1e-11)
    np.testing.assert_allclose(layer.moving_variance, 0.5 + 0.5 * variance, rtol=1e-11)
    assert int(layer.updates) == 1


def test_inference_has_no_ghost_batches_and_takes_any_number_of_images():
    layer, plain = make(BatchNorm, virtual_batch_size=3), make(BatchNorm)
    for number in range(3):
        layer.forward(images(number), TRAINING)
    for name, variable in plain.statistics.items():
        variable.assign(layer.statistics[name])
    x = images(2)[:5]
    y, cache = layer.forward(x, INFERENCE)
    np.testing.assert_array_equal(y, plain.forward(x, INFERENCE)[0])
    assert layer.backward(y, cache)[0].shape == x.shape


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", AXES)
def test_a_tensor_chooses_between_ghost_batches_and_inference(axes, training):
    by_bool, by_tensor = (make(BatchNorm, axes, virtual_batch_size=2) for _ in range(2))
    dy, spec = random(6, *IMAGE, seed=9), tf.TensorSpec([None, *IMAGE], tf.float64)

    @tf.function(input_signature=[spec, tf.TensorSpec([], tf.bool)], autograph=False)
    def step(x, training):
        y, cache = by_tensor.forward(x, Context(training))
        return y, *by_tensor.backward(dy, cache)

    for number in range(3):
        x, flag = images(number), training or number == 0
        y, dx, dparameters = step(x, tf.constant(flag))
        expected, cache = by_bool.forward(x, Context(flag))
        expected_dx, expected_dparameters = by_bool.backward(dy, cache)
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-11)
        for one, other in zip(dparameters, expected_dparameters, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_one_channel_is_enough_for_ghost_batches():
    """A gamma of one number fits the axis of the ghost batches, too; it is not theirs."""
    options = config(bn__virtual_batch_size=2).bn
    layer = BatchNorm("bn", (4, 6, 1), AXES["channel"], options, tf.float64)
    x = random(6, 4, 6, 1)
    y, cache = layer.forward(x, TRAINING)
    dx, (dgamma, _) = layer.backward(random(6, 4, 6, 1, seed=2), cache)
    assert (y.shape, dx.shape, dgamma.shape) == (x.shape, x.shape, [1])
