"""The landscape of the cost: Hessian, walks along the gradient, internal covariate shift."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

from bnstudy.analysis.landscape import (
    Landscape,
    along_gradient,
    hessian_product,
    internal_covariate_shift,
    leading_eigenvalue,
)
from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model

RANDOM = np.random.default_rng(11)
SHAPE = (4, 4, 3)


def make(frozen=False, batches=1):
    configured = config("c", model__width=0.02)
    model = Model(configured, tf.float64, image_shape=SHAPE)
    for name, variable in {**model.parameters, **model.statistics}.items():
        if variable.dtype == tf.float64:  # so that nothing is at its initial value
            values = RANDOM.normal(0, 0.4, variable.shape)
            variable.assign(np.exp(values) if "var" in name or "gamma" in name else values)
    data = [
        (tf.constant(RANDOM.normal(size=(6, *SHAPE))), tf.constant(RANDOM.integers(0, 10, 6)))
        for _ in range(batches)
    ]
    return Landscape(model, data, frozen)


def automatic(landscape, directions=None, frozen=False):
    """The gradient by automatic differentiation, and the full Hessian, column by column.

    Or its products with some directions. Forward over reverse: the derivative of the gradient along
    a direction.
    """
    model, variables = landscape.model, list(landscape.model.parameters.values())
    ((images, labels),) = landscape.batches
    shapes = [variable.shape for variable in variables]

    def flat(parts):
        return tf.concat([tf.reshape(part, [-1]) for part in parts], axis=0)

    @tf.function(autograph=False)
    def gradient_and_product(direction):
        parts = tf.split(direction, [shape.num_elements() for shape in shapes])
        tangents = [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
        with tf.autodiff.ForwardAccumulator(variables, tangents) as forward:
            with tf.GradientTape() as reverse:
                logits, _ = model.forward(images, training=not frozen)
                cost, _ = softmax_cross_entropy.forward(logits, labels)
            gradient = flat(reverse.gradient(cost, variables))
        return gradient, forward.jvp(gradient)

    directions = np.eye(len(landscape.weights)) if directions is None else directions
    found = [gradient_and_product(tf.constant(e)) for e in directions]
    return found[0][0].numpy(), np.array([product.numpy() for _, product in found])


@pytest.mark.parametrize("frozen", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_gradient_and_leading_eigenvalue_equal_those_of_the_full_hessian(frozen):
    landscape = make(frozen)
    w = landscape.weights
    _, gradient = landscape(w)
    expected, hessian = automatic(landscape, frozen=frozen)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-10)
    v = RANDOM.standard_normal(len(w))
    product = hessian_product(landscape, w, v)
    assert np.linalg.norm(product - hessian @ v) < 1e-6 * np.linalg.norm(hessian @ v)
    found = leading_eigenvalue(landscape, w, tolerance=1e-5)
    values, vectors = np.linalg.eigh(hessian)
    assert found.value == pytest.approx(values[-1], rel=1e-5)
    assert abs(found.vector @ vectors[:, -1]) == pytest.approx(1, abs=1e-2)
    assert found.products > 1


def test_a_product_with_the_hessian_does_not_step_over_the_kinks_of_the_elus():
    """In the direction that counts, on whole images: there a step of 1e-5 is wrong by 0.7 %."""
    random = np.random.default_rng(0)
    model = Model(config("c", model__width=0.02, bn__placement="after_hidden_conv"), tf.float64)
    images, labels = random.normal(size=(4, 32, 32, 3)), random.integers(0, 10, 4)
    landscape = Landscape(model, [(tf.constant(images), tf.constant(labels))])
    v = leading_eigenvalue(landscape, landscape.weights, tolerance=1e-2).vector
    _, (exact,) = automatic(landscape, [v])
    product = hessian_product(landscape, landscape.weights, v)
    assert np.linalg.norm(product - exact) < 1e-4 * np.linalg.norm(exact)


def test_frozen_the_statistics_are_the_moving_ones_and_constants():
    landscape = make(frozen=True)
    model, ((images, labels),) = landscape.model, landscape.batches
    with tf.GradientTape() as tape:
        logits, _ = model.forward(images, training=False)
        cost, _ = softmax_cross_entropy.forward(logits, labels)
    parts = tape.gradient(cost, list(model.parameters.values()))
    found_cost, gradient = landscape(landscape.weights)
    assert found_cost == pytest.approx(float(cost), rel=1e-12)
    expected = np.concatenate([part.numpy().ravel() for part in parts])
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_weights_and_statistics_are_put_back():
    landscape = make()
    variables = {**landscape.model.parameters, **landscape.model.statistics}
    before = {name: variable.numpy() for name, variable in variables.items()}
    landscape(landscape.weights + 1)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), before[name], name)


def test_the_cost_is_the_mean_over_the_batches():
    landscape = make(batches=2)
    halves = [Landscape(landscape.model, [batch]) for batch in landscape.batches]
    costs, gradients = zip(*(half(landscape.weights) for half in halves), strict=True)
    cost, gradient = landscape(landscape.weights)
    assert cost == pytest.approx(np.mean(costs), rel=1e-12)
    np.testing.assert_allclose(gradient, np.mean(gradients, axis=0), rtol=1e-12)


def test_along_the_gradient_the_cost_falls_as_its_derivative_says():
    landscape = make()
    w = landscape.weights
    cost, gradient = landscape(w)
    found = along_gradient(landscape, w, [0.0, 1e-6, 0.5])
    assert found.costs[0] == cost
    assert found.changes[0] == 0
    assert found.costs[1] - cost == pytest.approx(-1e-6 * gradient @ gradient, rel=1e-3)
    assert found.costs[2] == landscape(w - 0.5 * gradient)[0]
    assert found.changes[2] == np.linalg.norm(landscape(w - 0.5 * gradient)[1] - gradient)


def test_covariate_shift_moves_only_the_layers_before():
    landscape = make()
    before = landscape.weights
    _, gradient = landscape(before)
    names = landscape.names()
    still = before - np.where(names == "conv9/w", 0.1 * gradient, 0)  # the last layer's own step
    for shift in internal_covariate_shift(landscape, before, still):
        assert (shift.relative, shift.cosine) == (0, pytest.approx(1))
    first = before - np.where(names == "conv1/w", 0.1 * gradient, 0)
    shifts = internal_covariate_shift(landscape, before, first)
    assert [shift.name for shift in shifts] == [f"conv{i}/w" for i in range(2, 10)]
    _, moved = landscape(first)
    for shift in shifts:
        a, b = gradient[names == shift.name], moved[names == shift.name]
        assert shift.norm == pytest.approx(np.linalg.norm(a))
        assert shift.relative == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a))
        assert shift.cosine == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
        assert shift.relative > 1e-6
