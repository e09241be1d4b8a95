"""The cost and its gradient, automatic and by hand, against central differences."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random

from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.model.gradients import GRADIENTS

SHAPE, WEIGHT = (12, 8, 3), 0.3
IMAGES, LABELS = random(5, *SHAPE, seed=1), tf.constant([3, 1, 4, 1, 5])


def make_model():
    """Make a network whose moving statistics are neither 0 and 1 nor those of the batch."""
    model = Model(config(seed=2), tf.float64, image_shape=SHAPE)
    for number, (name, variable) in enumerate(model.statistics.items()):
        if name.endswith(("mean", "variance")):
            variable.assign(0.5 + random(*variable.shape, seed=number) ** 2)
    return model


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gradients", ["autodiff", "manual"])
def test_the_gradient_is_that_of_the_weighted_cost_in_the_mode_that_was_asked_for(
    gradients, training
):
    model = make_model()
    before = {name: variable.numpy() for name, variable in model.statistics.items()}
    cost, logits, found = GRADIENTS[gradients](
        model, IMAGES, LABELS, dcost=tf.constant(WEIGHT, tf.float64), training=training
    )
    moved = any(not np.array_equal(before[name], v) for name, v in model.statistics.items())
    assert moved == training
    assert float(cost) == float(softmax_cross_entropy.forward(logits, LABELS)[0])

    def weighted_cost():
        for name, value in before.items():
            model.statistics[name].assign(value)
        logits, _ = model.forward(IMAGES, training=training)
        return WEIGHT * float(softmax_cross_entropy.forward(logits, LABELS)[0])

    for name in ("conv2/w", "bn3/gamma"):
        w = model.parameters[name]
        start, direction = w.numpy(), random(*w.shape, seed=7)
        step = 1e-5 / np.sqrt(start.size)
        above = (w.assign(start + step * direction), weighted_cost())[1]
        below = (w.assign(start - step * direction), weighted_cost())[1]
        w.assign(start)
        slope = float(tf.reduce_sum(found[list(model.parameters).index(name)] * direction))
        assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-5), name


def test_the_authors_gradients_are_those_of_a_model_with_his_derivatives():
    assert GRADIENTS["as_posted"] is GRADIENTS["manual"]
    right, posted = (
        Model(config(training__gradients=kind, seed=2), tf.float64, image_shape=SHAPE)
        for kind in ("manual", "as_posted")
    )
    right, posted = (GRADIENTS["manual"](m, IMAGES, LABELS)[2] for m in (right, posted))
    assert not np.allclose(right[0], posted[0])
