"""What is wrong with a layer, or with its place."""

import keras
import numpy as np
import pytest
from doctor_helpers import SICK, cnn, data, dropout, mlp, no_gammas, trained
from keras import layers as L
from marks import thorough

from bnstudy.doctor.diagnosis import diagnose

NAMES = [
    *("batch norm trains alone", "training=False inside", *thorough("dropout before")),
    "images divided by 255 twice",
    *("axis 1 of channels last", "dead units", "no gammas", "bias before"),
]
HINTS = {"thawed", "bias", "overridden"}


def kinds(diagnosis, hints=False):
    return {finding.kind for finding in diagnosis.findings if finding.is_hint is hints}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_found(name):
    make, expected = SICK[name]
    diagnosis = diagnose(*make())
    assert expected - HINTS <= kinds(diagnosis)
    assert expected & HINTS <= kinds(diagnosis, hints=True)


def test_a_bias_alone_is_a_hint_and_the_model_healthy():
    model = trained()
    biased = mlp(momentum=0.9, use_bias=True)
    for own, other in zip(biased.layers, model.layers, strict=True):
        weights = other.get_weights()
        own.set_weights(
            [*weights, np.full(32, 0.5)]
            if own.name.startswith("dense") and len(own.weights) > len(weights)
            else weights
        )
        if own.name in ("bn1", "bn2"):
            own.moving_mean.assign(own.moving_mean + 0.5)
    diagnosis = diagnose(biased, *data()[2:])
    assert diagnosis.healthy
    (hint,) = diagnosis.findings
    assert (hint.kind, hint.layers) == ("bias", ("bn1", "bn2"))
    assert hint.measured == "bn1: 32 of dense1, at most 0.5"


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_bias_before_an_activation_is_none_before_batch_norm(activation):
    model = mlp(use_bias=True, activation=activation)
    assert "bias" not in kinds(diagnose(model, data()[2]), hints=True)


def test_a_little_dropout_is_at_most_a_hint():
    for rate, expected in ((0.05, set()), (0.1, {"dropout"})):
        diagnosis = diagnose(trained(before=dropout(rate)), *data()[2:])
        assert diagnosis.healthy
        assert kinds(diagnosis, hints=True) == expected


def test_a_few_dead_gammas_or_constant_channels_are_a_hint():
    images = keras.Input((8, 8, 1))
    model = keras.Model(images, L.BatchNormalization(name="pixels")(L.Flatten()(images)))
    norm = model.layers[-1]
    norm.moving_mean.assign(data()[0].mean(axis=0).reshape(-1))
    norm.moving_variance.assign(data()[0].var(axis=0).reshape(-1))
    norm.gamma.assign(np.where(np.arange(64) < 3, 0.0, 1.0))
    images = data()[2].copy()
    images[:, 3, 3] = data()[0][:, 3, 3].mean()
    norm.moving_variance.assign(np.where(np.arange(64) == 27, 0, norm.moving_variance))
    diagnosis = diagnose(model, images)
    assert diagnosis.healthy
    assert kinds(diagnosis, hints=True) == {"constant", "dead_gamma"}
    measured = {finding.kind: finding.measured for finding in diagnosis.findings}
    assert measured["dead_gamma"].startswith("3 of 64 channels")


def test_without_scale_there_are_no_gammas():
    assert "dead_gamma" not in kinds(diagnose(mlp(scale=False), data()[2]))
    assert "dead_gamma" in kinds(diagnose(no_gammas(mlp()), data()[2]))


@pytest.mark.thorough
def test_the_axis_of_the_channels_is_right_in_either_layout():
    for axis, wrong in ((3, False), (1, True)):
        assert ("wrong_axis" in kinds(diagnose(cnn(2, axis=axis), data()[2]))) is wrong
