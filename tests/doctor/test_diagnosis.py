"""`bnstudy.diagnose`: what it takes, and what it leaves alone."""

import keras
import numpy as np
import pytest
from doctor_helpers import data, mlp, trained
from keras import layers as L

import bnstudy

IMAGES = data()[2][:80]


def test_the_model_is_left_as_it_was():
    model = trained(before=lambda name: L.Dropout(0.5, name=name))
    before = [variable.numpy() for variable in model.variables]
    bnstudy.diagnose(model, IMAGES, data()[3][:80])
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert all("call" not in layer.__dict__ for layer in model.layers)


def test_images_of_any_number_type_are_taken():
    model = trained()
    whole = (IMAGES * 255).astype(np.uint8)
    a, b = (bnstudy.diagnose(model, images) for images in (whole, whole.astype(np.float64)))
    assert [f.measured for f in a.findings] == [f.measured for f in b.findings] != []


@pytest.mark.parametrize("layer", [L.LayerNormalization, lambda: L.GroupNormalization(2)])
def test_other_normalizations_are_none_of_its_business(layer):
    images = keras.Input((8, 8, 4))
    diagnosis = bnstudy.diagnose(keras.Model(images, layer()(images)), np.ones((80, 8, 8, 4)))
    assert diagnosis.healthy
    assert "no batch norm" in str(diagnosis)


def test_wrong_arguments_are_refused_in_one_line():
    a, b = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    for model, images, says in (
        ("model.keras", IMAGES, "must be a model of Keras 3"),
        (keras.Model([a, b], a + b), IMAGES, "has 2 inputs"),
        (mlp(), IMAGES[:, :4], "the model takes"),
        (mlp(), IMAGES[:3], "too few"),
        (mlp(), [["a"]], "must be integers or floats"),
    ):
        with pytest.raises(bnstudy.UserError, match=says) as error:
            bnstudy.diagnose(model, images)
        assert "\n" not in str(error.value)
