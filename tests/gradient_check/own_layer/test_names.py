"""Mistakes that students make in a backward pass, and what the check says of each."""

import layer_helpers as layers
import numpy as np
import pytest

import bnstudy
from bnstudy.gradient_check.own_layer import names as mistakes_layer


def without_the_variance(dy, cache):
    x_hat, r, gamma = cache
    d = gamma * dy
    return r * (d - d.mean(0)), (dy * x_hat).sum(0), dy.sum(0)


def bessel_once(dy, cache):
    x_hat, r, gamma = cache
    d, n = gamma * dy, len(dy)
    dvariance = (d * x_hat).sum(0) * -0.5 * r**2
    return (
        r * (d - d.mean(0)) + dvariance * 2 * x_hat / r / (n - 1),
        (dy * x_hat).sum(0),
        dy.sum(0),
    )


def dgamma_averaged(dy, cache):
    dx, dgamma, dbeta = layers.batch_norm_backward(dy, cache)
    return dx, dgamma / len(dy), dbeta


def keepdims_in_the_parameters(dy, cache):
    dx, dgamma, dbeta = layers.batch_norm_backward(dy, cache)
    return dx, dgamma[None], dbeta[None]


def keepdims_missing_inside(dy, cache):
    """Layer norm with a mean without its axis: it broadcasts along the wrong one."""
    x_hat, r, gamma = cache
    d = gamma * dy
    dx = r * (d - d.mean(1) - x_hat * (d * x_hat).mean(1))
    return dx, (dy * x_hat).sum(0), dy.sum(0)


def gradients_in_another_order(dy, cache):
    dx, dgamma, dbeta = layers.batch_norm_backward(dy, cache)
    return dx, dbeta, dgamma


def cache_unpacked_in_another_order(dy, cache):
    r, x_hat, gamma = cache
    return layers.batch_norm_backward(dy, (x_hat, r, gamma))


def two_of_three(dy, cache):
    return layers.batch_norm_backward(dy, cache)[:2]


def inverted_mask(dy, x):
    return dy * (x <= 0)


def mask_of_dy(dy, x):
    return dy * (dy > 0)


def changes_dy(dy, x):
    dy[x <= 0] = 0
    return dy


def every_tie(dy, pairs):
    largest = pairs.max(-1, keepdims=True)
    return ((pairs == largest) * dy[..., None]).reshape(*dy.shape[:-1], -1)


def weight_not_transposed(dy, cache):
    x, w = cache
    return dy @ w, x.T @ dy, dy.sum(0)


def sum_over_the_wrong_axis(dy, cache):
    x, w = cache
    return dy @ w.T, x.T @ dy, dy.sum(1)


def transposed_product(dy, cache):
    x, w = cache
    return dy @ w.T, dy.T @ x, dy.sum(0)


def labels_not_subtracted(dcost, cache):
    p, _ = cache
    return dcost * p / len(p)


def not_divided(dcost, cache):
    return layers.cost_backward(dcost, cache) * len(cache[0])


def kernel_turned(dy, cache):
    dx, dw = layers.conv_backward(dy, cache)
    return dx, dw[::-1, ::-1]


def unbiased_forward(x, gamma, beta):
    r = 1 / np.sqrt(x.var(0, ddof=1) + 1e-5)
    x_hat = (x - x.mean(0)) * r
    return gamma * x_hat + beta, (x_hat, r, gamma)


