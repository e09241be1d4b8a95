"""The mistakes of the relatives of batch norm: distinct, wrong, located and named."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config
from mistake_helpers import CASES, assert_distinct_and_wrong, draw

from bnstudy.gradient_check import mistakes, network, numpy_network, relatives
from bnstudy.gradient_check.diagnosis import diagnose
from bnstudy.manual import batch_norm, noise, renorm
from bnstudy.model.batch_norm import BatchNorm

FREE = np.array([True, False, True])
RELATIVES = {
    "ghosts": {"ghosts": 2},
    "renorm": {"r": np.array([0.7, 3.0, 1.4]), "d": np.array([0.2, -0.6, 5.0])},
}
SLOPES = {"slope_of_r": 0.8 * FREE, "slope_of_d": np.array([0.8, 0.8, 0.0])}


def case_of(kind):
    plain = CASES["channel"]
    x, dy = (np.concatenate([z, z[:1] ** 2]) for z in (plain.x, plain.dy))  # six images
    slopes = SLOPES if kind == "renorm" else {}
    return plain._replace(x=x, dy=dy, **RELATIVES[kind], **slopes)


@pytest.mark.parametrize("kind", RELATIVES)
def test_the_mistakes_are_distinct_and_wrong(kind):
    case = case_of(kind)
    right = relatives._Right(case)
    rows = [*mistakes.batch_norm(case), *relatives.training(case)]
    for tensor, gradient in (("dx", right.dx), ("gamma", right.dgamma)):
        named = [(name, wrong) for where, name, wrong in rows if where == tensor]
        assert_distinct_and_wrong(named, gradient)
    values = [*mistakes.batch_norm_forward(case, True), *relatives.forward(case)]
    assert_distinct_and_wrong(values, right.y)


def test_without_relatives_there_are_none_of_their_mistakes():
    case = CASES["channel"]
    assert [*relatives.training(case), *relatives.forward(case)] == []


def test_the_mistakes_of_the_noise_are_distinct_and_wrong():
    dy, s = draw(5, 4, 6, 3), 1 + 0.1 * draw(5, 4, 6, 3)
    rows = [(name, wrong) for _, name, wrong in relatives.noise(dy, s)]
    assert_distinct_and_wrong(rows, s * dy)


def named(**changes):
    found = diagnose(network.certify(config(**changes), directions=1))
    return {(row.layer, row.tensor, row.alone, row.mistake) for row in found}


def test_ghost_statistics_over_the_whole_batch_are_named(monkeypatch):
    """Of the backward pass alone."""

    def backward(dy, cache):
        x, dy = batch_norm.join_images(cache.x), batch_norm.join_images(dy)
        gamma = tf.reshape(cache.gamma, [-1])
        _, whole = batch_norm.forward(x, gamma, gamma, (0, 1, 2), 1e-3)
        dx, dgamma, dbeta = right(dy, whole)
        return batch_norm.split_images(dx, 5), dgamma, dbeta

    right = batch_norm.backward
    monkeypatch.setattr(batch_norm, "backward", backward)
    assert named(bn__virtual_batch_size=5) == {
        (layer, tensor, "by hand", relatives.WHOLE)
        for layer in ("bn3", "bn6")
        for tensor in ("dx", "gamma")
    }


@pytest.mark.thorough
def test_ghost_batches_of_neighbours_are_named(monkeypatch):
    """A reshape to [N / size, size, ...] in the forward pass is wrong by its values."""
    for name, divide in (("split_images", True), ("join_images", False)):

        def reshape(x, size=5, divide=divide):
            shape = x.shape.as_list()
            if divide:
                return tf.einsum("kvhwc->vkhwc", tf.reshape(x, [-1, size, *shape[1:]]))
            return tf.reshape(tf.einsum("vkhwc->kvhwc", x), [-1, *shape[2:]])

        monkeypatch.setattr(batch_norm, name, reshape)
    assert {row for row in named(bn__virtual_batch_size=5) if row[1] == "y"} == {
        (layer, "y", None, relatives.NEIGHBOURS) for layer in ("bn3", "bn6")
    }


@pytest.mark.thorough
def test_an_automatic_gradient_through_r_and_d_is_named(monkeypatch):
    monkeypatch.setattr(tf, "stop_gradient", lambda x: x)
    assert named(bn__renorm=True) == {
        (layer, "dx", "automatic", "r and d are differentiated: they are constants")
        for layer in ("bn3", "bn6")
    }


@pytest.mark.parametrize(
    ("tensor", "wrong", "mistake"),
    [
        (0, lambda dx, dy, cache: dx / cache.r, "r is forgotten"),
        (
            1,
            lambda dgamma, dy, cache: (
                dgamma - tf.reshape(cache.d * tf.reduce_sum(dy, (0, 1, 2), keepdims=True), [-1])
            ),
            "d is forgotten",
        ),
    ],
)
def test_a_forgotten_correction_is_named(tensor, wrong, mistake, monkeypatch):
    right = renorm.backward

    def backward(dy, cache):
        gradients = list(right(dy, cache))
        gradients[tensor] = wrong(gradients[tensor], dy, cache)
        return tuple(gradients)

    monkeypatch.setattr(renorm, "backward", backward)
    which = ("dx", "gamma")[tensor]
    assert named(bn__renorm=True) == {(bn, which, "by hand", mistake) for bn in ("bn3", "bn6")}


def test_a_forgotten_scale_of_the_noise_is_named(monkeypatch):
    monkeypatch.setattr(noise, "backward", lambda dy, s: dy)
    assert named(bn__noise=True) == {
        (layer, "dx", "by hand", "s is forgotten") for layer in ("noise3", "noise6")
    }


@pytest.mark.thorough
def test_a_moving_variance_of_the_whole_batch_is_named(monkeypatch):
    right = BatchNorm._forward_training

    def forward(self, x, context):
        old = self.moving_variance.value()
        result = right(self, x, context)
        _, variance = tf.nn.moments(x, (0, 1, 2, 3))
        self.moving_variance.assign(batch_norm.update_moving(old, variance, self.config.momentum))
        return result

    monkeypatch.setattr(BatchNorm, "_forward_training", forward)
    assert named(bn__virtual_batch_size=5) == {
        (layer, "moving_variance", None, relatives.WHOLE) for layer in ("bn3", "bn6")
    }


@pytest.mark.thorough
def test_swapped_momenta_of_renormalization_are_named(monkeypatch):
    right, other = BatchNorm._average, {0.9: 0.5, 0.5: 0.9}

    def average(self, moving, batch, momentum):
        right(self, moving, batch, other[momentum])

    monkeypatch.setattr(BatchNorm, "_average", average)
    found = named(bn__renorm=True, bn__momentum=0.9, bn__renorm_momentum=0.5)
    assert found == {
        (layer, statistic, None, "bn.momentum and bn.renorm_momentum are swapped")
        for layer in ("bn3", "bn6")
        for statistic in numpy_network.STATISTICS
        if statistic != "updates"
    }
