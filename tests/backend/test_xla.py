"""Compiling parts of a graph: the same values, whatever they are nested in."""

import runpy

import numpy as np
import pytest
import tensorflow as tf

from bnstudy.backend import xla

pytestmark = pytest.mark.compiled


def test_results_keep_their_nest_their_python_values_and_tensors_from_outside():
    w = tf.Variable(3.0)

    @tf.function
    def outer(x):
        y, (twice, again, size, name, same) = xla.compiled(
            lambda: (x * w, (2 * x, w + x, 7, "name", x))
        )
        assert (size, name) == (7, "name")
        assert same is x
        return y, twice, again

    np.testing.assert_array_equal(outer(tf.constant(5.0)), [15, 10, 8])


def test_what_is_returned_twice_is_computed_and_returned_once():
    @tf.function
    def outer(x):
        y = xla.compiled(lambda: [tf.exp(x)] * 3)
        assert y[0] is y[1] is y[2]
        return y[0]

    assert float(outer(tf.constant(0.0))) == 1.0
    (call,) = [
        op
        for op in outer.get_concrete_function(tf.TensorSpec([])).graph.get_operations()
        if "Call" in op.type
    ]
    assert len(call.outputs) == 1
    assert call.get_attr("_XlaMustCompile")


def test_variables_are_assigned_and_gradients_flow():
    w, count = tf.Variable(3.0), tf.Variable(0)

    @tf.function
    def outer(x):
        with tf.GradientTape() as tape:
            tape.watch(x)

            def square():
                count.assign_add(1)
                return w * x**2

            y = xla.compiled(square)
        return tape.gradient(y, [x, w])

    np.testing.assert_allclose(outer(tf.constant(5.0)), [30, 25])
    assert int(count) == 1


def test_without_a_graph_it_is_a_plain_call():
    seen = []
    xla.compiled(lambda: seen.append(tf.executing_eagerly()))
    assert seen == [True]


def test_switched_off_it_is_a_plain_call_in_a_graph_too(monkeypatch):
    monkeypatch.setattr(xla, "enabled", False)

    @tf.function
    def outer(x):
        return xla.compiled(lambda: tf.exp(x))

    assert float(outer(tf.constant(0.0))) == 1.0
    operations = outer.get_concrete_function(tf.TensorSpec([])).graph.get_operations()
    assert not [op for op in operations if "Call" in op.type]


@pytest.mark.parametrize(("value", "enabled"), [("0", False), ("1", True), (None, True)])
def test_the_environment_switches_it_off(monkeypatch, value, enabled):
    if value is None:
        monkeypatch.delenv("BNSTUDY_XLA", raising=False)
    else:
        monkeypatch.setenv("BNSTUDY_XLA", value)
    assert runpy.run_path(xla.__file__)["enabled"] is enabled
