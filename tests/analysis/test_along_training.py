"""A run at the weights of its epochs, against the network in NumPy of the check."""

import numpy as np
import pytest
import tensorflow as tf
from marks import thorough
from trained_helpers import config_of, random_arrays, write_finished_run

from bnstudy.analysis import along_training
from bnstudy.analysis.along_training import accuracies, landscape_of, predictiveness, sharpness
from bnstudy.analysis.landscape import Landscape
from bnstudy.analysis.statistics import training_moments
from bnstudy.data.batches import epoch_order
from bnstudy.data.dataset import load_dataset
from bnstudy.errors import UserError
from bnstudy.gradient_check import numpy_network
from bnstudy.model.all_cnn import Model
from bnstudy.run_folder import weights
from bnstudy.run_folder.log import load_log
from bnstudy.trained.network import TrainedNetwork

BATCH = 8
SEEDS = {1: 1, 2: 3}  # of the weights after each epoch; these do not put all into one class
CHANGES = {
    "model__width": 0.03,
    "bn__placement": "after_hidden_conv",
    "data__train_limit": 80,
    "training__batch_size": BATCH,
    "optimizer__learning_rate": 0.02,
    "optimizer__decay": 1.0,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a function: name of a configuration -> a run with two epochs, of random weights."""
    folder = tmp_path_factory.mktemp("along")

    def run(name):
        path = folder / name
        if not path.exists():
            config = config_of(name, **CHANGES)
            write_finished_run(path, config)
            for epoch, seed in SEEDS.items():
                weights.save_epoch(path, config, epoch, random_arrays(config, seed))
        return path

    return run


def batches_of(config, count):
    """Standardized images and labels of the epoch after the second, in NumPy."""
    data = load_dataset(config.data)
    order = epoch_order(config.seed, 2, len(data.train_labels))
    pixels = data.train_images.astype(np.float64)
    moments = pixels.mean(axis=(0, 1, 2)), pixels.std(axis=(0, 1, 2))
    for start in range(0, count * BATCH, BATCH):
        chosen = order[start : start + BATCH]
        yield (pixels[chosen] - moments[0]) / moments[1], data.train_labels[chosen]


def logits_in_numpy(config, arrays, images):
    network = numpy_network.Network(
        arrays={name: np.asarray(array, np.float64) for name, array in arrays.items()},
        labels=np.zeros(len(images), np.int64),
        axes=(0, 1, 2) if config.bn.axes == "channel" else (0,),
        epsilon=config.bn.epsilon,
        training=True,
        momentum=config.bn.momentum,
        initial=None,
    )
    names = [layer.name for layer in Model(config).layers]
    return numpy_network.apply_layers(names, images, network)


def costs_in_numpy(config, arrays, images, labels):
    logits = logits_in_numpy(config, arrays, images)
    logits = logits - logits.max(axis=1, keepdims=True)
    return (np.log(np.exp(logits).sum(axis=1)) - logits[range(len(labels)), labels]).mean()


def accuracy_in_numpy(config, arrays, count):
    right = [
        (logits_in_numpy(config, arrays, images).argmax(axis=1) == labels).sum()
        for images, labels in batches_of(config, count)
    ]
    return sum(right) / (count * BATCH)


@pytest.mark.parametrize("name", ["c", *thorough("a")])
def test_the_training_accuracy_after_each_epoch_is_that_of_the_network_in_numpy(runs, name):
    found, config = accuracies(runs(name), images=1000), config_of(name, **CHANGES)
    assert list(found) == [0, 1, 2]
    model = Model(config)  # before the first step, the weights are the initial ones
    initial = {n: v.numpy() for n, v in {**model.parameters, **model.statistics}.items()}
    assert found[0] == accuracy_in_numpy(config, initial, 10)  # of 80 images: there are no more
    for epoch, seed in SEEDS.items():
        assert found[epoch] == accuracy_in_numpy(config, random_arrays(config, seed), 10)
        assert found[epoch] != 0.1 or name == "a"
    few = accuracies(runs(name), images=17)  # no batch of 8 is divided
    assert few[1] == accuracy_in_numpy(config, random_arrays(config, SEEDS[1]), 3)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("c", False),
        ("b activation after_conv", True),
        *thorough(("a", False), ("a", True), ("c", True), ("c debias", False), ("c debias", True)),
    ],
)
def test_the_cost_of_a_landscape_is_that_of_the_network_in_numpy(runs, name, frozen):
    """With one batch, frozen at their precise values, the statistics are those of the batch."""
    config = config_of(name, **CHANGES)
    landscape = landscape_of(runs(name), epoch=1, batches=1, frozen=frozen)
    ((images, labels),) = batches_of(config, 1)
    expected = costs_in_numpy(config, random_arrays(config, SEEDS[1]), images, labels)
    cost, _ = landscape(landscape.weights)
    assert cost == pytest.approx(expected, rel=1e-5)  # images and moments are in float32


@pytest.mark.parametrize("name", ["c renorm debias activation", *thorough("c debias")])
def test_frozen_inference_takes_the_precise_statistics_whatever_it_is_made_of(runs, name):
    config = config_of(name, **CHANGES)
    network = TrainedNetwork(
        weights.Weights(load_log(runs(name)), weights.load_epochs(runs(name))[1], runs(name)),
        "float32",
    )
    chosen = [images.astype(np.float32) for images, _ in batches_of(config, 2)]
    expected = training_moments(network, [tf.constant(images) for images in chosen])
    model = landscape_of(runs(name), epoch=1, batches=2, frozen=True).model
    norms = [layer for layer in model.layers if layer.name in expected]
    assert len(norms) == len(expected) > 0
    for layer in norms:
        _, _, mean, variance = layer.for_inference()
        np.testing.assert_allclose(mean, expected[layer.name].mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(variance, expected[layer.name].variance, rtol=1e-4, atol=1e-5)


def test_frozen_the_statistics_do_not_move_with_the_weights(runs):
    """Scaling a kernel before a batch norm changes nothing, unless its statistics are frozen."""
    changes = []
    for frozen in (False, True):
        landscape = landscape_of(runs("c"), epoch=2, batches=2, frozen=frozen)
        w = landscape.weights
        scaled = np.where(landscape.names() == "conv4/w", 1.5 * w, w)
        changes.append(abs(landscape(scaled)[0] - landscape(w)[0]))
    assert changes[0] < 1e-3 < 0.02 < changes[1]


@pytest.mark.thorough
@pytest.mark.parametrize("frozen", [False, True])
def test_sharpness_is_the_curvature_along_its_steepest_direction(runs, frozen, monkeypatch):
    vectors, leading_eigenvalue = [], along_training.leading_eigenvalue

    def noted(*arguments):
        vectors.append(leading_eigenvalue(*arguments))
        return vectors[-1]

    monkeypatch.setattr(along_training, "leading_eigenvalue", noted)
    landscape = landscape_of(runs("c"), epoch=2, batches=2, frozen=frozen)
    w, value = landscape.weights, sharpness(runs("c"), 2, 2, frozen, tolerance=1e-4)
    (found,) = vectors
    h = 1e-6  # so short that no unit crosses the kink of its ELU
    beside = [landscape(w + step * found.vector)[0] for step in (-h, 0.0, h)]
    second_difference = (beside[0] - 2 * beside[1] + beside[2]) / h**2
    assert value == pytest.approx(second_difference, rel=1e-2)
    random = np.random.default_rng(0).standard_normal(len(w))
    along = [landscape(w + step * random / np.linalg.norm(random))[0] for step in (-h, 0.0, h)]
    assert value > 2 * (along[0] - 2 * along[1] + along[2]) / h**2


@pytest.mark.thorough
def test_predictiveness_takes_the_steps_of_the_next_epoch_for_each_batch_by_itself(runs):
    found = predictiveness(runs("c"), batches=2, multiples=(0.5, 3.0))
    assert [each.epoch for each in found] == [0, 0, 1, 1, 2, 2]
    landscape = landscape_of(runs("c"), epoch=1, batches=2)
    single = Landscape(landscape.model, landscape.batches[1:])
    w = single.weights
    _, gradient = single(w)
    rate = 0.02 / 2  # of epoch 2: the decay is 1
    there = [single(w - multiple * rate * gradient) for multiple in (0.5, 3.0)]
    assert found[3].spread == pytest.approx(abs(there[0][0] - there[1][0]), rel=1e-2)
    distances = [np.linalg.norm(g - gradient) for _, g in there]
    assert found[3].change == pytest.approx(max(distances), rel=1e-2)


def test_where_a_cost_is_not_finite_neither_is_the_range(runs):
    found = predictiveness(runs("a"), batches=1, multiples=(1.0, 1e30))
    assert found[1].spread == found[1].change == np.inf


def test_a_run_without_kept_epochs_says_how_to_keep_them(tmp_path):
    run = write_finished_run(tmp_path / "run", config_of("c"))
    with pytest.raises(UserError, match=r"run has kept no epochs.*checkpoint\.keep_epochs=true"):
        accuracies(run)


def test_an_epoch_that_is_not_there_is_refused(runs):
    with pytest.raises(UserError, match="has kept epochs 1 to 2, not 3"):
        sharpness(runs("c"), 3)
