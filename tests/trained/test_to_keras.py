"""The exported Keras model: the same answers, without bnstudy."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from trained_helpers import probabilities_in_numpy, some_images

import bnstudy
from bnstudy.model.layers import Layer
from bnstudy.trained import to_keras

WITHOUT_BNSTUDY = """
import sys
sys.modules["bnstudy"] = None  # importing it would fail
import keras, numpy
network = keras.models.load_model("network.keras")
numpy.save("probabilities.npy", network.predict(numpy.load("images.npy"), verbose=0))
"""


def test_it_classifies_as_the_network_does(network):
    images = some_images()
    expected = probabilities_in_numpy(network, images)
    probabilities = to_keras.keras_model(network).predict(images, verbose=0)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=2e-6)


@pytest.mark.thorough
def test_the_file_is_loaded_without_bnstudy(networks, tmp_path):
    network = networks("c as_posted")  # every kind of layer: per activation, by pixel
    (tmp_path / "network.keras").write_bytes(to_keras.as_bytes(network))
    np.save(tmp_path / "images.npy", some_images())
    subprocess.run([sys.executable, "-c", WITHOUT_BNSTUDY], cwd=tmp_path, check=True)
    probabilities = np.load(tmp_path / "probabilities.npy")
    np.testing.assert_allclose(probabilities, network.predict(some_images()), atol=2e-6)


def test_it_has_the_layers_of_the_network_and_learns_what_the_run_learned(networks):
    model = to_keras.keras_model(networks("c no center"))
    assert model.get_layer("bn3").scale
    assert not model.get_layer("bn3").center
    assert model.get_layer("bn3").momentum == networks("c no center").run.config.bn.momentum
    assert [layer.name for layer in model.layers[:4]] == [
        *("images", "standardization", "conv1", "elu1")
    ]
    modules = {type(layer).__module__.partition(".")[0] for layer in model.layers}
    assert modules == {"keras"}


def test_noise_is_no_layer_of_it_and_a_norm_is_where_it_was(networks):
    names = [layer.name for layer in to_keras.keras_model(networks("c noise")).layers]
    assert names[2:6] == ["conv1", "bn1", "elu1", "conv2"]
    assert not any(name.startswith("noise") for name in names)


def test_the_users_default_precision_does_not_matter(networks):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = to_keras.keras_model(networks("b"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in model.layers[1:]} == {"float32"}  # after the input


def test_the_users_default_order_of_axes_does_not_matter(networks):
    keras.config.set_image_data_format("channels_first")
    try:
        model = to_keras.keras_model(networks("b"))
    finally:
        keras.config.set_image_data_format("channels_last")
    expected = networks("b").predict(some_images())
    np.testing.assert_allclose(model.predict(some_images(), verbose=0), expected, atol=2e-6)


def test_a_layer_that_keras_does_not_have_is_refused(networks, monkeypatch):
    class Strange(Layer):
        pass

    monkeypatch.setattr(networks("a").model, "layers", [Strange("strange1")])
    with pytest.raises(bnstudy.UserError, match="strange1: Keras has no layer for a Strange"):
        to_keras.keras_model(networks("a"))
