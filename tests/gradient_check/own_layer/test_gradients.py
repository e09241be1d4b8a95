"""What backward returns: how many gradients, of which kinds and shapes, in which order."""

import layer_helpers as layers
import numpy as np
import pytest

from bnstudy import UserError
from bnstudy.gradient_check.own_layer import gradients as layer_gradients
from bnstudy.gradient_check.own_layer.call import NO_CACHE, Layer


def layer_of(backward, *arguments):
    names = ("x", "labels", "w")[: len(arguments)]
    return Layer(lambda *a: a[0], backward, arguments, names)


@pytest.mark.parametrize("returned", [("dx", None, "dw"), ("dx", "dw"), ["dx", "dw"]])
def test_integers_may_have_a_gradient_in_the_list_or_none(returned):
    layer = layer_of(lambda dy, cache: returned, np.ones(3), np.arange(3), np.ones(2))
    found = layer_gradients.collect(layer, np.ones(3), np.ones(3), None)
    assert found.gradients == {0: "dx", 2: "dw"}
    assert found.problems == []


def test_a_bare_array_will_do_for_one():
    layer = layer_of(lambda dy, x: dy * x, np.full(3, 2.0))
    found = layer_gradients.collect(layer, np.ones(3), np.ones(3), NO_CACHE)
    np.testing.assert_array_equal(found.gradients[0], [2, 2, 2])


def test_a_wrong_number_is_told_with_what_is_due():
    layer = layer_of(lambda dy, cache: dy, np.ones(3), np.arange(3), np.ones(2))
    found = layer_gradients.collect(layer, np.ones(3), np.ones(3), None)
    assert found.problems == ["backward returns 1 gradient; expected 2: dx, dw"]
    layer = layer_of(lambda dy, x: (dy, dy), np.ones(3))
    found = layer_gradients.collect(layer, np.ones(3), np.ones(3), None)
    assert found.problems == ["backward returns 2 gradients; expected 1: dx"]


@pytest.mark.parametrize("returned", [{"dw": "dw", "dx": "dx"}, {"x": "dx", "w": "dw", "s": 1}])
def test_a_dict_is_read_by_its_names(returned):
    layer = layer_of(lambda dy, cache: returned, np.ones(3), np.arange(3), np.ones(2))
    found = layer_gradients.collect(layer, np.ones(3), np.ones(3), None)
    assert found == ({0: "dx", 2: "dw"}, [])


def test_a_dict_that_lacks_a_name_says_which():
    layer = layer_of(lambda dy, cache: {"dx": "dx", "dW": 1}, np.ones(3), np.arange(3), np.ones(2))
    found = layer_gradients.collect(layer, np.ones(3), np.ones(3), None)
    assert found == ({0: "dx"}, ["backward returns a dict without dw; it has dx, dW"])


def test_a_gradient_of_integers_is_refused_because_nobody_checks_it():
    layer = layer_of(lambda dy, cache: (dy, dy), np.ones(3), np.arange(3))
    with pytest.raises(UserError, match=r"labels is int64, so the gradient .* cannot be checked"):
        layer_gradients.collect(layer, np.ones(3), np.ones(3), None)
    zeros = layer_of(lambda dy, cache: (dy, 0 * dy), np.ones(3), np.arange(3))
    assert list(layer_gradients.collect(zeros, np.ones(3), np.ones(3), None).gradients) == [0]


@pytest.mark.parametrize(
    ("gradient", "says"),
    [
        (None, "it is None"),
        ("dx", "it is of type str, not an array"),
        (np.ones((3, 4), complex), "it is complex128"),
        (np.ones((1, 3, 4)), "its shape is [1, 3, 4], not [3, 4]: only axes of length 1 differ"),
        (np.ones((4, 3)), "its shape is [4, 3], not [3, 4]: transposed"),
        (2.0, "its shape is [], not [3, 4]"),
        (np.ones((5, 3, 4)), ": the sum is missing over the axes along which it was broadcast"),
        (np.ones((5, 4)), ": summed over axis 1 instead of axis 0"),
        (np.ones((3, 4)), ""),
    ],
)
def test_a_gradient_of_a_wrong_kind_is_told(gradient, says):
    told = layer_gradients.wrong_kind(gradient, np.ones((3, 4)), (5, 3, 4))
    assert says in told
    assert bool(told) is bool(says)


def test_the_order_of_the_cache_is_found_only_where_it_helps():
    x, w, b = layers.dense_inputs()
    dy = layers.random(5, 3)
    right = {
        i: (np.arange(g.size), g.ravel()) for i, g in enumerate(layers.dense_backward(dy, (x, w)))
    }

    def swapped(dy, cache):
        return layers.dense_backward(dy, cache[::-1])

    def found(backward, cache):
        layer = Layer(layers.dense_forward, backward, (x, w, b), ("x", "w", "b"))
        return layer_gradients.cache_order(layer, dy, dy, cache, right)

    # Right numbers in a wrong shape are not right.
    assert found(lambda dy, c: (*swapped(dy, c)[:2], swapped(dy, c)[2][None]), (x, w)) == ""
    assert "order (1, 0)" in found(swapped, (x, w))
    assert found(lambda dy, cache: (dy, dy, dy), (x, w)) == ""
    assert found(swapped, {"x": x, "w": w}) == ""
    assert found(swapped, NO_CACHE) == ""
