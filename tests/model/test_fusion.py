"""Fused layers: which they are, and that they compute the same."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random
from marks import thorough

from bnstudy.manual import network
from bnstudy.model.all_cnn import Model, build_layers
from bnstudy.model.batch_norm import AXES, BatchNorm
from bnstudy.model.batch_renorm import BatchRenorm
from bnstudy.model.fusion import FusedLayers, fuse
from bnstudy.model.layers import ELU, AveragePool, Context
from bnstudy.runner.optimizers import Optimizer
from bnstudy.runner.steps import make_sums, make_train_step

KINDS = {
    "plain": (BatchNorm, {}),
    "ghosts": (BatchNorm, {"bn__virtual_batch_size": 5}),
    "renorm": (BatchRenorm, {"bn__renorm": True, "bn__renorm_momentum": 0.7}),
}


@pytest.mark.compiled
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", ["channel", *thorough("activation")])
def test_fused_layers_compute_what_they_compute_one_by_one(axes, kind):
    """With XLA, for any number of images, in training and (with corrected averages) inference."""

    def stack():
        batch_norm, own = KINDS[kind]
        options = config(bn__debias=True, bn__momentum=0.7, bn__epsilon=0.01, **own).bn
        norm = batch_norm("bn", (4, 6, 5), AXES[axes], options, tf.float64)
        norm.gamma.assign(random(*norm.gamma.shape, shift=2))
        norm.beta.assign(random(*norm.beta.shape, seed=1))
        return [ELU("elu"), norm, AveragePool("pool")]

    plain, parts = stack(), stack()
    fused = FusedLayers(parts)
    shapes = [tf.TensorSpec([None, *shape], tf.float64) for shape in ((4, 6, 5), (2, 3, 5))]

    @tf.function(input_signature=[*shapes, tf.TensorSpec([], tf.bool)], autograph=False)
    def compiled(x, dy, training):
        y, cache = fused.forward(x, Context(training))
        return y, *fused.backward(dy, cache)

    for number, training in enumerate((True, True, False)):
        x, dy = random(10, 4, 6, 5, seed=number, shift=1), random(10, 2, 3, 5, seed=9 + number)
        y, dx, dparameters = compiled(x, dy, training)
        plain_y, cache = network.forward(plain, x, Context(training))
        plain_dx, plain_dparameters = network.backward(plain, dy, cache)
        np.testing.assert_allclose(y, plain_y, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(dx, plain_dx, rtol=1e-11, atol=1e-12)
        for one, other in zip(dparameters, plain_dparameters, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
        for name, statistic in plain[1].statistics.items():
            np.testing.assert_allclose(parts[1].statistics[name], statistic, rtol=1e-11)


def test_layers_between_two_convolutions_are_fused():
    names = [layer.name for layer in fuse(build_layers(config(), tf.float32))]
    assert names == [
        *("conv1", "elu1", "conv2", "elu2", "conv3", "elu3+bn3+pool3"),
        *("conv4", "elu4", "conv5", "elu5", "conv6", "elu6+bn6+pool6"),
        *("conv7", "elu7", "conv8", "elu8", "conv9", "elu9", "logits"),
    ]


@pytest.mark.compiled
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("changes", "counts", "precision"),
    [
        ({"bn__virtual_batch_size": 2}, (6, 4), tf.bfloat16),
        ({"bn__renorm": True}, (4, 4), tf.float32),
    ],
)
def test_the_relatives_of_batch_norm_train_compiled(changes, counts, precision):
    """With noise; ghost batches of two adapt to six and to four images, compiled for each."""
    configured = config(model__width=0.05, bn__noise=True, **changes)
    model = Model(configured, tf.float32, precision)
    optimizer = Optimizer(configured.optimizer, model.parameters)
    step = make_train_step(model, optimizer, "manual", steps=10)
    for number, count in enumerate(counts):
        images = tf.cast(random(count, 32, 32, 3, seed=number), tf.float32)
        sums = step(images, np.arange(count), 1e-3, number, make_sums())
        assert 0 < float(sums.cost) / count < 10
    assert all(np.isfinite(v).all() for v in model.statistics.values())


def test_noise_is_not_fused():
    layers = build_layers(config(bn__noise=True), tf.float32)
    names = [layer.name for layer in fuse(layers)]
    assert names[5:8] == ["elu3+bn3", "noise3", "pool3"]


@pytest.mark.compiled
def test_a_step_has_one_compiled_part_for_each_block_and_one_for_the_update():
    model = Model(config())
    optimizer = Optimizer(config().optimizer, model.parameters)
    graph = make_train_step(model, optimizer, "manual").get_concrete_function().graph
    programs = [op for op in graph.get_operations() if "_XlaMustCompile" in op.node_def.attr]
    forward, backward, update = 2, 9, 1  # in float32, a lone ELU is not compiled in forward
    assert len(programs) == forward + backward + update
