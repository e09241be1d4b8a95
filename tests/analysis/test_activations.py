"""Statistics of activations against the network in NumPy, dead channels made on purpose."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

from bnstudy.analysis.activations import (
    EDGES,
    SATURATED,
    activation_statistics,
    gradient_norms,
    layer_outputs,
)
from bnstudy.analysis.landscape import Landscape
from bnstudy.gradient_check import numpy_network
from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.model.layers import Context

SHAPE = (4, 4, 3)
IMAGES = np.random.default_rng(4).normal(size=(7, *SHAPE))


def make(case="c", **overrides):
    configured = config(case, model__width=0.04, bn__placement="after_hidden_conv", **overrides)
    model = Model(configured, tf.float64, image_shape=SHAPE)
    random = np.random.default_rng(5)
    for name, variable in {**model.parameters, **model.statistics}.items():
        if variable.dtype == tf.float64:  # so that nothing is at its initial value
            deviation = 4 if name == "conv9/w" else 0.5  # and the last ELU is saturated in part
            values = random.normal(0, deviation, variable.shape)
            variable.assign(np.exp(values) if "var" in name or "gamma" in name else values)
    return model


def in_numpy(model, training):
    """Every layer's output, by the network that shares no code with the model."""
    arrays = {n: v.numpy() for n, v in {**model.parameters, **model.statistics}.items()}
    network = numpy_network.Network(
        arrays=arrays,
        labels=np.zeros(len(IMAGES), np.int64),
        axes=(0, 1, 2),
        epsilon=1e-3,
        training=training,
        momentum=0.9,
        initial=None,
    )
    x, outputs = IMAGES, {}
    for layer in model.layers:
        x = outputs[layer.name] = numpy_network.apply_layer(layer.name, x, network)
    return outputs


@pytest.mark.parametrize(("training", "parts"), [(False, [7]), (False, [3, 1, 3]), (True, [7])])
def test_moments_and_histograms_are_those_of_all_images(training, parts):
    model = make()
    expected = in_numpy(model, training)
    batches = np.split(IMAGES, np.cumsum(parts)[:-1])
    found = activation_statistics(model, map(tf.constant, batches), training)
    assert [layer.name for layer in found] == list(expected)
    for layer in found:
        values = expected[layer.name].reshape(-1, expected[layer.name].shape[-1])
        np.testing.assert_allclose(layer.mean, values.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.deviation, values.std(axis=0), rtol=1e-9, atol=1e-12)
        counts = [
            ((low <= values) & (values < high)).sum() for low, high in itertools.pairwise(EDGES)
        ]
        counts[0] += (values < EDGES[0]).sum()
        counts[-1] += (values >= EDGES[-1]).sum()
        np.testing.assert_array_equal(layer.counts, counts)
        if layer.name.startswith("elu"):
            assert layer.saturated == pytest.approx((values < SATURATED).mean(), abs=1e-12)
            assert layer.dead == (values < SATURATED).all(axis=0).mean()
        else:
            assert (layer.saturated, layer.dead) == (None, None)
    assert any(layer.saturated for layer in found)  # else nothing was tested


def test_statistics_over_batches_do_not_cancel():
    model = make("a")
    model.parameters["conv1/w"].assign(np.zeros((3, 3, 3, 4)) + 1e7)
    images = np.full((4, *SHAPE), 1.0) + 1e-6 * IMAGES[:4]
    values = layer_outputs(model, tf.constant(images), Context(False))["conv1"].numpy()
    found = activation_statistics(model, map(tf.constant, np.split(images, 4)))[0]
    assert found.name == "conv1"
    np.testing.assert_allclose(found.deviation, values.std(axis=(0, 1, 2)), rtol=1e-9)


def test_channels_that_are_saturated_everywhere_are_dead():
    """Batch norm shifts two channels of five far below zero, and one image brings one back."""
    model = make()
    before = {layer.name: layer for layer in activation_statistics(model, [tf.constant(IMAGES)])}
    channels = len(before["elu5"].mean)
    assert channels == 8
    beta, gamma = np.zeros(channels), np.ones(channels)
    beta[[1, 4, 6]] = -60.0  # exp(-60) - 1 is -1 in any precision
    gamma[[1, 4]] = 0.0
    model.parameters["bn5/beta"].assign(beta)
    model.parameters["bn5/gamma"].assign(gamma)
    model.statistics["bn5/moving_mean"].assign(np.zeros(channels))
    x = layer_outputs(model, tf.constant(IMAGES), Context(False))["conv5"].numpy()[..., 6]
    scale = 1.02 * 60 / np.max(x)  # its largest value alone comes out above zero
    gamma[6] = scale * np.sqrt(model.statistics["bn5/moving_variance"].numpy()[6] + 1e-3)
    model.parameters["bn5/gamma"].assign(gamma)
    after = {layer.name: layer for layer in activation_statistics(model, [tf.constant(IMAGES)])}
    assert after["elu5"].dead == 2 / channels
    assert 2 / channels < after["elu5"].saturated < 1
    assert before["elu5"].dead == after["elu4"].dead == 0


def test_in_training_mode_moving_statistics_are_put_back():
    model = make()
    before = {name: variable.numpy() for name, variable in model.statistics.items()}
    activation_statistics(model, [tf.constant(IMAGES)] * 2, training=True)
    for name, variable in model.statistics.items():
        np.testing.assert_array_equal(variable.numpy(), before[name], name)


def test_the_outputs_are_those_of_the_model():
    model = make(bn__noise=True)
    context = Context(True, seed=3, step=5, steps=9)
    outputs = layer_outputs(model, tf.constant(IMAGES), context)
    model_seed, model._seed = model._seed, 3
    logits, _ = model.forward(tf.constant(IMAGES), training=True, step=5, steps=9)
    model._seed = model_seed
    np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-12)
    assert list(outputs) == [layer.name for layer in model.layers]


def test_gradient_norms_are_those_of_automatic_differentiation():
    model = make()
    batches = [
        (tf.constant(IMAGES[part]), tf.constant([1, 4, 9])) for part in (slice(0, 3), slice(3, 6))
    ]
    variables = list(model.parameters.values())
    with tf.GradientTape() as tape:
        costs = [
            softmax_cross_entropy.forward(model.forward(images, training=True)[0], labels)[0]
            for images, labels in batches
        ]
        cost = tf.add_n(costs) / 2
    expected = [np.linalg.norm(g) for g in tape.gradient(cost, variables)]
    found = gradient_norms(Landscape(model, batches))
    assert list(found) == list(model.parameters)
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-9)
    assert min(expected) > 1e-6
