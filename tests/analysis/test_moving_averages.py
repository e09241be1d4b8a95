"""Networks tested under moving averages while they train, against runs and against `manual`."""

import numpy as np
import pytest
import tensorflow as tf

import bnstudy
from bnstudy.analysis import moving_averages
from bnstudy.analysis.moving_averages import _Followed, accuracy_over_steps, logarithmic_steps
from bnstudy.data.dataset import load_dataset
from bnstudy.manual.batch_norm import debias, update_moving
from bnstudy.runner.training import Training

KEYS = {"model.width": 0.05, "data.train_limit": 150, "data.test_limit": 100, "bn.momentum": 0.7}


def configured(**changes):
    """Five steps an epoch, the last of 22 images."""
    overrides = {**KEYS, "training.epochs": 2, **changes}
    return bnstudy.load_config("c", ["quick"], overrides=overrides)


@pytest.fixture(scope="module")
def dataset():
    return load_dataset(configured().data)


@pytest.fixture(scope="module")
def curves(dataset):
    return accuracy_over_steps(configured(), dataset, (0.7, 0.9), until=10)


def follow(dataset, steps, momenta=(0.7, 0.9)):
    config = configured(**{"bn.momentum": 0.0})
    followed = _Followed(Training(config, dataset), momenta)
    for batch in moving_averages._batches(followed.training, 0, steps):
        followed.train(*batch)
    return followed


def test_steps_are_eight_a_decade_and_end_where_they_should():
    assert logarithmic_steps(100) == [1, 2, 3, 4, 6, 7, 10, 13, 18, 24, 32, 42, 56, 75, 100]
    assert logarithmic_steps(99)[-1] == 75
    for until in (3, 4, 7, 13, 42, 56):  # 10 ** (k / 8) lies above them, and is rounded to them
        assert logarithmic_steps(until)[-1] == until
    steps = logarithmic_steps(10_000)
    assert steps[-1] == 10_000
    assert len([step for step in steps if 1000 <= step < 10_000]) == 8


@pytest.mark.thorough
@pytest.mark.parametrize(("debias", "kind"), [(False, "raw 0.7"), (True, "corrected 0.7")])
def test_a_run_of_the_same_momentum_has_the_same_accuracy(
    dataset, curves, tmp_path, monkeypatch, debias, kind
):
    """So a run's training is the very same, and its own averages are among those followed."""
    monkeypatch.setattr("bnstudy.runner.loop.plot_run", lambda folder: [])
    folder = tmp_path / "run"
    bnstudy.run(configured(**{"bn.debias": debias}), folder)
    logged = bnstudy.load_log(folder).metrics["test_accuracy"][-1]
    assert curves.steps[-1] == 10
    assert curves.accuracy[kind][-1] == logged
    assert len({round(values[-1], 6) for values in curves.accuracy.values()}) > 1


@pytest.mark.thorough
def test_weights_do_not_depend_on_the_momentum(dataset):
    followed = follow(dataset, 7)
    plain = Training(configured(), dataset)
    for step, batch in enumerate(moving_averages._batches(plain, 0, 7)):
        rate = tf.constant(plain.rate, tf.float64)
        if step >= plain.batches.steps:
            rate = tf.constant(moving_averages.learning_rate(plain.config.optimizer, 1), tf.float64)
        plain.train_step(*batch, rate, step, moving_averages.make_sums())
    for name, weight in plain.model.parameters.items():
        np.testing.assert_array_equal(followed.training.model.parameters[name], weight, name)


def test_averages_are_those_of_manual(dataset):
    followed, moving, batches = follow(dataset, 0, (0.9,)), {}, []
    start = followed._start
    assert {name: float(value.mean()) for name, value in start.items()} == {
        "bn3/moving_mean": 0,
        "bn3/moving_variance": 1,
        "bn6/moving_mean": 0,
        "bn6/moving_variance": 1,
    }
    moving = dict(start)
    for batch in moving_averages._batches(followed.training, 0, 4):
        followed.train(*batch)
        batches.append(followed._last_batch())
        for name in moving:
            moving[name] = update_moving(moving[name], batches[-1][name], 0.9)
    for name, value in moving.items():
        np.testing.assert_allclose(followed._averages[0.9][name], value, rtol=1e-12)
        corrected = debias(tf.constant(value), float(start[name][0]), 0.9, tf.constant(4, tf.int64))
        np.testing.assert_allclose(followed._corrected(0.9)[name], corrected, rtol=1e-12)


def test_precise_statistics_are_those_of_all_training_images(dataset):
    """Of the first layer's input, which no other batch norm has touched: the exact moments."""
    followed = follow(dataset, 3)
    found = followed._precise()
    inputs = []
    for images, _ in followed.training.batches.epoch(0):
        x = images
        for layer in followed.training.model.layers:
            if layer.name == "bn3":
                break
            x, _ = layer.forward(x, moving_averages_context())
        inputs.append(x.numpy().astype(np.float64))
    x = np.concatenate(inputs)
    assert len(x) == 150
    np.testing.assert_allclose(found["bn3/moving_mean"], x.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found["bn3/moving_variance"], x.var(axis=(0, 1, 2)), rtol=1e-5)
    assert np.abs(found["bn6/moving_variance"] - 1).max() > 1e-3


def moving_averages_context():
    from bnstudy.model.layers import Context

    return Context(training=True)


@pytest.mark.thorough
def test_what_was_interrupted_continues_to_the_same(dataset, curves, tmp_path, monkeypatch):
    monkeypatch.setattr(moving_averages, "SAVE_EVERY", 0)
    tested, checkpoints = [], tmp_path / "deep" / "state"

    def interrupt(followed, test=_Followed.test):
        if followed.step == 7 and not tested:
            tested.append(followed.step)
            raise KeyboardInterrupt
        test(followed)

    monkeypatch.setattr(_Followed, "test", interrupt)
    with pytest.raises(KeyboardInterrupt):
        accuracy_over_steps(configured(), dataset, (0.7, 0.9), 10, checkpoints)
    steps = []
    monkeypatch.setattr(
        _Followed,
        "train",
        lambda self, *b, f=_Followed.train: steps.append(self.step) or f(self, *b),
    )
    again = accuracy_over_steps(configured(), dataset, (0.7, 0.9), 10, checkpoints)
    assert steps[0] == 6
    assert again == curves


@pytest.mark.parametrize(
    ("changes", "momenta"),
    [({"seed": 1}, (0.7,)), ({"optimizer.learning_rate": 0.1}, (0.7,)), ({}, (0.8,))],
)
def test_the_state_of_another_training_is_not_continued(dataset, tmp_path, changes, momenta):
    first = _Followed(Training(configured(), dataset), (0.7,))
    first.step = 3
    first.save(tmp_path / "state")
    other = _Followed(Training(configured(**changes), dataset), momenta)
    other.restore(tmp_path / "state")
    assert other.step == 0
    again = _Followed(Training(configured(), dataset), (0.7,))
    again.restore(tmp_path / "state")
    assert again.step == 3


@pytest.mark.parametrize("changes", [{"model.batch_norm": "none"}, {"bn.renorm": True}])
def test_a_network_without_such_averages_is_one_line(dataset, changes):
    with pytest.raises(bnstudy.UserError, match=r"must be custom, without bn\.renorm"):
        accuracy_over_steps(configured(**changes), dataset, (0.9,), 10)
