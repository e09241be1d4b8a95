"""The whole network: its table, and ten training steps by hand against ten automatic ones."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random

from bnstudy.manual import softmax_cross_entropy
from bnstudy.model import Model
from bnstudy.optimizers import Optimizer
from bnstudy.steps import GRADIENTS

VARIATIONS = list(
    itertools.product(
        ["none", "keras", "custom"], ["channel", "activation"], ["before_pool", "after_conv"]
    )
)


def make_model(batch_norm, axes="channel", placement="before_pool", **more):
    changes = {"model__batch_norm": batch_norm, "bn__axes": axes, "bn__placement": placement}
    return Model(config(**changes, **more), tf.float64)


def batch(number, count=6):
    labels = np.random.default_rng(number).integers(0, 10, count)
    return random(count, 32, 32, 3, seed=number), tf.constant(labels)


def train(gradients, model, steps=10):
    """Return the losses of consecutive steps with AMSGrad."""
    optimizer = Optimizer(config(optimizer__learning_rate=3e-3).optimizer, model.parameters)

    @tf.function
    def step(images, labels):
        cost, _, dparameters = GRADIENTS[gradients](model, images, labels)
        optimizer.apply(dparameters, tf.constant(3e-3, tf.float64))
        return cost

    return [float(step(*batch(number))) for number in range(steps)]


@pytest.mark.parametrize(("batch_norm", "axes", "placement"), VARIATIONS)
def test_ten_steps_by_hand_equal_ten_automatic_steps(batch_norm, axes, placement):
    if batch_norm == "none" and (axes, placement) != ("channel", "before_pool"):
        pytest.skip("without batch norm there is one network")
    manual = train("manual", make_model(batch_norm, axes, placement))
    automatic = train("autodiff", make_model(batch_norm, axes, placement))
    assert len(set(manual)) == 10
    np.testing.assert_allclose(manual, automatic, rtol=1e-10)
