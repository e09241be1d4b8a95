"""Networks under other statistics, in float64, against the network in NumPy of the check."""

import numpy as np
import pytest
import tensorflow as tf
from marks import thorough
from trained_helpers import config_of, random_arrays, some_images, write_finished_run

import bnstudy
from bnstudy.analysis import statistics
from bnstudy.analysis.choice import Statistics
from bnstudy.data.batches import TrainingBatches
from bnstudy.data.dataset import load_dataset
from bnstudy.data.standardize import Standardization, standardizers
from bnstudy.gradient_check import numpy_network
from bnstudy.model.all_cnn import Model
from bnstudy.run_folder import weights

NORMALIZED = [
    *("c", "b"),
    *thorough("c activation", "b activation after_conv", "c after_conv", "c debias"),
]
EXACT = {"rtol": 1e-8, "atol": 1e-10}
RANDOM = np.random.default_rng(3)
# Without rounding in float32: the deviations are powers of two.
STANDARDIZATION = Standardization(np.float32([100, 120, 90]), np.float32([64, 32, 64]))
# Of two sizes, and the last one smaller, as at the end of an epoch.
BATCHES = [RANDOM.normal(size=(n, 32, 32, 3)).astype(np.float32) for n in (8, 8, 4)]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Return a function: name of a configuration -> its network, all in float64."""

    def network(name, **overrides):
        config = config_of(name, **overrides)
        folder = tmp_path_factory.mktemp("statistics") / "run"
        found = bnstudy.load_model(write_finished_run(folder, config, random_arrays(config)))
        found.model = Model(config, tf.float64)
        found.model.assign(weights.load(folder).arrays)
        found.standardization = STANDARDIZATION
        return found

    return network


def numpy_of(network, training=False, **arrays):
    """The same network in NumPy, with some arrays replaced."""
    config, own = network.run.config, {**network.model.parameters, **network.model.statistics}
    return numpy_network.Network(
        arrays={name: np.asarray(v.numpy(), np.float64) for name, v in own.items()} | arrays,
        labels=np.zeros(1, np.int64),
        axes=(0, 1, 2) if config.bn.axes == "channel" else (0,),
        epsilon=config.bn.epsilon,
        training=training,
        momentum=config.bn.momentum,
        initial=None,
        ghosts=config.bn.virtual_batch_size,
        renorm=numpy_network.Renorm(3, 5, config.bn.renorm_momentum) if config.bn.renorm else None,
    )


def standardized(network, images):
    return (images - STANDARDIZATION.mean) / STANDARDIZATION.stddev.astype(np.float64)


def inputs_in_training(network, batches):
    """Name of a batch norm -> its inputs, over all batches together, in training mode."""
    numpy, inputs = numpy_of(network, training=True), {}
    names = [layer.name for layer in network.model.layers]
    for batch in batches:
        x, moved = batch.astype(np.float64), {}
        for name in names:
            if name.startswith("bn"):
                inputs.setdefault(name, []).append(x)
                after = numpy_network.statistics_after(name, x, numpy)
                moved |= {f"{name}/{statistic}": value for statistic, value in after.items()}
            x = numpy_network.apply_layer(name, x, numpy)
        numpy = numpy._replace(arrays={**numpy.arrays, **moved})
    return {name: np.concatenate(parts) for name, parts in inputs.items()}


@pytest.mark.parametrize("name", NORMALIZED)
def test_batch_statistics_are_those_of_each_test_batch_in_turn(networks, name):
    network, images = networks(name), some_images(8)
    found = statistics.classifier(network, Statistics("batch", 3))(images)
    numpy = numpy_of(network, training=True)
    names = [layer.name for layer in network.layers]
    expected = [
        numpy_network.apply_layers(names, standardized(network, images[start : start + 3]), numpy)
        for start in (0, 3, 6)  # the last batch has two images
    ]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.concatenate(expected), **EXACT)


@pytest.mark.parametrize("name", [*NORMALIZED, *thorough("c ghost batches", "c renorm")])
def test_precise_statistics_are_those_of_all_training_images_together(networks, name):
    """Mean variance within the batches plus variance of their means: the variance of all."""
    size = {"bn__virtual_batch_size": 4} if name == "c ghost batches" else {}
    network = networks(name, **size)
    inputs = inputs_in_training(network, BATCHES)
    axes = numpy_of(network).axes
    found = statistics.training_moments(network, BATCHES)
    assert list(found) == list(inputs)
    for layer, (mean, variance) in found.items():
        np.testing.assert_allclose(mean, inputs[layer].mean(axes), **EXACT)
        np.testing.assert_allclose(variance, inputs[layer].var(axes), **EXACT)


@pytest.mark.parametrize("name", NORMALIZED)
def test_precise_statistics_take_the_place_of_the_moving_ones(networks, name):
    network, images = networks(name), some_images(5)
    moments = statistics.training_moments(network, BATCHES)
    found = statistics.classifier(network, Statistics("precise", 2), moments)(images)
    arrays = {f"{bn}/moving_mean": m.mean for bn, m in moments.items()}
    arrays |= {f"{bn}/moving_variance": m.variance for bn, m in moments.items()}
    names = [layer.name for layer in network.layers]
    numpy = numpy_of(network, **arrays)
    expected = numpy_network.apply_layers(names, standardized(network, images), numpy)
    np.testing.assert_allclose(found, expected, **EXACT)
    assert np.abs(found - network.logits(images)).max() > 1e-3


def test_the_moving_averages_stay_as_they_are(networks):
    for name in ("c", "b", "c renorm"):
        network = networks(name)
        before = {k: v.numpy() for k, v in network.model.statistics.items()}
        statistics.training_moments(network, BATCHES)
        for key, value in before.items():
            np.testing.assert_array_equal(network.model.statistics[key].numpy(), value)


@pytest.mark.thorough
def test_noise_enters_the_precise_statistics_and_is_absent_afterwards(networks):
    network = networks("c noise")
    quiet = statistics.training_moments(networks("c", bn__placement="after_hidden_conv"), BATCHES)
    noisy = statistics.training_moments(network, BATCHES)
    np.testing.assert_allclose(noisy["bn1"].mean, quiet["bn1"].mean, **EXACT)  # before any noise
    assert np.abs(noisy["bn2"].variance / quiet["bn2"].variance - 1).max() > 0.01
    classify = statistics.classifier(network, Statistics("precise"), noisy)
    np.testing.assert_array_equal(classify(some_images()), classify(some_images()))


def brought_back(network, x, moments, epsilon=statistics.SOURCE_EPSILON):
    """The network without batch norm in NumPy, every output of `moments` brought back."""
    numpy = numpy_of(network)
    for layer in network.layers:
        x = numpy_network.apply_layer(layer.name, x, numpy)
        if layer.name in moments:
            mean, variance = moments[layer.name]
            own_mean, own_variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            x = (x - own_mean) / np.sqrt(own_variance + epsilon)
            x = x * np.sqrt(variance + epsilon) + mean
    return x


def test_source_brings_every_hidden_convolution_back_to_its_training_moments(networks):
    network, images = networks("a"), some_images(8)
    moments = statistics.training_moments(network, BATCHES)
    assert list(moments) == [f"conv{n}" for n in range(1, 9)]
    found = statistics.classifier(network, Statistics("source", 3), moments)(images)
    parts = [standardized(network, images[start : start + 3]) for start in (0, 3, 6)]
    expected = np.concatenate([brought_back(network, x, moments) for x in parts])
    np.testing.assert_allclose(found, expected, **EXACT)


def test_the_training_moments_of_a_network_without_batch_norm(networks):
    network = networks("a")
    outputs, x, numpy = {}, np.concatenate(BATCHES).astype(np.float64), numpy_of(network)
    for layer in network.layers:
        outputs[layer.name] = x = numpy_network.apply_layer(layer.name, x, numpy)
    for name, (mean, variance) in statistics.training_moments(network, BATCHES).items():
        np.testing.assert_allclose(mean, outputs[name].mean((0, 1, 2)), **EXACT)
        np.testing.assert_allclose(variance, outputs[name].var((0, 1, 2)), **EXACT)


def test_source_changes_nothing_on_the_training_images_themselves(networks):
    network, images = networks("a"), some_images(9)
    batch = network.standardization(images.astype(np.float32))
    moments = statistics.training_moments(network, [batch])
    found = statistics.classifier(network, Statistics("source", 9), moments)(images)
    np.testing.assert_allclose(found, network.logits(images), **EXACT)


def test_a_batch_of_one_image_has_the_statistics_of_its_pixels(networks):
    """Per channel; per activation it has none, and is refused, as the last batch too."""
    network, images = networks("c"), some_images(3)
    found = statistics.classifier(network, Statistics("batch", 1))(images)
    names = [layer.name for layer in network.layers]
    x, numpy = standardized(network, images[:1]), numpy_of(network, training=True)
    np.testing.assert_allclose(found[:1], numpy_network.apply_layers(names, x, numpy), **EXACT)
    classify = statistics.classifier(networks("c activation"), Statistics("batch", 2))
    assert classify(images[:2]).shape == (2, 10)
    with pytest.raises(bnstudy.UserError, match="a batch of one image has no variance"):
        classify(images)


def test_moving_statistics_are_the_network_as_it_is_and_no_images_no_answers(networks):
    network, images = networks("c"), some_images()
    moving = statistics.classifier(network, Statistics())(images)
    np.testing.assert_array_equal(moving, network.logits(images))
    moments = statistics.training_moments(network, BATCHES)
    for kind in ("batch", "precise"):
        classify = statistics.classifier(network, Statistics(kind), moments)
        assert classify(images[:0]).shape == (0, 10)


def test_what_cannot_be_is_refused_before_anything_is_measured(networks):
    with pytest.raises(bnstudy.UserError, match="source statistics are for a network without"):
        statistics.classifier(networks("c"), Statistics("source"))
    with pytest.raises(bnstudy.UserError, match=r"images has shape \[32, 32, 3\]"):
        statistics.classifier(networks("c"), Statistics("batch"))(some_images()[0])


def test_training_batches_are_those_of_the_epoch_that_would_come_next(networks):
    network = networks("c", training__epochs=3)
    config = network.run.config
    dataset = load_dataset(config.data)
    standardize = standardizers(dataset, config.data.standardize).train
    expected = [x.numpy() for x, _ in TrainingBatches(config, dataset, standardize).epoch(3)]
    found = [x.numpy() for x in statistics.training_batches(network)]
    assert len(found) == len(expected) > 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    few = list(statistics.training_batches(network, 33))
    assert [len(x) for x in few] == [32, 32]


def test_the_next_epoch_is_measured_unless_batches_are_given(networks):
    network = networks("c", data__train_limit=100)
    own = statistics.training_moments(network)
    given = statistics.training_moments(network, statistics.training_batches(network))
    np.testing.assert_array_equal(own["bn3"].mean, given["bn3"].mean)
