"""Replacing what layers do for a while."""

import keras
import numpy as np
import pytest
from doctor_helpers import mlp
from keras import layers as L

from bnstudy.doctor.watch import forward, replaced, unchanged

IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)


def state(model):
    return [variable.numpy() for variable in model.variables]


def test_statistics_and_random_generators_are_restored_even_after_an_error():
    model = mlp(before=lambda name: L.Dropout(0.5, name=name))
    before = state(model)

    def work():
        with unchanged(model):
            model(IMAGES, training=True)
            assert any((a != b).any() for a, b in zip(state(model), before, strict=True))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    for now, then in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_layer_does_something_else_and_then_what_it_did():
    model = mlp()
    right = model(IMAGES).numpy()
    with replaced(model, [model.layers[-1]], lambda layer, call: lambda x: 2 * call(x)):
        np.testing.assert_allclose(model(IMAGES), 2 * right)
    np.testing.assert_array_equal(model(IMAGES), right)


def test_a_layer_that_cannot_be_replaced_leaves_the_others_as_they_were():
    model = mlp()

    def make(layer, call):
        if layer is model.layers[2]:
            raise RuntimeError
        return call

    with pytest.raises(RuntimeError), replaced(model, model.layers, make):
        pass
    assert all("call" not in layer.__dict__ for layer in model.layers)


@pytest.mark.filterwarnings("error")
def test_a_model_may_take_its_input_in_a_list():
    images = keras.Input((8, 8, 1), name="x")
    for given in (images, [images], {"x": images}):
        model = keras.Model(given, [L.Flatten()(images), images])
        flat, same = forward(model, IMAGES, False)
        assert flat.shape == (4, 64)
        np.testing.assert_array_equal(same, IMAGES)
