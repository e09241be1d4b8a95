"""The first steps made again are those of the run; shift and movement by their definitions."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

import bnstudy
from bnstudy.analysis import first_steps
from bnstudy.analysis.activations import layer_outputs
from bnstudy.analysis.first_steps import movement_over_steps, shift_over_steps
from bnstudy.data.dataset import load_dataset
from bnstudy.model.gradients import manual_gradients
from bnstudy.model.layers import Context
from bnstudy.run_folder import weights
from bnstudy.runner.training import Training

SMALL = {
    "model__width": 0.05,
    "bn__placement": "after_hidden_conv",
    "data__augment": False,
    "data__train_limit": 60,
    "data__test_limit": 10,
    "training__batch_size": 20,
    "training__epochs": 1,
    "optimizer__name": "momentum",
    "optimizer__decay": 0,
    "optimizer__learning_rate": 0.02,
}


def gradient_of(model, batch):
    """The gradient of each kernel, by name."""
    _, _, gradient = manual_gradients(model, *batch)
    return dict(zip(model.parameters, [g.numpy().ravel() for g in gradient], strict=True))


@pytest.mark.thorough
def test_the_shift_is_that_of_the_steps_of_the_run():
    configured = config("c", **SMALL)
    dataset = load_dataset(configured.data)
    found = shift_over_steps(configured, dataset, steps=2)
    assert found.names == [f"conv{i}/w" for i in range(2, 10)]
    assert found.relative.shape == found.cosines.shape == found.norms.shape == (2, 8)
    training = Training(configured, dataset)
    model, rate = training.model, 0.02
    velocity = dict.fromkeys(model.parameters, 0.0)
    for step, batch in enumerate(training.batches.epoch(0).take(2)):
        before = {name: variable.numpy() for name, variable in model.parameters.items()}
        gradient = gradient_of(model, batch)
        after = {}
        for name, value in before.items():
            velocity[name] = 0.9 * velocity[name] - rate * gradient[name].reshape(value.shape)
            after[name] = value + velocity[name]
        for place, name in enumerate(found.names):
            earlier = list(before)[: list(before).index(name)]
            model.assign({**before, **{n: after[n] for n in earlier}, **_statistics(model)})
            there, here = gradient_of(model, batch)[name], gradient[name]
            norm = np.linalg.norm(here)
            assert found.norms[step, place] == pytest.approx(norm, rel=1e-3)
            relative, cosine = found.relative[step, place], found.cosines[step, place]
            assert relative == pytest.approx(np.linalg.norm(there - here) / norm, rel=2e-3)
            exact = here @ there / norm / np.linalg.norm(there)
            assert cosine == pytest.approx(exact, abs=1e-4)
            assert relative > 0.01
        model.assign({**after, **_statistics(model)})


def _statistics(model):
    return {name: variable.numpy() for name, variable in model.statistics.items()}


@pytest.mark.thorough
def test_the_costs_and_the_weights_are_those_of_the_run(tmp_path, monkeypatch):
    """Bit for bit: a run of one epoch has three steps, and its mean cost is that of ours."""
    configured = config("c", **SMALL)
    monkeypatch.setattr("bnstudy.runner.loop.plot_run", lambda folder: [])
    bnstudy.run(configured, tmp_path / "run")
    made = []
    monkeypatch.setattr(
        "bnstudy.analysis.first_steps.Training",
        lambda *arguments: made.append(Training(*arguments)) or made[-1],
    )
    dataset = load_dataset(configured.data)
    found = shift_over_steps(configured, dataset)  # 100 are asked for, and the epoch has 3
    assert len(found.costs) == 3
    logged = bnstudy.load_log(tmp_path / "run").metrics["train_cost"][0]
    assert found.costs.mean() == pytest.approx(logged, rel=1e-12)
    movement_over_steps(configured, dataset)
    arrays = weights.load(tmp_path / "run").arrays
    for training in made:
        for name, variable in training.model.parameters.items():
            np.testing.assert_array_equal(variable.numpy(), arrays[name], name)


@pytest.mark.thorough
def test_movement_is_that_of_the_channel_means_behind_the_noise():
    configured = config("c", bn__noise=True, **SMALL)
    dataset = load_dataset(configured.data)
    found = movement_over_steps(configured, dataset, steps=3)
    assert found.names == [f"elu{i}" for i in range(1, 10)]
    assert found.movement.shape == (2, 9)
    training = Training(configured, dataset)
    before = None
    for step, (images, labels) in enumerate(training.batches.epoch(0)):
        x, moments = images, []
        for layer, elu in zip(training.model.layers, training.model.layers[1:], strict=False):
            x, _ = layer.forward(x, Context(True, configured.seed, step, 3))
            if elu.name.startswith("elu"):
                last = elu.name == "elu9"  # neither batch norm nor noise stands before it
                assert layer.name.startswith("conv" if last else "noise")
                y = x.numpy().astype(np.float64)
                moments.append((y.mean(axis=(0, 1, 2)), y.std(axis=(0, 1, 2))))
        for place, (mean, _) in enumerate(moments if before else []):
            was, deviation = before[place]
            expected = np.mean(np.abs(mean - was) / deviation)
            assert found.movement[step - 1, place] == pytest.approx(expected, rel=2e-3)
        before = moments
        rate = tf.constant(0.02, tf.float64)
        training.train_step(images, labels, rate, step, training._sums)


RENORM = {"bn__renorm": True, "bn__renorm_momentum": 0.5, "training__epochs": 2}


def test_movement_leaves_a_training_as_it_is_whose_steps_read_the_averages(monkeypatch):
    """Of the 6 steps, the third is the first that renormalization corrects."""
    configured = config("c", **{**SMALL, **RENORM})
    dataset = load_dataset(configured.data)
    made = []
    monkeypatch.setattr(
        "bnstudy.analysis.first_steps.Training",
        lambda *arguments: made.append(Training(*arguments)) or made[-1],
    )
    movement_over_steps(configured, dataset)
    training = Training(configured, dataset)
    for step, batch in enumerate(training.batches.epoch(0)):
        training.train_step(*batch, tf.constant(0.02, tf.float64), step, training._sums)
    for name, variable in training.variables.items():
        np.testing.assert_array_equal(made[0].variables[name].numpy(), variable.numpy(), name)


@pytest.mark.parametrize("overrides", [{"bn__noise": True}, RENORM], ids=["noise", "renorm"])
def test_the_gradient_before_a_step_is_the_one_that_the_step_takes(overrides):
    """With the step's own noise, and with its own limits and averages of renormalization."""
    configured = config("c", **{**SMALL, **overrides})
    dataset = load_dataset(configured.data)
    found = shift_over_steps(configured, dataset, steps=3)
    training = Training(configured, dataset)
    steps = 3 * configured.training.epochs
    for step, batch in enumerate(training.batches.epoch(0)):
        averages = _statistics(training.model)
        _, _, gradient = manual_gradients(training.model, *batch, step, steps)
        norms = {
            n: np.linalg.norm(g) for n, g in zip(training.model.parameters, gradient, strict=True)
        }
        expected = [norms[name] for name in found.names]
        np.testing.assert_allclose(found.norms[step], expected, rtol=1e-4)
        for name, value in averages.items():
            training.model.statistics[name].assign(value)
        training.train_step(*batch, tf.constant(0.02, tf.float64), step, training._sums)


