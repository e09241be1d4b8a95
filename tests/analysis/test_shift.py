"""Accuracies on clean and on corrupted images."""

import numpy as np
import pytest

from bnstudy.analysis.corruptions import corrupt
from bnstudy.analysis.shift import accuracy, scores

RANDOM = np.random.default_rng(4)
IMAGES = RANDOM.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 3, 4, 5])


def test_the_accuracy_is_the_share_of_the_largest_logits():
    logits = np.eye(10)[[0, 1, 2, 3, 9, 9]]
    assert accuracy(logits, LABELS) == 4 / 6


def test_what_is_not_a_number_is_a_mistake():
    logits = np.eye(10)[LABELS]
    logits[0] = np.nan  # of class 0, which is where the first NaN stands
    logits[5, 5] = np.nan
    assert accuracy(logits, LABELS) == 4 / 6


@pytest.mark.parametrize(
    ("logits", "labels"),
    [((6, 10), (6, 1)), ((6, 10), (1,)), ((6, 10), ()), ((6,), (6,)), ((1, 10), (6,))],
)
def test_shapes_that_do_not_belong_together_are_refused(logits, labels):
    with pytest.raises(ValueError, match="they must be"):
        accuracy(np.zeros(logits), np.zeros(labels, np.int64))


def test_every_classifier_sees_every_corruption_and_all_see_the_same_images():
    seen = {"one": [], "other": []}

    def classifier(name):
        def classify(images):
            seen[name].append(images)
            shift = int(np.array_equal(images, IMAGES))  # right on clean images alone
            return np.eye(10)[(LABELS + 1 - shift) % 10]

        return classify

    found = scores({n: classifier(n) for n in seen}, IMAGES, LABELS, [("fog", 2), ("fog", 5)])
    assert found == {n: {"clean": 1.0, "fog 2": 0.0, "fog 5": 0.0} for n in seen}
    expected = [IMAGES, corrupt(IMAGES, "fog", 2), corrupt(IMAGES, "fog", 5)]
    for images in seen.values():
        for one, other in zip(images, expected, strict=True):
            np.testing.assert_array_equal(one, other)
