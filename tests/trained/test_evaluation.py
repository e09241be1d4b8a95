"""An evaluation: the figures of the run itself, and definitions computed by hand."""

import numpy as np
import pytest
from kill_and_resume import small_config
from marks import thorough
from trained_helpers import probabilities_in_numpy

import bnstudy
from bnstudy.data import digits
from bnstudy.trained import tables
from bnstudy.trained.evaluation import BINS, Bins, Evaluation, evaluate


def evaluation(labels, predicted, confidence):
    """Make one of three classes, where the other two share the rest."""
    labels, predicted = np.array(labels), np.array(predicted)
    probabilities = np.repeat((1 - np.array(confidence))[:, None] / 9, 10, axis=1)
    probabilities[np.arange(len(labels)), predicted] = confidence
    costs = -np.log(probabilities[np.arange(len(labels)), labels])
    return Evaluation(
        *(None, "float32", tuple("0123456789"), "test", labels, probabilities, predicted, costs),
        cost=costs.mean(),
    )


@pytest.mark.parametrize(
    ("case", "precision"), [("c", "bfloat16"), *thorough(("a", "float32"), ("b", "bfloat16"))]
)
def test_a_run_is_reproduced_to_the_last_digit(tmp_path, case, precision):
    gradients = "manual" if case == "c" else "autodiff"
    result = bnstudy.run(small_config(case, precision, gradients), tmp_path / "run")
    found, images = evaluate(bnstudy.load_model(tmp_path / "run"))
    assert found.accuracy == result["test_accuracy"]
    assert found.cost == result["test_cost"]
    assert images.shape == (40, 32, 32, 3)


def test_it_evaluates_the_test_images_of_the_run(networks):
    network = networks("c activation")
    found, images = evaluate(network)
    _, _, all_images, all_labels = digits.load()
    expected = probabilities_in_numpy(network, images)
    assert len(images) == 30  # data.test_limit
    assert {image.tobytes() for image in images} <= {image.tobytes() for image in all_images}
    np.testing.assert_allclose(found.probabilities, expected, atol=2e-6)
    np.testing.assert_array_equal(found.predicted, expected.argmax(1))
    np.testing.assert_allclose(
        found.costs, -np.log(expected[np.arange(30), found.labels]), atol=1e-4
    )
    assert found.cost == pytest.approx(found.costs.mean(dtype=np.float64), rel=1e-9)
    assert set(found.labels) == set(all_labels)


def test_it_evaluates_the_plain_training_images(networks):
    network = networks("c activation")
    found, images = evaluate(network, "training")
    train_images, train_labels, *_ = digits.load()
    np.testing.assert_array_equal(images, train_images)
    np.testing.assert_array_equal(found.labels, train_labels)
    expected = probabilities_in_numpy(network, images[:20])
    np.testing.assert_allclose(found.probabilities[:20], expected, atol=2e-6)
    assert tables.comparison(found) == "on the plain training images, in inference mode"


def test_the_confusion_matrix_has_the_class_in_its_rows():
    found = evaluation([0, 0, *range(10)], [1, 1, 0, 1, 1, *range(3, 10)], [0.9] * 12)
    assert found.confusion()[:3, :3].tolist() == [[1, 2, 0], [0, 1, 0], [0, 1, 0]]
    assert found.confusion().sum() == 12
    assert found.class_accuracy().tolist() == [1 / 3, 1, 0, *[1] * 7]
    assert found.accuracy == 9 / 12


def test_the_calibration_is_by_bins_of_equal_width():
    """0.35 and 0.39 share the bin from 1/3 to 2/5; 0.8 is the upper end of its bin."""
    found = evaluation([1, 2, 3, 4], [1, 0, 3, 4], [0.35, 0.39, 0.8, 0.97])
    bins = found.calibration()
    images = np.zeros(BINS, int)
    images[[5, 11, 14]] = 2, 1, 1
    np.testing.assert_array_equal(bins.images, images)
    np.testing.assert_allclose(bins.confidence[[5, 11, 14]], [0.37, 0.8, 0.97])
    np.testing.assert_allclose(bins.accuracy[[5, 11, 14]], [0.5, 1, 1])
    assert np.isnan(bins.accuracy[0])
    assert bins.error == pytest.approx((2 * 0.13 + 0.2 + 0.03) / 4)


def test_every_confidence_has_a_bin():
    found = evaluation([0, 0], [0, 0], [1.0, 1.0 + 1e-7])  # rounding can leave it above 1
    assert found.calibration().images[-1] == 2


def test_a_perfectly_calibrated_network_has_no_calibration_error():
    assert Bins(np.array([4, 0]), np.array([0.25, np.nan]), np.array([0.25, np.nan])).error == 0


def test_the_worst_mistakes_have_the_highest_cost_and_are_mistakes():
    found = evaluation([0, 1, 2, 3], [0, 0, 3, 3], [0.2, 0.7, 0.9, 0.15])
    assert found.worst(5).tolist() == [2, 1]
    assert found.worst(1).tolist() == [2]
