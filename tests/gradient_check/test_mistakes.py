"""The dictionary of mistakes: distinct, none of them right, each for its own error alone."""

import numpy as np
import pytest
import tensorflow as tf
from mistake_helpers import CASES, assert_distinct_and_wrong, draw

from bnstudy.gradient_check import mistakes
from bnstudy.manual import batch_norm, conv2d


def right_batch_norm(case, training):
    x, gamma, beta = map(tf.constant, (case.x, case.gamma, case.beta))
    if training:
        y, cache = batch_norm.forward(x, gamma, beta, case.axes, case.epsilon)
        gradients = batch_norm.backward(tf.constant(case.dy), cache)
    else:
        moving = map(tf.constant, (case.moving_mean, case.moving_variance))
        y, cache = batch_norm.inference_forward(x, gamma, beta, *moving, case.axes, case.epsilon)
        gradients = batch_norm.inference_backward(tf.constant(case.dy), cache)
    named = zip(("dx", "gamma", "beta"), gradients, strict=True)
    return y.numpy(), {name: gradient.numpy() for name, gradient in named}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_the_mistakes_of_batch_norm_are_distinct_and_wrong(kind, training):
    case = CASES[kind]
    y, right = right_batch_norm(case, training)
    table = mistakes.batch_norm if training else mistakes.batch_norm_inference
    rows = list(table(case))
    assert {tensor for tensor, _, _ in rows} == {"dx", "gamma", "beta"}
    for tensor, gradient in right.items():
        same_tensor = [(name, wrong) for where, name, wrong in rows if where == tensor]
        assert_distinct_and_wrong(same_tensor, gradient)
    assert_distinct_and_wrong(list(mistakes.batch_norm_forward(case, training)), y)


@pytest.mark.parametrize("shape", [(3, 3, 4, 4), (3, 3, 3, 5), (1, 1, 3, 3)])
def test_the_mistakes_of_a_convolution_are_distinct_and_wrong(shape):
    x, w = draw(5, 4, 6, shape[2]), draw(*shape)
    y, cache = conv2d.forward(tf.constant(x), tf.constant(w))
    dy = draw(*y.shape)
    dx, dw = conv2d.backward(tf.constant(dy), cache)
    rows = list(mistakes.convolution(x, w, dy))
    for tensor, right in (("dx", dx.numpy()), ("w", dw.numpy())):
        padding = [
            wrong for where, name, wrong in rows if (where, name[:11]) == (tensor, "the padding")
        ]
        assert len(padding) == (8 if shape[0] == 3 else 0)
        same_tensor = [row[1:] for row in rows if row[0] == tensor]
        if shape[0] == 3:
            assert_distinct_and_wrong(same_tensor, right)
        else:  # a kernel of one pixel has nothing to turn: some candidates are the right gradient
            wrong = right + 1e-3 * draw(*right.shape)
            assert not any(
                mistakes.explains(candidate, wrong, right) for _, candidate in same_tensor
            )


@pytest.mark.parametrize("factor", [-1.0, 4.0, 1.0 + 1e-7, 0.2])
def test_a_constant_factor(factor):
    right = draw(4, 3)
    assert mistakes.constant_factor(factor * right, right) == pytest.approx(factor, rel=1e-12)


def test_what_is_no_constant_factor():
    right = draw(4, 3)
    wrong = right.copy()
    wrong[0, 0] += 1e-6
    assert mistakes.constant_factor(wrong, right) is None
    assert mistakes.constant_factor(right, np.zeros([4, 3])) is None


def test_a_small_error_is_not_explained_by_a_large_similar_one():
    right = draw(50)
    error = draw(50)
    assert mistakes.explains(right + 1e-8 * error, right + 1e-8 * error, right)
    assert not mistakes.explains(right + 1e-8 * error, right - 1e-8 * error, right)
    assert not mistakes.explains(right, right + 1e-8 * error, right)
    assert not mistakes.explains(right[:-1], right + error, right)


def test_distance_of_different_shapes_is_nan():
    assert np.isnan(mistakes.distance(draw(3), draw(1, 3)))
    assert mistakes.distance([3.0, 0.0], [0.0, 4.0]) == pytest.approx(5 / 4)


@pytest.mark.parametrize(
    ("positive", "negative", "says"),
    [
        (lambda x: 2 + 0 * x, np.exp, "for x > 0 the slope is 2, not 1"),
        (lambda x: 1 + 0 * x, lambda x: x, "for x <= 0 the slope is x, not exp(x)"),
        (lambda x: 1 + 0 * x, lambda x: 0 * x, "for x <= 0 the slope is 0, not exp(x)"),
        (
            lambda x: 1 + 0 * x,
            lambda x: 3 * np.exp(x),
            "for x <= 0 the slope is 3 exp(x), not exp(x)",
        ),
        (np.exp, np.exp, "for x > 0 the slope is exp(x), not 1"),
        (
            lambda x: 0.5 + 0 * x,
            lambda x: 1 + 0 * x,
            "for x > 0 the slope is 0.5, not 1 and for x <= 0 the slope is 1, not exp(x)",
        ),
        (lambda x: 1 + 0 * x, np.cos, None),
        (lambda x: 1 + 0 * x, np.exp, None),
    ],
)
def test_slopes_of_the_elu(positive, negative, says):
    x, dy = draw(6, 7), draw(6, 7)
    wrong = dy * np.where(x > 0, positive(x), negative(x))
    assert mistakes.elu(x, dy, wrong) == says


def test_it_imports_no_tensorflow():
    import ast
    from pathlib import Path

    tree = ast.parse(Path(mistakes.__file__).read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(imported) == {"collections.abc", "typing", "bnstudy.gradient_check.numpy_network"}


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (4.0, "4"),
        (-1.0, "-1"),
        (1 + 2e-9, "1 + 2.0e-09"),
        (1 - 3e-7, "1 - 3.0e-07"),
        (1.001, "1.001"),
    ],
)
def test_a_factor_near_1_is_shown_by_its_distance_from_1(factor, text):
    assert mistakes.shown(factor) == text
