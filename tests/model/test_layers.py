"""The layers' bookkeeping: moving averages, the training flag, which parameters are learned."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import autodiff, config, random

from bnstudy.model import layers
from bnstudy.manual import network

IMAGE = (3, 4, 5)  # H, W, C
AXES = {"channel": (0, 1, 2), "activation": (0,)}
KINDS = [batch_norm_layers.BatchNorm, batch_norm_layers.KerasBatchNorm]


def make(kind, axes="channel", **options):
    options = config(**{f"bn__{key}": value for key, value in options.items()}).bn
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
            mine, _ = ours.forward(x, training)
            their, _ = theirs.forward(x, training)
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
        layer.forward(images(number), True)  # moving statistics away from their start
    _, cache = layer.forward(x, training)
    dx, dparameters = layer.backward(dy, cache)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, _ = layer.forward(x, training)
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
        y, cache = by_tensor.forward(x, training)
        return y, by_tensor.backward(dy, cache)

    for number, training in enumerate([True, True, False, True, False]):
        x = images(number)
        y, (dx, dparameters) = step(x, tf.constant(training))
        expected, cache = by_bool.forward(x, training)
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
    layer.forward(images(4), False)
    for name, value in flat(layer.statistics).items():
        np.testing.assert_array_equal(value, before[name])  # inference updates nothing
    y, _ = layer.forward(images(4), True)
    x = images(4).numpy()
    np.testing.assert_allclose(np.mean(y, (0, 1, 2)), layer.parameters["beta"], rtol=1e-9)
    after = flat(layer.statistics)
    np.testing.assert_allclose(after["moving_mean"], 0.5 * x.mean((0, 1, 2)), rtol=1e-10)
    np.testing.assert_allclose(after["moving_variance"], 0.5 + 0.5 * x.var((0, 1, 2)), rtol=1e-10)


def test_debias_makes_the_first_inference_exact():
    """After one step the corrected moving averages are that batch's own statistics."""
    layer = make(batch_norm_layers.BatchNorm, momentum=0.99, debias=True, moving_variance_init=0.3)
    trained, _ = layer.forward(images(2), True)
    inferred, _ = layer.forward(images(2), False)
    np.testing.assert_allclose(inferred, trained, rtol=1e-8, atol=1e-9)
    biased = make(batch_norm_layers.BatchNorm, momentum=0.99)
    biased.forward(images(2), True)
    assert np.abs(biased.forward(images(2), False)[0] - trained).max() > 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("scale", "center", "names"),
    [(True, False, ["gamma"]), (False, True, ["beta"]), (False, False, [])],
)
def test_scale_and_center_choose_what_is_learned(kind, scale, center, names):
    layer = make(kind, scale=scale, center=center, epsilon=0.01)
    assert list(layer.parameters) == names
    x, dy = images(1), random(6, *IMAGE, seed=9)
    _, cache = layer.forward(x, True)
    dx, dparameters = layer.backward(dy, cache)
    assert len(dparameters) == len(names)
    (automatic,) = autodiff(lambda x: layer.forward(x, True)[0], [x], dy)
    np.testing.assert_allclose(dx, automatic, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_moving_variance_starts_where_it_is_told(kind):
    layer = make(kind, moving_variance_init=0.25)
    np.testing.assert_array_equal(flat(layer.statistics)["moving_variance"], [0.25] * 5)


@pytest.mark.compiled
@pytest.mark.parametrize("axes", AXES)
def test_fused_layers_compute_what_they_compute_one_by_one(axes):
    """By XLA, for any number of images, in training and (with corrected averages) inference."""

    def stack():
        options = config(bn__debias=True, bn__momentum=0.7, bn__epsilon=0.01).bn
        norm = batch_norm_layers.BatchNorm("bn", (4, 6, 5), AXES[axes], options, tf.float64)
        norm.gamma.assign(random(*norm.gamma.shape, shift=2))
        norm.beta.assign(random(*norm.beta.shape, seed=1))
        return [layers.ELU("elu"), norm, layers.AveragePool("pool")]

    plain, parts = stack(), stack()
    fused = fusion.FusedLayers(parts)
    shapes = [tf.TensorSpec([None, *shape], tf.float64) for shape in ((4, 6, 5), (2, 3, 5))]

    @tf.function(input_signature=[*shapes, tf.TensorSpec([], tf.bool)], autograph=False)
    def compiled(x, dy, training):
        y, cache = fused.forward(x, training)
        return y, *fused.backward(dy, cache)

    for number, training in enumerate((True, True, False)):
        x, dy = random(5, 4, 6, 5, seed=number, shift=1), random(5, 2, 3, 5, seed=9 + number)
        y, dx, dparameters = compiled(x, dy, training)
        plain_y, cache = network.forward(plain, x, training)
        plain_dx, plain_dparameters = network.backward(plain, dy, cache)
        np.testing.assert_allclose(y, plain_y, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(dx, plain_dx, rtol=1e-11, atol=1e-12)
        for one, other in zip(dparameters, plain_dparameters, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
        for name, statistic in plain[1].statistics.items():
            np.testing.assert_allclose(parts[1].statistics[name], statistic, rtol=1e-11)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", [layers.Conv2D, *KINDS])
def test_a_cache_holds_what_the_layer_was(kind, training):
    """Whoever updates between forward and backward still gets the gradient of that forward."""
    if kind is layers.Conv2D:
        layer = kind("conv", random(3, 3, 5, 5, seed=2).numpy(), tf.float64)
    else:
        layer = make(kind, epsilon=0.01)
    _, cache = layer.forward(images(1), training)
    dy = random(6, *IMAGE, seed=9)
    before = layer.backward(dy, cache)[0]
    for variable in (*layer.parameters.values(), *layer.statistics.values()):
        variable.assign(2 * variable)
    np.testing.assert_allclose(layer.backward(dy, cache)[0], before, rtol=1e-12)


def test_a_constant_channel_has_no_negative_variance_after_correction():
    """In float32 the corrected variance of a constant is a rounding error of either sign."""
    options = config(bn__debias=True, bn__epsilon=1e-8, bn__momentum=0.99).bn
    layer = batch_norm_layers.BatchNorm("bn", IMAGE, (0, 1, 2), options, tf.float32)
    for _ in range(40):
        layer.forward(tf.ones([4, *IMAGE]), True)
        y, _ = layer.forward(tf.ones([4, *IMAGE]) + 1e-6, False)
        assert np.isfinite(y).all()


def test_statistics_under_bfloat16_are_taken_in_float32():
    """Around 1000, bfloat16 numbers are 4 apart: a mean kept so would be off by up to 2."""
    layer = batch_norm_layers.BatchNorm("bn", IMAGE, (0, 1, 2), config(bn__momentum=0.0).bn, tf.float32)
    x = tf.cast(1000 + 30 * tf.cast(images(0), tf.float32), tf.bfloat16)
    y, _ = layer.forward(x, True)
    exact = tf.cast(x, tf.float64).numpy()
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(layer.moving_mean, exact.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, exact.var((0, 1, 2)), rtol=1e-3)


def test_the_logits_are_averaged_in_float32():
    layer = layers.GlobalAveragePool("logits", tf.float32)
    x = tf.cast(100 + random(3, 8, 8, 10), tf.bfloat16)
    y, cache = layer.forward(x, True)
    np.testing.assert_allclose(y, tf.cast(x, tf.float64).numpy().mean((1, 2)), rtol=1e-6)
    dx, _ = layer.backward(tf.ones_like(y), cache)
    assert (y.dtype, dx.dtype) == (tf.float32, tf.bfloat16)