def test_movement_is_measured_in_full_precision_of_half_precise_activations():
    configured = config("c", training__precision="bfloat16", **SMALL)
    dataset = load_dataset(configured.data)
    found = movement_over_steps(configured, dataset, steps=2)
    training, inputs = Training(configured, dataset), []
    for step, batch in enumerate(training.batches.epoch(0).take(2)):
        context = Context(True, configured.seed, step, 3)
        inputs.append(layer_outputs(training.model, batch[0], context)["conv9"].numpy())
        training.train_step(*batch, tf.constant(0.02, tf.float64), step, training._sums)
    before, after = (x.astype(np.float64) for x in inputs)
    means, deviation = [x.mean((0, 1, 2)) for x in (before, after)], before.std((0, 1, 2))
    expected = np.mean(np.abs(means[1] - means[0]) / deviation)
    assert found.movement[0, -1] == pytest.approx(expected, rel=1e-3)


def zero_kernels(monkeypatch, channels):
    """Let the kernels of some channels of conv2 begin, and stay, at 0: these channels are constant.

    Their bias moves them all the same.
    """

    def training(*arguments):
        made = Training(*arguments)
        kernel = made.model.parameters["conv2/w"]
        kernel.assign(tf.where(np.isin(range(kernel.shape[-1]), channels), 0.0, kernel))
        return made

    monkeypatch.setattr("bnstudy.analysis.first_steps.Training", training)


def test_a_constant_channel_does_not_count(monkeypatch):
    configured = config("c", model__batch_norm="none", **SMALL)
    dataset = load_dataset(configured.data)
    zero_kernels(monkeypatch, [0, 2])
    training, inputs = first_steps.Training(configured, dataset), []
    for step, batch in enumerate(training.batches.epoch(0).take(2)):
        context = Context(True, configured.seed, step, 3)
        inputs.append(layer_outputs(training.model, batch[0], context)["conv2"].numpy())
        training.train_step(*batch, tf.constant(0.02, tf.float64), step, training._sums)
    before, after = (x.astype(np.float64)[..., [1, 3, 4]] for x in inputs)
    means, deviation = [x.mean((0, 1, 2)) for x in (before, after)], before.std((0, 1, 2))
    expected = np.mean(np.abs(means[1] - means[0]) / deviation)
    found = movement_over_steps(configured, dataset, steps=2).movement
    assert found[0, 1] == pytest.approx(expected, rel=1e-3)


def test_movement_ends_where_a_layer_has_constant_channels_alone(monkeypatch):
    configured = config("c", model__batch_norm="none", **SMALL)
    zero_kernels(monkeypatch, range(5))
    found = movement_over_steps(configured, load_dataset(configured.data))
    assert found.movement.shape == (0, 9)


def test_steps_end_where_the_network_diverges():
    overrides = {**SMALL, "optimizer__learning_rate": 1e30}
    configured = config("c", model__batch_norm="none", **overrides)
    dataset = load_dataset(configured.data)
    found = shift_over_steps(configured, dataset)
    assert found.relative.shape == (len(found.costs), 8)
    assert len(found.costs) < 3
    movement = movement_over_steps(configured, dataset).movement
    assert movement.shape[0] < 2
    assert movement.shape[1] == 9
