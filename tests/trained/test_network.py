"""A trained network classifies raw images as its weights say, and refuses other arrays."""

import numpy as np
import pytest
from trained_helpers import (
    config_of,
    probabilities_in_numpy,
    random_arrays,
    some_images,
    write_finished_run,
)

import bnstudy
from bnstudy.run_folder import weights
from bnstudy.trained.network import TrainedNetwork, checked_images


def test_it_classifies_as_an_independent_network_in_numpy_does(network):
    images = some_images()
    expected = probabilities_in_numpy(network, images)
    assert np.ptp(expected, axis=0).max() > 0.01, "all images are alike: nothing is tested"
    probabilities = network.predict(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=2e-6)


def test_its_layers_are_those_that_do_something_in_inference(networks):
    names = [layer.name for layer in networks("c noise").layers]
    assert names[:4] == ["conv1", "bn1", "elu1", "conv2"]


def test_the_answer_does_not_depend_on_the_batch_or_the_type(networks):
    network, images = networks("a batch_pixels"), some_images(103)  # more than one batch
    together = network.predict(images)
    assert together.shape == (103, 10)
    np.testing.assert_allclose(network.predict(images[100:]), together[100:], atol=1e-6)
    np.testing.assert_array_equal(network.predict(images.astype(np.float64)), together)
    assert network.predict(images[:0]).shape == (0, 10)


def test_it_says_how_images_are_standardized_and_names_the_classes(networks):
    assert str(networks("c")).endswith(
        "float32, images standardized per channel, by the training set"
    )
    assert "by the moments of the whole test set" in str(networks("c as_posted"))
    assert networks("c").classes == tuple("0123456789")


def test_a_bfloat16_run_is_computed_as_it_was_unless_asked_otherwise(tmp_path):
    config = config_of("c", training__precision="bfloat16")
    folder = write_finished_run(tmp_path / "run", config, random_arrays(config))
    as_run, exact = bnstudy.load_model(folder), bnstudy.load_model(folder, precision="float32")
    assert (as_run.precision, exact.precision) == ("bfloat16", "float32")
    expected = probabilities_in_numpy(exact, some_images())
    np.testing.assert_allclose(exact.predict(some_images()), expected, atol=2e-6)
    error = np.abs(as_run.predict(some_images()) - expected).max()
    assert 1e-4 < error < 0.05
    with pytest.raises(bnstudy.UserError, match="precision is 'half', must be float32, bfloat16"):
        bnstudy.load_model(folder, precision="half")


def test_weights_of_another_network_are_refused(tmp_path):
    config = config_of("c")
    for change, says in (
        (lambda a: a.pop("bn3/gamma"), "bn3/gamma is missing"),
        (lambda a: a.update({"conv2/w": a["conv2/w"][..., 1:]}), r"conv2/w has shape \["),
    ):
        arrays = random_arrays(config)
        change(arrays)
        folder = write_finished_run(tmp_path / says[:4], config, arrays)
        with pytest.raises(bnstudy.UserError, match=f"weights.npz holds another network: {says}"):
            bnstudy.load_model(folder)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((32, 32, 3)), r"must be \[N, 32, 32, 3\]; one image is images\[None\]"),
        (np.zeros((2, 3, 32, 32)), r"shape \[2, 3, 32, 32\], must be \[N, 32, 32, 3\]"),
        (np.full((1, 32, 32, 3), 0.5), "between 0 and 1, must be raw, from 0 to 255"),
        (np.full((1, 32, 32, 3), -0.5), "between -0.5 and -0.5, must be raw"),
        (np.full((1, 32, 32, 3), 256), "between 256 and 256, must be raw"),
        (np.full((1, 32, 32, 3), np.nan), "between nan and nan, must be raw"),
        (np.full((1, 32, 32, 3), "x"), "must hold grey levels from 0 to 255"),
        ([np.zeros((32, 32, 3)), np.zeros((16, 16, 3))], "images have different shapes, must be"),
        (np.ones((1, 32, 32, 3), bool), "must hold grey levels from 0 to 255"),
    ],
)
def test_images_that_are_not_raw_are_refused_in_one_line(images, says):
    with pytest.raises(bnstudy.UserError, match=says) as caught:
        checked_images(images)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.pop("standardization/stddev"), "standardization/stddev is missing, must be"),
        (
            lambda a: a.update({"standardization/mean": np.zeros(5)}),
            r"mean has shape \[5\], must be",
        ),
    ],
)
def test_weights_whose_standardization_is_damaged_are_refused(tmp_path, change, says):
    config = config_of("c")
    folder = write_finished_run(tmp_path / "run", config, random_arrays(config))
    arrays = weights.load(folder).arrays
    change(arrays)
    weights.save(folder / "weights.npz", config, arrays)
    with pytest.raises(bnstudy.UserError, match=f"weights.npz is damaged: .*{says}"):
        TrainedNetwork(weights.load(folder), "float32")


def test_black_images_are_raw():
    assert checked_images(np.zeros((2, 32, 32, 3))).shape == (2, 32, 32, 3)