def softmax_forward(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def diagonal_alone(dy, z):
    y = softmax_forward(z)
    return dy * y * (1 - y)


def path_through_the_mean_forgotten_and_a_sum(dy, cache):
    x_hat, r, gamma = cache
    d = gamma * dy
    return r * (d - x_hat * (d * x_hat).sum(0)), (dy * x_hat).sum(0), dy.sum(0)


def means_over_the_other_axis(dy, cache):
    x_hat, r, gamma = cache
    d = gamma * dy
    dx = r * (d - d.mean(0) - x_hat * (d * x_hat).mean(0))
    return dx, (dy * x_hat).sum(0), dy.sum(0)


def leaky_forward(x):
    return np.where(x > 0, x, 0.1 * x), x


def sides_exchanged(dy, x):
    return np.where(x > 0, 0.1, 1) * dy


def indices_forward(indices, w):
    return w[indices], (indices, w)


def each_index_once(dy, cache):
    indices, w = cache
    dw = np.zeros_like(w)
    dw[indices] += dy
    return dw


def y_missing_in_the_sum(dy, z):
    return softmax_forward(z) * (dy - dy.sum(1, keepdims=True))


def sum_over_the_examples(dy, z):
    y = softmax_forward(z)
    return y * (dy - (dy * y).sum(0))


def product_forward(a, b):
    return a * b, (a, b)


def dense_in_another_order(dy, cache):
    dx, dw, db = layers.dense_backward(dy, cache)
    return dw, dx, db


BATCH_NORM = (layers.batch_norm_forward, layers.norm_inputs())
LAYER_NORM = (layers.norm(1, 0)[0], layers.norm_inputs((4, 4)))
RELU = (layers.relu_forward, layers.random(5, 7))
TIES = (
    layers.pool_forward,
    np.array([[1.0, 1.0, 2.0, 5.0, -1.0, 0.5], [0.1, 2.0, 3.0, 1.0, 0, 4]]),
)
DENSE = (layers.dense_forward, layers.dense_inputs())
SQUARE = (layers.dense_forward, (layers.random(5, 4), layers.random(4, 4), layers.random(4)))
COST = (layers.cost_forward, layers.cost_inputs())
CONV = (layers.conv_forward, layers.conv_inputs())

# (wrong backward, layer, what the answer must contain)
STUDENTS = [
    (without_the_variance, BATCH_NORM, "x-hat term is missing (the path through the variance)"),
    (bessel_once, BATCH_NORM, "dx: the x-hat term has the factor 1.2 (m / (m - 1)"),
    (dgamma_averaged, BATCH_NORM, "dgamma: a mean instead of the sum"),
    (keepdims_in_the_parameters, BATCH_NORM, "dgamma: its shape is [1, 4], not [4]: only axes"),
    (keepdims_missing_inside, LAYER_NORM, "dx: each mean loses its axis"),
    (gradients_in_another_order, BATCH_NORM, "dgamma: this is dbeta: the order must be that"),
    (cache_unpacked_in_another_order, BATCH_NORM, "backward unpacks the cache in a different"),
    (two_of_three, BATCH_NORM, "backward returns 2 gradients; expected 3: dx, dgamma, dbeta"),
    (inverted_mask, RELU, "dx: the mask is inverted"),
    (mask_of_dy, RELU, "dx: the mask is taken from the sign of dy, not of x"),
    (changes_dy, RELU, "backward changes dy in place"),
    (every_tie, TIES, "tied elements share one dy"),
    (weight_not_transposed, SQUARE, "dx: w is not transposed: dy w instead of dy w^T"),
    (sum_over_the_wrong_axis, DENSE, "summed over axis 1 instead of axis 0"),
    (transposed_product, DENSE, "dw: its shape is [3, 4], not [4, 3]: transposed"),
    (labels_not_subtracted, COST, "dlogits: the labels are not subtracted"),
    (not_divided, COST, "dlogits: not divided by N"),
    (
        layers.batch_norm_backward,
        (unbiased_forward, layers.norm_inputs()),
        "dx: the x-hat term has the factor 0.833333 ((m - 1) / m: divided by m instead of m - 1",
    ),
    (
        path_through_the_mean_forgotten_and_a_sum,
        BATCH_NORM,
        "the mean term has the factor 0 (it is missing), not 1; the x-hat term has the factor 6 (m",
    ),
    (diagonal_alone, (softmax_forward, layers.random(5, 7)), "dz: only the diagonal of the"),
    (lambda dy, x: dy * (1 - x**2), (lambda x: np.tanh(x), layers.random(5, 7)), "x in place of y"),
    (
        means_over_the_other_axis,
        (layers.norm(1, 0)[0], layers.norm_inputs((4, 6), (6,))),
        "dx: its means are taken over axis 0; forward takes them over axis 1",
    ),
    (sides_exchanged, (leaky_forward, layers.random(5, 7)), "the two sides are swapped"),
    (
        each_index_once,
        (indices_forward, (np.array([[0, 3], [3, 1]]), layers.random(5, 2))),
        "dw: an index that occurs twice counts once",
    ),
    (y_missing_in_the_sum, (softmax_forward, layers.random(5, 7)), "dz: a sum of dy alone"),
    (sum_over_the_examples, (softmax_forward, layers.random(5, 7)), "dz: the sum is over axis 0"),
    (
        lambda dy, cache: (dy * cache[0], dy * cache[1]),
        (product_forward, (layers.random(5, 4), layers.random(5, 4) + 2)),
        "da: this is db: the order must be that of forward's arguments",
    ),
    (dense_in_another_order, DENSE, "its shape is [4, 3], not [5, 4]; w has it: the order must be"),
    (
        lambda dy, x: 2 * x,
        (lambda x: (np.sum(x**2), x), layers.random(5, 7)),
        "dx: the factor dy is missing",
    ),
    (
        lambda dy, x: dy.mean((0, 1)),
        (lambda b: (np.broadcast_to(b, (5, 3, 4)) * 1.0, None), layers.random(4)),
        "db: a constant factor of 0.0666667: 1/15, the elements of y per element of b: a mean",
    ),
    (
        lambda dy, y: (dy * (1 - y**2)).astype("f"),
        (lambda x: (np.tanh(x), np.tanh(x)), layers.random(5, 7)),
        "only, like the rounding of float32",
    ),
    (kernel_turned, CONV, "dw: it is rotated by 180 degrees"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("backward", "layer", "says"), STUDENTS, ids=lambda v: getattr(v, "__name__", None)
)
def test_the_mistake_of_a_student_is_named(backward, layer, says):
    forward, inputs = layer
    result = bnstudy.check_layer(forward, backward, inputs)
    print(result)
    assert not result.passed
    assert result.exit_code == 1
    assert says in str(result)


def test_only_the_wrong_gradient_fails():
    forward, inputs = BATCH_NORM
    result = bnstudy.check_layer(forward, dgamma_averaged, inputs)
    assert [row.verdict for row in result.rows] == ["pass", "FAIL", "pass"]


@pytest.mark.parametrize(
    ("factor", "says"),
    [
        (-1, "the sign (a factor of -1)"),
        (3, "a constant factor of 3: the length of axis 1 of w: a sum instead of a mean?"),
        (
            1 / 5,
            "a constant factor of 0.2: 1/5, the length of axis 0 of x: a mean instead of a sum",
        ),
        (0.3, "a constant factor of 0.3"),
        (0, "it is 0 everywhere\n"),
        (1e-17, "it is 0 everywhere, but for rounding\n"),
        (1e-6, "a constant factor of 1e-06"),
    ],
)
def test_a_constant_factor_is_named_with_its_value(factor, says):
    def backward(dy, cache):
        dx, dw, db = layers.dense_backward(dy, cache)
        return dx, dw * factor, db

    assert f"dw: {says}" in str(bnstudy.check_layer(layers.dense_forward, backward, DENSE[1]))


def test_a_wrong_sign_is_not_called_the_sum_of_another_gradient():
    """With x - row, a right drow is minus the sum of dx: the plain sum lacks the sign alone."""

    def backward(dy, _):
        return 3 * dy, dy.sum(0) * 3

    inputs = layers.random(5, 4), layers.random(4)
    result = bnstudy.check_layer(lambda x, row: (3 * (x - row), None), backward, inputs)
    assert result.rows[1].mistake == mistakes_layer.WRONG_SIGN


def test_another_order_is_named_only_where_all_shapes_together_fit():
    """A dgamma like x and a dbeta like x are sums that are missing, not gradients of x."""

    def backward(dy, cache):
        dx, _, _ = layers.batch_norm_backward(dy, cache)
        return dx, dy * cache[0], dy

    forward, inputs = BATCH_NORM
    for row in bnstudy.check_layer(forward, backward, inputs).rows[1:]:
        assert row.mistake.endswith("the sum is missing over the axes along which it was broadcast")


def test_a_mean_over_all_positions_of_a_convolution_is_recognized():
    def backward(dy, cache):
        dx, dw = layers.dense_backward(dy.reshape(-1, 3), (cache[0].reshape(-1, 4), cache[1]))[:2]
        return dx.reshape(2, 5, 6, 4), dw / (2 * 5 * 6)

    inputs = layers.random(2, 5, 6, 4), layers.random(4, 3)
    result = bnstudy.check_layer(lambda x, w: (x @ w, (x, w)), backward, inputs)
    assert "1/60, all axes of y but the last: a mean instead of a sum?" in str(result)


def test_a_convolution_with_the_kernel_the_wrong_way_round_is_named():
    from bnstudy.gradient_check.numpy_network import convolve

    def forward(x, w, b):
        return convolve(x, w) + b

    def backward(dy, x, w, b):
        return convolve(dy, w.transpose(0, 1, 3, 2)), None, dy.sum((0, 1, 2))

    inputs = layers.random(2, 5, 4, 3), layers.random(3, 3, 3, 2), layers.random(2)
    text = str(bnstudy.check_layer(forward, backward, inputs))
    assert "dx: the kernel is not flipped (rotated by 180 degrees)" in text
    assert "dw: it is None" in text


def test_a_gradient_wrong_in_places_is_located():
    def ends(dy, x):
        dx = layers.elu_backward(dy, x)
        dx[:, [0, -1]] *= 0.5
        return dx

    def one_side(dy, x):
        return dy * np.where(x > 0, 1 + x * x, np.exp(x))

    forward = layers.elu_forward
    x = layers.random(5, 7)
    text = str(bnstudy.check_layer(lambda x: np.tanh(x), lambda dy, x: ends(dy, x), x))
    assert "dx: " in text
    text = str(bnstudy.check_layer(forward, ends, x))
    assert "wrong at 10 of 35 elements, the first at [0, 0] (only at the ends of axis 1)" in text
    assert "where x > 0; right at the others" in str(bnstudy.check_layer(forward, one_side, x))


def test_a_wrong_slope_of_the_elu_is_named():
    x = layers.random(5, 7)
    text = str(bnstudy.check_layer(layers.elu_forward, lambda dy, x: dy, x))
    assert "slope" in text


def test_what_is_not_known_is_said_to_be_unknown():
    wrong = bnstudy.check_layer(
        lambda x: np.tanh(x), lambda dy, x: dy * np.cos(x), layers.random(5, 7)
    )
    assert mistakes_layer.UNKNOWN in str(wrong)


def test_what_is_wrong_only_where_nothing_was_compared_is_said_to_be_elsewhere():
    def wrong(dy, x):
        gradient = 2 * dy * x
        gradient.flat[1000] *= 1.5
        return gradient

    told = str(bnstudy.check_layer(lambda x: (x**2, x), wrong, layers.random(40, 50)))
    assert "dx: right at the 300 elements compared, wrong at some of the other 1700" in told
