"""Outputs, compared."""

import numpy as np
import pytest

from bnstudy.doctor import outputs
from bnstudy.errors import UserError


def scores(classes, count=3):
    return np.eye(count)[np.asarray(classes)] * (1 - 0.1 * count) + 0.1


def test_the_classes_of_one_output_are_above_one_half_or_above_zero():
    assert outputs.classes(np.array([[0.1], [0.6]])).tolist() == [0, 1]
    assert outputs.classes(np.array([[-3.0], [0.1]])).tolist() == [0, 1]


def test_accuracy_is_that_of_the_images_at_hand():
    labels = np.array([0, 1, 2, 2])
    assert outputs.accuracy([scores([0, 1, 1, 2])], labels) == 0.75
    assert outputs.accuracy([scores([0, 1])], labels) == 1


def test_the_change_of_classes_is_a_share_of_images():
    a, b = [scores([0, 1, 2, 0])], [scores([0, 2, 2, 1])]
    assert outputs.change(a, b) == 0.5
    assert outputs.say(0.5, a) == "50.0% of the images change class"
    assert outputs.differ(a, b)
    assert not outputs.differ(a, a)


def test_the_change_of_other_outputs_is_in_standard_deviations():
    a = np.random.default_rng(0).normal(0, 5, (50, 4))  # scores of no known classes
    assert outputs.change([a], [a + 5]) == pytest.approx(1, rel=0.1)
    assert outputs.say(1, [a]) == "outputs change by 1.00 standard deviations"
    assert not outputs.differ([a], [a + 0.5])
    assert outputs.differ([a], [a + 5])


def test_outputs_that_are_no_numbers_differ():
    a = scores([0, 1])
    assert outputs.differ([a], [np.full_like(a, np.nan)])


@pytest.mark.parametrize(
    ("gained", "lost", "certain"), [(30, 0, True), (30, 20, False), (4, 0, False), (0, 30, False)]
)
def test_a_difference_counts_if_it_is_two_points_and_no_chance(gained, lost, certain):
    labels = np.zeros(400, int)
    better, worse = np.zeros(400, int), np.zeros(400, int)
    worse[:gained] = 1
    better[gained : gained + lost] = 1
    compared = outputs.compare([scores(better)], [scores(worse)], labels)
    assert compared.certain is certain
    assert compared.better - compared.worse == pytest.approx((gained - lost) / 400)


def test_a_certain_difference_of_less_than_two_points_does_not_count():
    labels = np.zeros(4000, int)
    worse = np.zeros(4000, int)
    worse[:60] = 1
    compared = outputs.compare([scores(labels)], [scores(worse)], labels)
    assert compared.chance < 1e-3
    assert not compared.certain


def test_labels_must_be_classes_that_the_model_scores():
    labels = np.array([0, 2])
    outputs.check_labels([scores([1, 2])], labels)
    outputs.check_labels([np.array([[0.2], [0.7]])], np.array([0, 1]))
    for wrong, says in (
        ([scores([0, 1], 2)], "labels are from 0 to 2, the model has the classes 0 to 1"),
        ([np.array([[0.2], [0.7]])], "the classes 0 to 1"),
        ([np.zeros((2, 5, 3))], r"this one gives \[N, 5, 3\]"),
        ([scores([0, 1]), np.zeros((2, 4))], r"this one gives \[N, 3\] and \[N, 4\]"),
    ):
        with pytest.raises(UserError, match=says):
            outputs.check_labels(wrong, labels)
