"""The rule that turns an interval and a threshold into a verdict."""

import math

import pytest

from bnstudy.questions.claims import verdict


@pytest.mark.parametrize(
    ("interval", "threshold", "accuracy", "expected"),
    [
        ((0.1, 0.3), 0.0, False, "replicates"),
        ((0.0, 0.3), 0.0, False, "undecided"),
        ((-0.3, -0.1), 0.0, False, "does not replicate"),
        ((-0.3, 0.0), 0.0, False, "undecided"),
        ((4.1, 9.0), 4.0, False, "replicates"),
        ((3.9, 9.0), 4.0, False, "undecided"),
        ((-0.002, 0.009), 0.0, False, "undecided"),
        ((-0.002, 0.009), 0.0, True, "does not replicate"),
        ((-0.002, 0.010), 0.0, True, "undecided"),
        ((0.001, 0.009), 0.0, True, "replicates"),
        ((math.nan, math.nan), 0.0, True, "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(interval, threshold, accuracy, expected):
    assert verdict(interval, threshold, accuracy) == expected
