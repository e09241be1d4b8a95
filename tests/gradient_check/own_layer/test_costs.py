"""Mistakes in the gradients of costs."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy.gradient_check.own_layer import costs


def one_hot_forward(z, targets):
    e = np.exp(z)
    p = e / e.sum(1, keepdims=True)
    return -(targets * np.log(p)).sum() / len(z), (p, targets)


def squared_forward(p, t):
    return ((p - t) ** 2).mean(), (p, t)


def halved_forward(p, t):
    return 0.5 * ((p - t) ** 2).sum() / len(p), (p, t)


def binary_forward(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(), (p, t)


COST = (layers.cost_forward, layers.cost_inputs())
ONE_HOT = (one_hot_forward, (layers.random(6, 4), np.eye(4, dtype=int)[[0, 3, 1, 1, 2, 0]]))
SQUARED = (squared_forward, (layers.random(6, 1), layers.random(6, 1, seed=1)))
HALVED = (halved_forward, (layers.random(6, 2), layers.random(6, 2, seed=1)))
BINARY = (
    binary_forward,
    (0.5 + 0.3 * np.tanh(layers.random(6, 1)), np.array([[0], [1], [0], [1], [1], [0]])),
)


def every_label_from_every_row(dcost, cache):
    p, labels = cache
    wrong = p.copy()
    wrong[:, labels] -= 1
    return dcost * wrong / len(p)


def both(gradient):
    """Give the second argument the gradient of opposite sign, as differences have it."""

    def backward(dcost, cache):
        p, t = cache
        return dcost * gradient(p - t), -dcost * gradient(p - t)

    return backward


WRONG = [
    (COST, lambda d, c: layers.cost_backward(d, c) / len(c[0]), "divided by N twice"),
    (COST, lambda d, c: layers.cost_backward(d, c) * 6 / 4, "by the number of classes, not by N"),
    (COST, every_label_from_every_row, "each label is subtracted from every row"),
    (ONE_HOT, lambda d, c: d * c[0] / 6, "the labels are not subtracted"),
    (ONE_HOT, lambda d, c: -d * c[1] / c[0] / 6, "with respect to the probabilities"),
    (SQUARED, both(lambda e: e / e.size), "dp: the factor 2 of the square's derivative"),
    (SQUARED, both(lambda e: 2 * e**2 / e.size), "dp: the error is still squared"),
    (SQUARED, both(lambda e: 2 * e**2 / e.size), "dt: the error is still squared"),
    (HALVED, both(lambda e: 2 * e / len(e)), "dp: a factor of 2 too many: the cost starts with"),
    (BINARY, lambda d, c: -d * c[1] / c[0] / 6, "the term of the label 0 is missing"),
    (BINARY, lambda d, c: d * (c[0] - c[1]) / 6, "with respect to the logits"),
]


@pytest.mark.parametrize(("layer", "backward", "says"), WRONG)
def test_the_mistake_is_named(layer, backward, says):
    for text in layers.answers(layer[0], backward, layer[1]):
        assert says in text


def test_a_gradient_of_the_second_argument_with_the_sign_of_the_first_is_not_called_swapped():
    def backward(dcost, cache):
        p, t = cache
        dp = dcost * 2 * (p - t) / p.size
        return dp, dp

    for text in layers.answers(SQUARED[0], backward, SQUARED[1]):
        assert "dt: the sign (a factor of -1)" in text


def test_nothing_is_yielded_for_an_array_that_is_no_label_or_target():
    z = layers.random(6, 4)
    assert not list(costs.mistakes(z, [layers.random(3)], np.array(1.0), np.array(1.0)))
