"""What is measured of one run, on curves whose values are known."""

import math

import numpy as np
import pytest

from bnstudy.report import measures
from bnstudy.run_folder import training_images
from bnstudy.run_folder.log import load_log

EPOCHS = np.arange(1, 22)


@pytest.fixture
def log(make_finished):
    return load_log(
        make_finished(
            "a",
            0,
            train_cost=2.0 - 0.08 * EPOCHS,
            train_accuracy=0.4 + 0.02 * EPOCHS,
            test_accuracy=0.3 + 0.02 * EPOCHS + 0.01 * (EPOCHS == 16) + 0.005 * (EPOCHS == 21),
        )
    )


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (measures.TEST_ACCURACY, 0.3 + 0.02 * 19 + 0.001),  # epoch 16 does not count
        (measures.TRAINING_ACCURACY, 0.4 + 0.02 * 19),
        (measures.GAP, 0.1 - 0.001),
        (measures.AREA, 2.0 - 0.08 * 11),
        (measures.EPOCHS_TO_COST, 1.25 / 0.08),
        (measures.LAST_TEST_ACCURACY, 0.3 + 0.02 * 21 + 0.005),
        (measures.FIRST_COST, 1.92),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_measure_of_known_curves(log, measure, expected):
    assert measure.of(log) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("costs", "epoch"),
    [
        ([0.7, 0.5], 1.0),
        ([1.0, 0.5], 1.5),
        ([1.0, 0.8, 0.55, 0.8], 2.2),
        ([1.0, 0.75], math.nan),
        ([1.0, math.nan, 0.5], 3.0),
        ([math.inf, 0.5], 2.0),
    ],
)
def test_epochs_until_a_cost_are_interpolated(costs, epoch):
    assert measures.epochs_until(np.array(costs), 0.75) == pytest.approx(epoch, nan_ok=True)


def test_the_gap_on_plain_images_needs_their_accuracy(log):
    assert math.isnan(measures.PLAIN_GAP.of(log))
    training_images.write(log.folder, 0.9, 0.3, "float32")
    assert measures.PLAIN_GAP.of(log) == pytest.approx(0.9 - 0.725)
