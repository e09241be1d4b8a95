"""Evaluation and training steps: exact means, the update, no side effects."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.runner.optimizers import Optimizer
from bnstudy.runner.steps import make_evaluate, make_sums, make_train_step

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (23, 32, 32, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 23)


def standardize(images):
    return (images - 120) / 70


@pytest.fixture
def model():
    return Model(config())


def reference(model):
    """Cost and accuracy of all images at once, in float64 NumPy from the logits on."""
    logits, _ = model.forward(standardize(tf.cast(IMAGES, tf.float32)), training=False)
    z = logits.numpy().astype(np.float64)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -log_p[range(23), LABELS].mean(), (z.argmax(1) == LABELS).mean()


@pytest.mark.parametrize(
    "batch_size", [1, 7, pytest.param(10, marks=pytest.mark.compiled), 23, 100]
)
def test_evaluation_is_the_exact_mean_whatever_the_batch_size(model, batch_size):
    cost, accuracy = make_evaluate(model, standardize)(IMAGES, LABELS, batch_size)
    expected_cost, expected_accuracy = reference(model)
    assert accuracy == expected_accuracy
    assert cost == pytest.approx(expected_cost, rel=1e-6)


def test_unequal_batches_would_tell_a_mean_of_means_from_the_mean(model):
    """Otherwise the test above could not fail: 7 + 7 + 7 + 2 images."""
    evaluate = make_evaluate(model, standardize)
    parts = [evaluate(IMAGES[i : i + 7], LABELS[i : i + 7])[0] for i in range(0, 23, 7)]
    assert abs(np.mean(parts) - reference(model)[0]) > 1e-3


def test_evaluation_changes_nothing(model):
    variables = {**model.parameters, **model.statistics}
    before = {name: variable.numpy() for name, variable in variables.items()}
    make_evaluate(model, standardize)(IMAGES, LABELS)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable, before[name])


@pytest.mark.parametrize("gradients", ["autodiff", "manual"])
def test_a_step_reports_the_batch_and_moves_downhill(gradients):
    model = Model(config())
    optimizer = Optimizer(config(optimizer__name="sgd").optimizer, model.parameters)
    step = make_train_step(model, optimizer, gradients)
    images = standardize(IMAGES.astype(np.float32))
    logits, _ = model.forward(images, training=True)
    expected, _ = softmax_cross_entropy.forward(logits, LABELS)
    before = make_sums(cost=1.5, correct=7)
    cost, correct = step(images, LABELS, 0.05, 0, before)
    cost, correct = (float(cost) - 1.5) / 23, int(correct) - 7
    assert cost == pytest.approx(float(expected), rel=1e-5)  # from before the update
    assert correct == np.sum(np.argmax(logits, 1) == LABELS)
    costs = [float(step(images, LABELS, 0.05, 0, make_sums()).cost) / 23 for _ in range(10)]
    assert costs[-1] < cost - 0.02


def test_the_learning_rate_scales_the_step():
    def moved(rate):
        model = Model(config())
        optimizer = Optimizer(config(optimizer__name="sgd").optimizer, model.parameters)
        before = model.parameters["conv5/w"].numpy()
        step = make_train_step(model, optimizer, "manual")
        step(standardize(np.float32(IMAGES)), LABELS, rate, 0, make_sums())
        return model.parameters["conv5/w"].numpy() - before

    np.testing.assert_allclose(moved(0.02), 2 * moved(0.01), rtol=1e-2, atol=1e-7)


def test_every_layer_sees_the_runs_seed_and_the_step(monkeypatch):
    """Whatever random numbers a layer draws, they are a function of both."""
    model = Model(config(seed=7))
    seen = tf.Variable([0, 0], dtype=tf.int64)
    layer = model.layers[-1]
    forward = layer.forward

    def remember(x, context):
        assert context.training is True
        seen.assign([context.seed, context.step])
        return forward(x, context)

    monkeypatch.setattr(layer, "forward", remember)
    optimizer = Optimizer(config().optimizer, model.parameters)
    train_step = make_train_step(model, optimizer, "manual")
    for step in (0, 12_345_678_901):
        train_step(standardize(np.float32(IMAGES)), LABELS, 0.01, step, make_sums())
        np.testing.assert_array_equal(seen, [7, step])
