"""Mistakes in activations, and which activations are known."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy.gradient_check.own_layer import activations
from bnstudy.gradient_check.own_layer.activations import sigmoid, softmax

Z = layers.random(5, 7)
KNOWN = [
    (Z, lambda z: z),
    (np.maximum(Z, 0), lambda z: np.maximum(z, 0)),
    (np.tanh(Z), np.tanh),
    (sigmoid(Z), sigmoid),
    (layers.elu_forward(Z), layers.elu_forward),
]


@pytest.mark.parametrize(("y", "function"), KNOWN)
def test_the_slope_of_a_known_activation_is_found(y, function):
    h = 1e-6
    central = (function(Z + h) - function(Z - h)) / (2 * h)
    np.testing.assert_allclose(activations.slope(Z, y), central, atol=1e-8)


def test_an_activation_that_is_not_known_has_no_slope():
    assert activations.slope(Z, np.sin(Z)) is None
    assert activations.slope(Z, softmax(Z)) is None


def tanh(x):
    return np.tanh(x), np.tanh(x)


def logistic(x):
    return 1 / (1 + np.exp(-x)), sigmoid(x.real)


def probabilities(x):
    e = np.exp(x)
    return e / e.sum(1, keepdims=True), softmax(x.real)


def log_probabilities(x):
    return x - np.log(np.exp(x).sum(1, keepdims=True)), softmax(x.real)


def along(dy, y, **options):
    return (dy * y).sum(1, **options)


WRONG = [
    (tanh, lambda dy, y: dy * (1 + y**2), "the sign of the square"),
    (tanh, lambda dy, y: dy * (1 - np.tanh(y) ** 2), "tanh is applied to y again"),
    (tanh, lambda dy, y: dy * y * (1 - y), "the slope of the sigmoid: the slope of tanh is"),
    (tanh, lambda dy, _: dy * (1 - np.tanh(dy) ** 2), "the slope is taken at dy, not at x"),
    (logistic, lambda dy, y: dy * y, "y in place of the slope"),
    (logistic, lambda dy, y: dy * sigmoid(y) * (1 - sigmoid(y)), "the sigmoid is applied to y"),
    (logistic, lambda dy, y: dy * sigmoid(dy) * (1 - sigmoid(dy)), "taken at dy, not at x"),
    (logistic, lambda dy, y: sigmoid(dy) * (1 - sigmoid(dy)), "x and the factor dy are both"),
    (probabilities, lambda dy, y: y * (1 - y), "only the diagonal of the Jacobian, and dy"),
    (probabilities, lambda dy, y: y * (dy + along(dy, y, keepdims=True)), "the sign of the sum"),
    (probabilities, lambda dy, y: y * (dy - (dy * y).sum(0)), "the sum is over axis 0"),
    (probabilities, lambda dy, y: y * (dy - (dy * y).sum()), "the sum is over all elements"),
    (probabilities, lambda dy, y: y * (dy - dy.sum(1, keepdims=True)), "a sum of dy alone"),
    (probabilities, lambda dy, y: dy - along(dy, y, keepdims=True), "the factor y is missing"),
    (log_probabilities, lambda dy, p: dy - p, "the sum of dy is missing"),
    (log_probabilities, lambda dy, p: dy * (1 - p), "the sum of dy is missing"),
    (log_probabilities, lambda dy, p: dy - p * dy.sum(0), "the sum is over axis 0"),
]


@pytest.mark.parametrize(("forward", "backward", "says"), WRONG)
def test_the_mistake_is_named(forward, backward, says):
    for text in layers.answers(forward, backward, layers.random(5, 7)):
        assert says in text


def test_a_sum_without_its_axis_is_named_where_it_broadcasts():
    def backward(dy, y):
        return y * (dy - along(dy, y))

    for text in layers.answers(probabilities, backward, layers.random(5, 5)):
        assert "the sum loses its axis (keepdims=True is missing)" in text
