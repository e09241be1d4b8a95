"""The other layers: their parameters, their precision, and the derivatives that they use."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import random

from bnstudy.model.layers import (
    AS_POSTED,
    ELU,
    RIGHT,
    AveragePool,
    Context,
    Conv2D,
    GlobalAveragePool,
)

TRAINING = Context(training=True)


def test_a_cache_of_a_convolution_holds_its_weights():
    """An update between forward and backward does not change the gradient of that forward."""
    layer = Conv2D("conv", random(3, 3, 5, 4, seed=2).numpy(), tf.float64)
    y, cache = layer.forward(random(6, 3, 4, 5), TRAINING)
    dy = random(*y.shape, seed=9)
    before = layer.backward(dy, cache)[0]
    layer.w.assign(2 * layer.w)
    np.testing.assert_allclose(layer.backward(dy, cache)[0], before, rtol=1e-12)


def test_the_logits_are_averaged_in_float32():
    layer = GlobalAveragePool("logits", tf.float32)
    x = tf.cast(100 + random(3, 8, 8, 10), tf.bfloat16)
    y, cache = layer.forward(x, TRAINING)
    np.testing.assert_allclose(y, tf.cast(x, tf.float64).numpy().mean((1, 2)), rtol=1e-6)
    dx, _ = layer.backward(tf.ones_like(y), cache)
    assert (y.dtype, dx.dtype) == (tf.float32, tf.bfloat16)


@pytest.mark.parametrize(
    ("layer", "name", "factor"),
    [
        (lambda backward: ELU("elu", backward), "elu", 2),
        (lambda backward: AveragePool("pool", backward), "average_pool", 4),
        (
            lambda backward: GlobalAveragePool("logits", tf.float64, backward),
            "global_average_pool",
            4 * 6,  # pixels
        ),
    ],
)
def test_as_posted_a_layer_has_the_authors_derivative(layer, name, factor):
    """For positive x, each is a multiple of the right one."""
    x = tf.abs(random(3, 4, 6, 5)) + 0.1
    found = []
    for derivatives in (RIGHT, AS_POSTED):
        y, cache = layer(getattr(derivatives, name)).forward(x, TRAINING)
        found.append(layer(getattr(derivatives, name)).backward(random(*y.shape, seed=1), cache)[0])
    np.testing.assert_allclose(found[1], factor * found[0], rtol=1e-12)
