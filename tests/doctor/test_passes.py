"""Passes over the images: moments, and precise statistics layer by layer, against NumPy."""

import keras
import numpy as np
import pytest
from doctor_helpers import mlp
from keras import layers as L

from bnstudy.doctor.passes import Forward, channel_moments, moving_statistics
from bnstudy.doctor.walk import places

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(0.4, 0.3, (37, 8, 8, 1))


@pytest.mark.parametrize(
    ("shape", "axis"), [((6, 5), -1), ((6, 4, 3, 5), -1), ((6, 5, 4, 3), 1), ((6, 4, 5), 2)]
)
def test_the_moments_of_channels_are_those_of_numpy(shape, axis):
    x = RANDOM.normal(3, 2, shape)
    channels = np.moveaxis(x, axis, -1).reshape(len(x), -1, shape[axis])
    count, mean, variance, between = channel_moments(keras.ops.convert_to_tensor(x), axis)
    assert count.numpy().tolist() == [channels.shape[0] * channels.shape[1], len(x)]
    np.testing.assert_allclose(mean, channels.mean(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(variance, channels.var(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(between, channels.mean(axis=1).var(axis=0), rtol=1e-12)


def test_a_mean_much_larger_than_the_deviation_costs_no_precision():
    x = 1e4 + RANDOM.normal(0, 1, (50, 30, 2))
    _, _, variance, _ = channel_moments(keras.ops.convert_to_tensor(x.astype(np.float32)), -1)
    np.testing.assert_allclose(variance, x.var(axis=(0, 1)), rtol=1e-3)


def double_mlp():
    """An mlp in float64, with gammas, betas and statistics that are none of the usual."""
    keras.config.set_dtype_policy("float64")
    try:
        model = keras.Sequential([keras.Input((8, 8, 1), dtype="float64"), L.Flatten()])
        for number in (1, 2, 3):
            model.add(L.Dense(6 + number, activation="tanh"))
            model.add(L.BatchNormalization(epsilon=0.02, name=f"bn{number}"))
    finally:
        keras.config.set_dtype_policy("float32")
    for layer in model.layers:
        size = 0.2 if isinstance(layer, L.Dense) else 1
        weights = [RANDOM.normal(0, size, w.shape) for w in layer.get_weights()]
        if isinstance(layer, L.BatchNormalization):
            weights[-1] = np.abs(weights[-1]) + 0.1  # the variance
        layer.set_weights(weights)
    return model


def in_numpy(model, x, statistics=None):
    """Return the statistics of all images at each batch norm in turn, and the output."""
    seen = []
    x = x.reshape(len(x), -1)
    for layer in model.layers[1:]:
        if isinstance(layer, L.Dense):
            w, b = layer.get_weights()
            x = np.tanh(x @ w + b)
            continue
        gamma, beta, mean, variance = layer.get_weights()
        seen.append((x.mean(axis=0), x.var(axis=0)))
        if statistics is None:
            mean, variance = seen[-1]
        x = gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta
    return seen, x


def test_precise_statistics_are_those_of_all_images_layer_by_layer():
    model = double_mlp()
    layers = [place.layer for place in places(model, IMAGES)[0]]
    precise = Forward(model, layers, IMAGES[0])(IMAGES, 37, of_the_batch=[True] * 3)
    right, outputs = in_numpy(model, IMAGES)
    for own, (mean, variance) in zip(precise.statistics, right, strict=True):
        np.testing.assert_allclose(own[0], mean, rtol=1e-9)
        np.testing.assert_allclose(own[1], variance, rtol=1e-9)
    np.testing.assert_allclose(precise.outputs[0], outputs, rtol=1e-9)


def test_moving_statistics_are_used_and_left_alone():
    model = double_mlp()
    layers = [place.layer for place in places(model, IMAGES)[0]]
    before = [moving_statistics(layer) for layer in layers]
    passed = Forward(model, layers, IMAGES[0])(IMAGES, 10)
    right, outputs = in_numpy(model, IMAGES, statistics="moving")
    np.testing.assert_allclose(passed.outputs[0], outputs, rtol=1e-9)
    for own, (mean, variance) in zip(passed.statistics, right, strict=True):
        np.testing.assert_allclose(own, (mean, variance), rtol=1e-9)
    for now, then in zip(map(moving_statistics, layers), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_given_statistics_are_used_and_batches_use_their_own():
    model = mlp()
    images = IMAGES.astype(np.float32)
    layers = [place.layer for place in places(model, images)[0]]
    forward = Forward(model, layers, images[0])
    precise = forward(images, 37, of_the_batch=[True, True])
    again = forward(images, 10, precise.statistics)
    np.testing.assert_allclose(again.outputs[0], precise.outputs[0], rtol=1e-4, atol=1e-6)
    batches = forward(images, 10, of_the_batch=[True, True]).outputs[0]
    alone = forward(images[10:20], 10, of_the_batch=[True, True]).outputs[0]
    np.testing.assert_allclose(batches[10:20], alone, rtol=1e-5, atol=1e-7)
    assert np.abs(batches - precise.outputs[0]).max() > 1e-3


def test_training_mode_is_keras_own():
    """All images as one batch give what the model itself gives in training."""
    model = mlp()
    images = IMAGES.astype(np.float32)
    layers = [place.layer for place in places(model, images)[0]]
    precise = Forward(model, layers, images[0])(images, 37, of_the_batch=[True, True])
    np.testing.assert_allclose(precise.outputs[0], model(images, training=True), atol=1e-5)


def test_noise_is_active_where_it_is_asked_for():
    model = mlp(before=lambda name: L.Dropout(0.5, name=name))
    images = IMAGES.astype(np.float32)
    layers = [place.layer for place in places(model, images)[0]]
    quiet, noisy = (Forward(model, layers, images[0], noise)(images, 37) for noise in (False, True))
    assert (noisy.statistics[0][1] > 1.2 * quiet.statistics[0][1]).mean() > 0.9
