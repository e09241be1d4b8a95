"""The deep linear network: gradients by hand, the shift by its definition, what batch norm does."""

import numpy as np
import pytest
import tensorflow as tf

from bnstudy.analysis import linear_network
from bnstudy.analysis.linear_network import EPSILON, Parameters, cost_and_gradient, make, shifts

RANDOM = np.random.default_rng(8)


def small(layers=4, units=3, data=7):
    problem, parameters = make(5, layers, units, data)
    random = [value + RANDOM.normal(0, 0.3, value.shape) for value in parameters]
    return problem, Parameters(*random)  # so that gamma and beta are not at their start


def automatic(parameters, problem, normalize):
    """The cost and its gradient by automatic differentiation, with TensorFlow's moments."""
    variables = [tf.Variable(value) for value in parameters]
    w, gamma, beta = variables
    with tf.GradientTape() as tape:
        h = tf.constant(problem.x)
        for i in range(len(parameters.w) - 1):
            h = w[i] @ h
            if normalize:
                mean, variance = tf.nn.moments(h, [1], keepdims=True)
                h = gamma[i] * (h - mean) / tf.sqrt(variance + EPSILON) + beta[i]
        cost = tf.reduce_sum((w[-1] @ h - problem.y) ** 2)
    return float(cost), tape.gradient(cost, variables)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_gradient_by_hand_equals_the_automatic_one(normalize):
    problem, parameters = small()
    cost, gradient = cost_and_gradient(parameters, problem, normalize)
    expected_cost, expected = automatic(parameters, problem, normalize)
    assert cost == pytest.approx(expected_cost, rel=1e-12)
    for ours, theirs in zip(gradient, expected, strict=True):
        if theirs is None:  # without batch norm
            assert not ours.any()
        else:
            theirs = tf.convert_to_tensor(theirs).numpy()
            assert np.abs(theirs).max() > 1e-3
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_problems_are_linear_and_weights_are_glorot_s():
    problem, parameters = make(3)
    assert parameters.w.shape == (25, 10, 10)
    a, residual, _, _ = np.linalg.lstsq(problem.x.T, problem.y.T, rcond=None)
    assert residual.max() < 1e-20
    assert np.abs(a).mean() == pytest.approx(np.sqrt(2 / np.pi), rel=0.2)  # standard normal
    assert np.abs(parameters.w).max() < np.sqrt(6 / 20)
    assert parameters.w.var() == pytest.approx(2 / 20, rel=0.1)
    np.testing.assert_array_equal(make(3)[0].x, problem.x)
    assert not np.array_equal(make(4)[0].x, problem.x)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_shift_moves_the_layers_before_and_no_others(normalize):
    problem, before = small()
    after = Parameters(*(value + RANDOM.normal(0, 0.1, value.shape) for value in before))
    found = shifts(before, after, problem, normalize)
    _, gradient = automatic(before, problem, normalize)
    for place, layer in enumerate((1, 2, 3)):
        moved = Parameters(*(value.copy() for value in before))
        for old, new in zip(moved, after, strict=True):
            old[:layer] = new[:layer]
        _, there = automatic(moved, problem, normalize)
        a, b = (tf.convert_to_tensor(g[0]).numpy()[layer].ravel() for g in (gradient, there))
        assert found.relative[place] == pytest.approx(
            np.linalg.norm(b - a) / np.linalg.norm(a), rel=1e-9
        )
        assert found.cosine[place] == pytest.approx(
            a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9
        )
        assert found.relative[place] > 1e-3


def test_training_follows_the_gradient():
    found = linear_network.train(2, normalize=True, steps=3, rate=1e-5, every=2)
    problem, parameters = make(2)
    for step in range(3):
        cost, gradient = automatic(parameters, problem, normalize=True)
        assert found.costs[step] == pytest.approx(cost / 100, rel=1e-9)
        gradient = [tf.convert_to_tensor(g).numpy() for g in gradient]
        after = Parameters(*(p - 1e-5 * g for p, g in zip(parameters, gradient, strict=True)))
        if step == 2:
            expected = shifts(parameters, after, problem, normalize=True)
            np.testing.assert_allclose(found.cosine[1], expected.cosine, rtol=1e-6)
            np.testing.assert_allclose(found.relative[1], expected.relative, rtol=1e-6)
        parameters = after
    assert list(found.measured) == [0, 2]


@pytest.mark.thorough
def test_a_comparison_has_both_arms_and_all_seeds():
    found = linear_network.compare(1e-6, seeds=2, every=500)
    trained = linear_network.train(1, normalize=False, rate=1e-6, every=500)
    assert list(found) == ["none", "BN"]
    assert found["none"]["last"][1] == trained.costs[-1]
    assert found["none"]["costs"][1] == [trained.costs[0], trained.costs[500]]
    assert found["none"]["turn"][1] == pytest.approx((1 - trained.cosine).mean(axis=1))
    for arm in found.values():
        assert [len(arm[key]) for key in ("turn", "costs", "last")] == [2, 2, 2]
    for without, normalized in zip(found["none"]["last"], found["BN"]["last"], strict=True):
        assert normalized < without  # as published
