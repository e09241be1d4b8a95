"""Writing a model with precise statistics."""

import dataclasses

import keras
import numpy as np
import pytest
from doctor_helpers import SICK, cnn, data, fit, norms, spoil, trained

import bnstudy
from bnstudy.doctor import fix
from bnstudy.errors import UserError


@pytest.mark.thorough
def test_the_written_model_is_healthy_and_else_the_same(tmp_path):
    _, _, x, y = data()
    model = fit(cnn(4), steps=60)
    before = [variable.numpy() for variable in model.variables]
    diagnosis = bnstudy.diagnose(model, x, y)
    assert not diagnosis.healthy
    fix.write(model, diagnosis.measured, tmp_path / "mended.keras")
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    mended = keras.saving.load_model(tmp_path / "mended.keras")
    for own, old in zip(mended.trainable_variables, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(own, old)
    assert int(mended.optimizer.iterations) == 60
    again = bnstudy.diagnose(mended, x, y)
    assert again.healthy
    assert max(layer.distance.larger for layer in again.measured.layers) < 1e-5
    np.testing.assert_allclose(again.measured.moving[0], diagnosis.measured.precise[0], atol=1e-5)


def test_renorm_gets_the_standard_deviation_too(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.BatchNormalization(renorm=True)])
    diagnosis = bnstudy.diagnose(model, data()[2])
    fix.write(model, diagnosis.measured, tmp_path / "mended.keras")
    (norm,) = norms(keras.saving.load_model(tmp_path / "mended.keras"))
    np.testing.assert_allclose(norm.moving_stddev, data()[2].std(), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, data()[2].var(), rtol=1e-5)


def test_statistics_that_are_not_finite_are_mended_if_the_weights_are_sound(tmp_path):
    model = SICK["nan"][0]().model
    fix.write(model, bnstudy.diagnose(model, data()[2]).measured, tmp_path / "mended.keras")
    assert bnstudy.diagnose(keras.saving.load_model(tmp_path / "mended.keras"), data()[2]).healthy


def test_weights_that_are_not_finite_cannot_be_mended(tmp_path):
    model = trained()
    kernel = model.get_layer("dense1").kernel
    kernel.assign(spoil(np.nan)(kernel.numpy()))
    measured = bnstudy.diagnose(model, data()[2]).measured
    with pytest.raises(UserError, match="bn1 normalizes is not finite"):
        fix.write(model, measured, tmp_path / "mended.keras")
    assert list(tmp_path.iterdir()) == []


def test_what_the_labels_say_is_worse_is_not_written(tmp_path):
    _, _, x, y = data()
    model = trained()
    measured = bnstudy.diagnose(model, x, y).measured
    worse = [np.roll(measured.moving[0], 1, axis=1)]
    with pytest.raises(UserError, match="with precise statistics the accuracy is"):
        fix.write(model, dataclasses.replace(measured, precise=worse), tmp_path / "mended.keras")
    assert list(tmp_path.iterdir()) == []
