"""A normalization is recognized by what it computes."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy.gradient_check.own_layer import normalization
from bnstudy.gradient_check.own_layer.call import Layer, argument_names


def find(forward, *arguments):
    layer = Layer(forward, None, arguments, argument_names(forward, len(arguments)))
    return normalization.find(layer, layer.output())


@pytest.mark.parametrize(
    ("axes", "shape", "parameters"),
    [
        ((0,), (6, 4), (4,)),
        ((1,), (6, 4), (4,)),
        ((0, 1, 2), (3, 4, 2, 5), (5,)),
        ((0,), (5, 3, 2), (3, 2)),
        ((0, 2, 3), (3, 4, 2, 5), (1, 4, 1, 1)),
        ((1, 2, 3), (3, 4, 2, 5), (5,)),
    ],
)
def test_axes_epsilon_and_parameters_are_found(axes, shape, parameters):
    found = find(layers.norm(axes, 0)[0], *layers.norm_inputs(shape, parameters))
    assert (found.axes, found.epsilon) == (axes, 1e-5)
    assert (found.gamma_name, found.beta_name) == ("gamma", "beta")
    assert found.m == np.prod([shape[a] for a in axes])


@pytest.mark.parametrize("x", [np.zeros((3, 4)), np.ones((3, 4))])
def test_a_constant_x_does_not_make_a_normalization_of_anything(x):
    assert find(lambda x: x - x, x) is None
    assert find(lambda x, b: (x - 1) * (x - 0) + b, x, np.arange(4.0)) is None


def test_channels_of_axis_1_may_have_parameters_of_one_axis():
    def forward(x, beta, gamma):
        wide = np.s_[:, None, None]
        return layers.norm((0, 2, 3), 0)[0](x, gamma[wide], beta[wide], 0.02)[0]

    found = find(forward, *layers.norm_inputs((3, 4, 2, 5), (4,)))
    assert found is None  # an epsilon of 0.02 is nowhere to be seen
    found = find(
        lambda x, b, g, e: forward(x, b, g) * 1, *layers.norm_inputs((3, 4, 2, 5), (4,)), 0.02
    )
    assert (found.gamma_name, found.beta_name, found.epsilon) == ("g", "b", 0.02)


def test_without_parameters_and_with_one():
    x = layers.random(6, 4)
    plain = layers.norm(0, 0)[0]
    assert find(lambda x: plain(x, 1.0, 0.0)[0], x).gamma_name is None
    assert find(lambda x, s: plain(x, s, 0.0)[0], x, layers.random(4)).gamma_name == "s"
    assert find(lambda x, s: plain(x, 1.0, s)[0], x, layers.random(4)).beta_name == "s"


@pytest.mark.parametrize(
    "forward",
    [lambda x: x, lambda x: x - x.mean(0), np.tanh, lambda x: x.sum(0), lambda x: x / x.std(0)],
)
def test_other_layers_are_not_taken_for_one(forward):
    assert find(forward, layers.random(6, 4)) is None
