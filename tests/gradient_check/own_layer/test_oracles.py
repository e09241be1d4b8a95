"""Central differences, kinks, the complex step and the order of convergence."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy.gradient_check.own_layer import oracles
from bnstudy.gradient_check.own_layer.call import Layer


def prepare(forward, x, seed=0):
    layer = Layer(forward, lambda dy, x: dy, (x,), ("x",))
    y = layer.output()
    return layer, layers.random(*y.shape, seed=7), y


def opinion(forward, x):
    layer, dy, y = prepare(forward, x)
    return oracles.opinion(layer, 0, x, dy, y, oracles.DOUBLE, np.random.default_rng(0)), dy


def test_central_differences_and_the_complex_step_find_the_derivative_of_tanh():
    x = layers.random(5, 7)
    found, dy = opinion(np.tanh, x)
    right = (dy * (1 - np.tanh(x) ** 2)).ravel()[found.elements]
    assert np.linalg.norm(found.values - right) < 1e-9 * np.linalg.norm(right)
    assert np.linalg.norm(found.complex_step - right) < 1e-15 * np.linalg.norm(right)
    assert not found.kinks.any()


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_step_follows_the_size_of_the_argument(scale):
    x = scale * layers.random(5, 7)
    found, dy = opinion(lambda x: np.tanh(x / scale), x)
    right = (dy * (1 - np.tanh(x / scale) ** 2) / scale).ravel()[found.elements]
    assert np.linalg.norm(found.values - right) < 1e-8 * np.linalg.norm(right)


@pytest.mark.parametrize(
    ("at", "kink", "slope"),
    [(0.0, True, None), (1e-7, True, None), (4e-6, False, 1), (-4e-6, False, 0)],
)
def test_a_kink_is_counted_where_the_step_cannot_avoid_it(at, kink, slope):
    x = layers.random(5, 7)
    x[2, 3] = at
    found, dy = opinion(lambda x: np.maximum(x, 0), x)
    assert bool(found.kinks[2 * 7 + 3]) is kink
    assert found.kinks.sum() == kink
    if slope is not None:
        assert found.values[2 * 7 + 3] == pytest.approx(slope * dy[2, 3], abs=1e-9)


def test_a_sharp_curve_is_no_kink():
    x = layers.random(4, 5)
    found, _ = opinion(lambda x: np.sin(500 * x), x)
    assert not found.kinks.any()


def test_rounding_is_no_kink():
    found, _ = opinion(lambda x: 1e3 + x - x.mean(0) - (x - x.mean(0)), layers.random(4, 5))
    assert not found.kinks.any()


@pytest.mark.parametrize(
    "forward", [lambda x: np.abs(x), lambda x: x.var(0) * x, lambda x: np.zeros(x.shape) + x.real]
)
def test_the_complex_step_is_left_out_where_it_is_wrong(forward):
    found, _ = opinion(forward, layers.random(4, 5))
    assert found.complex_step is None


def test_of_many_elements_some_are_chosen():
    x = layers.random(40, 30)
    found, _ = opinion(np.tanh, x)
    assert len(set(found.elements.tolist())) == oracles.MOST_ELEMENTS


def swept(forward, gradient, x):
    layer, dy, y = prepare(forward, x)
    none = np.array([], int)
    return oracles.sweep(layer, 0, gradient(dy), none, dy, y, x, np.random.default_rng(1))


def test_a_right_gradient_converges_with_order_2_and_a_wrong_one_not_at_all():
    x = layers.random(5, 7)
    right = swept(np.tanh, lambda dy: dy * (1 - np.tanh(x) ** 2), x)
    assert right.order == pytest.approx(2, abs=0.05)
    assert right.difference < 1e-8
    wrong = swept(np.tanh, lambda dy: 1.01 * dy * (1 - np.tanh(x) ** 2), x)
    assert abs(wrong.order) < 0.3
    assert wrong.difference > 1e-4


def test_a_linear_layer_shows_no_order_and_kinks_are_told():
    x = layers.random(5, 7)
    linear = swept(lambda x: 3 * x, lambda dy: 3 * dy, x)
    assert (linear.order, linear.why_none) == (None, "exact")
    assert swept(lambda x: np.abs(x), lambda dy: dy * np.sign(x), x).why_none == "kinks"


@pytest.mark.parametrize(
    ("scales", "offset"), [([1e6, 1.0, 1e-3], 0.0), ([1.0, 1.0, 1.0], 1e6), ([5.0, 1.0, 1.0], 1e3)]
)
def test_columns_of_other_units_and_offsets_have_steps_of_their_own(scales, offset):
    x = np.array(scales) * layers.random(6, 3) + offset

    def forward(x):
        return np.tanh((x - offset) / scales)

    found, dy = opinion(forward, x)
    right = (dy * (1 - forward(x) ** 2)).ravel()
    ours = (np.array(scales) * found.values.reshape(6, 3)).ravel()
    assert np.linalg.norm(ours - right) < 1e-6 * np.linalg.norm(right)
    assert found.complex_step is not None
    assert not found.kinks.any()


def test_a_small_part_whose_imaginary_part_is_dropped_is_enough_to_leave_it_out():
    x = layers.random(5, 7)
    assert opinion(lambda x: x**3 + 1e-6 * x, x)[0].complex_step is not None
    assert opinion(lambda x: x**3 + 1e-6 * np.abs(x), x)[0].complex_step is None


def test_a_curve_that_differences_follow_badly_keeps_its_complex_step():
    assert opinion(lambda x: np.sin(100 * x), layers.random(5, 7))[0].complex_step is not None


def test_the_reach_at_a_kink_is_the_slope_of_its_steeper_side():
    x = layers.random(5, 7)
    x[2, 3] = 0
    found, dy = opinion(lambda x: np.where(x > 0, 3 * x, -x), x)
    assert found.reach[2 * 7 + 3] == pytest.approx(3 * abs(dy[2, 3]), rel=1e-6)
    assert np.isinf(np.delete(found.reach, 2 * 7 + 3)).all()
