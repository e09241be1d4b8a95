"""The centred running mean: against NumPy's convolution, at the ends, and around gaps."""

import numpy as np
import pytest

from bnstudy.plots.smoothing import smoothed

VALUES = np.random.default_rng(3).normal(size=12)


@pytest.mark.parametrize("epochs", [3, 5, 7])
def test_inside_it_is_the_mean_of_as_many_epochs_before_as_after(epochs):
    half = epochs // 2
    expected = np.convolve(VALUES, np.full(epochs, 1 / epochs), mode="valid")
    np.testing.assert_allclose(smoothed(VALUES, epochs)[half:-half], expected, rtol=1e-13)


def test_the_ends_stay_as_measured_and_their_neighbours_are_means_of_three():
    result = smoothed(VALUES, 7)
    assert (result[0], result[-1]) == (VALUES[0], VALUES[-1])
    np.testing.assert_allclose(result[1], VALUES[:3].mean(), rtol=1e-13)
    np.testing.assert_allclose(result[-2], VALUES[-3:].mean(), rtol=1e-13)
    np.testing.assert_allclose(result[2], VALUES[:5].mean(), rtol=1e-13)


def test_a_straight_line_stays_where_it_is():
    line = 0.3 + 0.05 * np.arange(9)
    np.testing.assert_allclose(smoothed(line, 5), line, rtol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_ends_a_curve_and_spoils_no_neighbour(bad):
    values = VALUES.copy()
    values[6] = bad
    result = smoothed(values, 5)
    np.testing.assert_array_equal(result[:6], smoothed(VALUES[:6], 5))
    assert np.isnan(result[6])
    np.testing.assert_array_equal(result[7:], smoothed(VALUES[7:], 5))


@pytest.mark.parametrize("count", [1, 2])
def test_too_short_a_curve_stays_as_it_is(count):
    np.testing.assert_array_equal(smoothed(VALUES[:count], 9), VALUES[:count])


def test_one_epoch_changes_nothing_and_integers_are_numbers():
    np.testing.assert_array_equal(smoothed(VALUES, 1), VALUES)
    np.testing.assert_array_equal(smoothed(np.array([1, 2, 6]), 3), [1, 3, 6])
