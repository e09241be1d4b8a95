"""Somebody's functions are called as they are written."""

import sys

import layer_helpers as layers
import numpy as np
import pytest

import bnstudy
from bnstudy import UserError
from bnstudy.gradient_check.own_layer import call as layer_call
from bnstudy.gradient_check.own_layer.call import NO_CACHE, Layer


def make(forward, *arguments, backward=None):
    return Layer(forward, backward, arguments, layer_call.argument_names(forward, len(arguments)))


def test_y_alone_means_that_backward_is_given_the_arguments():
    x = layers.random(2, 3)
    layer = make(lambda x, k: k * x, x, 3, backward=lambda dy, x, k: (dy * k, x))
    y, cache = layer.run()
    assert cache is NO_CACHE
    dx, again = layer.gradients(np.ones((2, 3)), cache)
    np.testing.assert_array_equal(dx, 3 * np.ones((2, 3)))
    np.testing.assert_array_equal(again, x)
    np.testing.assert_array_equal(y, 3 * x)


def test_a_pair_is_y_and_the_cache_and_one_number_is_a_y_too():
    x = layers.random(2, 3)
    assert make(lambda x: (x, None), x).run()[1] is None
    assert make(lambda x: (x.sum(), "cache"), x).run()[1] == "cache"
    assert make(lambda x: x.sum(), x).run()[1] is NO_CACHE


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ((1, 2, 3), "a tuple of 3"),
        (None, "None"),
        ([1.0, 2.0], "a list of 2"),
        ("y", "a value of type str"),
    ],
)
def test_what_forward_must_return_is_said(result, says):
    with pytest.raises(UserError, match=f"forward returns {says}.*it must return y"):
        make(lambda x: result, layers.random(2)).run()


def test_one_argument_is_replaced_and_the_others_stay():
    layer = make(lambda x, w: x + w, layers.random(3), np.zeros(3))
    np.testing.assert_array_equal(layer.output(1, np.ones(3)), layers.random(3) + 1)
    np.testing.assert_array_equal(layer.output(), layers.random(3))


def test_arguments_are_copies_so_that_state_does_not_leak():
    def forward(x, state):
        state["calls"] += 1
        x += 1
        return x * state["calls"]

    layer = make(forward, layers.random(3), {"calls": 0})
    np.testing.assert_array_equal(layer.output(), layer.output())
    assert layer.arguments[1] == {"calls": 0}


def test_gradients_are_due_for_arrays_of_real_numbers_alone():
    arguments = (layers.random(3), np.arange(3), 0.5, "same", np.ones(2, np.float32), None)
    assert make(lambda *a: a[0], *arguments).checked == [0, 4]


def test_names_come_from_the_signature():
    assert layer_call.argument_names(lambda x, gamma=1, *more: x, 4) == (
        "x", "gamma", "argument3", "argument4",
    )  # fmt: skip
    assert layer_call.required(lambda x, w, eps=1e-5: x) == ["x", "w"]
    assert layer_call.argument_names(np.tanh, 1) in (("x",), ("argument1",))


def test_an_epsilon_is_found_among_arguments_and_defaults():
    layer = make(lambda x, eps, other=1e-4: x, layers.random(3), 1e-3)
    assert layer_call.numbers_of(layer) == [1e-3, 1e-4]


def test_an_error_deep_in_a_library_names_the_users_line():
    def fails(x):
        return np.linalg.inv(x)

    line = fails.__code__.co_firstlineno + 1
    with pytest.raises(UserError, match=rf"test_call.py, line {line}: forward raised LinAlg"):
        layer_call.call("forward", fails, np.ones((2, 3)))


def test_an_error_in_a_cell_of_a_notebook_names_the_function():
    space = {}
    exec(
        compile("\n\ndef backward(dy):\n    return dy @ 1", "/tmp/ipykernel_7/8.py", "exec"), space
    )
    with pytest.raises(UserError, match=r"^backward, line 4 of its cell: backward raised Value"):
        layer_call.call("backward", space["backward"], np.ones(2))


def test_tensors_are_given_as_tensors():
    import tensorflow as tf

    seen = []
    layer = make(lambda x: seen.append(x) or x * 2, tf.constant([1.0, 2.0], tf.float64))
    assert layer.output(0, np.array([3.0, 4.0])).tolist() == [6, 8]
    assert all(layer_call.is_tensor(x) for x in seen)
    assert not layer_call.is_tensor(np.ones(2))


class Linear:
    """A layer that keeps its cache to itself, as many are written."""

    def __init__(self):
        self.w = layers.random(4, 3)

    def forward(self, x):
        self.x = x
        return x @ self.w + (x**2).sum()

    def backward(self, dy):
        return dy @ self.w.T + 2 * self.x * dy.sum()


class Forgetful(Linear):
    def backward(self, dy):
        return dy @ self.w.T


class Impatient(Linear):
    def backward(self, dy, rate=0.1):
        return super().backward(dy) * (10 * rate)  # an x in the place of rate would show


@pytest.mark.parametrize(("kind", "right"), [(Linear, True), (Impatient, True), (Forgetful, False)])
def test_the_methods_of_a_class_are_called_with_dy_alone(kind, right):
    layer = kind()
    result = bnstudy.check_layer(layer.forward, layer.backward, layers.random(5, 4))
    assert result.passed is right


@pytest.mark.parametrize(
    ("forward", "backward", "says"),
    [
        (lambda x: x, lambda dy: dy, "inputs gives 2 arguments, but forward is lambda (x)"),
        (lambda x, w, b: x, lambda dy: dy, "inputs gives 2 arguments, but forward is lambda (x, w"),
        (
            lambda x, w: (x, w),
            lambda dy, x, w: dy,
            "forward returns (y, cache), so backward is called as backward(dy, cache), "
            "but it is lambda (dy, x, w)",
        ),
        (
            lambda x, w: (x, w),
            lambda cache, dy: dy,
            "backward is called as backward(dy, cache), but it is lambda (cache, dy)",
        ),
        (
            lambda x, w: x,
            lambda dy, x: dy,
            "forward returns y alone, so backward is called as backward(dy, x, w), "
            "but it is lambda (dy, x)",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_told_before_python_does(forward, backward, says):
    with pytest.raises(UserError) as told:
        bnstudy.check_layer(forward, backward, (layers.random(2, 3), layers.random(2, 3)))
    assert says in str(told.value)


@pytest.mark.parametrize("backward", [lambda dy, *a: dy * a[0], lambda dy, k=1, x=None: dy * k])
def test_arguments_that_backward_can_take_are_given(backward):
    layer = make(lambda x, k: k * x, layers.random(3), 3.0, backward=backward)
    assert not np.array_equal(layer.gradients(np.ones(3), NO_CACHE), np.ones(3))


def test_a_gradient_that_is_written_into_again_is_the_first_one():
    def backward(dy, buffer):
        buffer *= 2 * dy
        return buffer

    result = bnstudy.check_layer(lambda x: (x**2, x.copy()), backward, layers.random(5, 4))
    assert [row.verdict for row in result.rows] == ["pass"]
    assert "it changes its cache" in result.problems[0]


def test_leaving_the_program_does_not_leave_the_check():
    with pytest.raises(UserError, match="forward raised SystemExit: 3"):
        make(lambda x: sys.exit(3), layers.random(2)).run()


def test_what_forward_prints_is_not_shown_for_each_difference(capsys):
    def forward(x):
        print("forward")
        return x**2

    assert bnstudy.check_layer(forward, lambda dy, x: 2 * dy * x, layers.random(5, 6)).passed
    assert capsys.readouterr().out.count("forward") < 6
