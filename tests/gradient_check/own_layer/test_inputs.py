"""The arguments of forward: given, made, tried, or said to be missing."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy import UserError
from bnstudy.gradient_check.own_layer.inputs import find_inputs


def find(forward, inputs=None, seed=0):
    return find_inputs(forward, lambda dy: dy, inputs, np.random.default_rng(seed))


def test_a_function_gets_the_generator_and_an_array_will_do_for_one():
    (x,) = find(layers.elu_forward, lambda rng: (rng.normal(size=3),), seed=5).arguments
    np.testing.assert_array_equal(x, np.random.default_rng(5).normal(size=3))
    assert find(layers.elu_forward, x).arguments[0] is x


def test_the_first_shape_that_forward_takes_is_used():
    assert find(layers.elu_forward).arguments[0].shape == (5, 7)

    def images(x):
        n, height, width, channels = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))

    assert find(images).arguments[0].shape == (5, 6, 4, 3)

    def one_by_one(x):
        if x.ndim > 1:
            raise ValueError("one row")
        return x

    assert find(one_by_one).arguments[0].shape == (7,)


@pytest.mark.parametrize(
    ("forward", "inputs", "says"),
    [
        (
            layers.dense_forward,
            None,
            r"arguments x, w, b; give.*def inputs\(rng\): return rng.normal",
        ),
        (lambda x: x[9], None, r"none of the shapes tried \(.*IndexError.*def inputs"),
        (lambda x: np.log(-np.abs(x)), None, r"y is not finite \(log, sqrt\?\).*rng.uniform"),
        (lambda x: [x, x], None, r"^forward returns a list of 2 \(join several outputs"),
        (layers.elu_forward, lambda: 1, r"called as inputs\(rng\), but it is lambda \(\)"),
        (
            layers.elu_forward,
            lambda rng: None,
            r"inputs is a value of type NoneType; it must be a tuple .*, even for one: return x,",
        ),
        (layers.elu_forward, lambda rng: 1 / 0, r"line \d+: inputs raised ZeroDivisionError"),
        ("forward", None, r"forward is not a function but str"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_missing_or_wrong_inputs_are_told(forward, inputs, says):
    with pytest.raises(UserError, match=says):
        find(forward, inputs)


def test_defaults_are_not_asked_for():
    def forward(x, epsilon=1e-5):
        return x + epsilon

    assert len(find(forward).arguments) == 1
