"""The check of somebody's own layer: right ones in NumPy and TensorFlow, and refused set-ups."""

import layer_helpers as layers
import numpy as np
import pytest

import bnstudy
from bnstudy import UserError

NORMS = {
    "batch norm": (0, 0, (6, 4), (4,)),
    "batch norm per channel": ((0, 1, 2), (0, 1, 2), (3, 4, 2, 3), (3,)),
    "batch norm per activation": (0, 0, (5, 3, 2), (3, 2)),
    "layer norm": (1, 0, (4, 6), (6,)),
}
RIGHT = {
    "dense": (layers.dense_forward, layers.dense_backward, layers.dense_inputs()),
    "convolution": (layers.conv_forward, layers.conv_backward, layers.conv_inputs()),
    "relu": (layers.relu_forward, layers.relu_backward, None),
    "elu": (layers.elu_forward, layers.elu_backward, None),
    "max-pool": (layers.pool_forward, layers.pool_backward, layers.random(3, 5, 4)),
    "cross-entropy": (layers.cost_forward, layers.cost_backward, layers.cost_inputs()),
    **{
        name: (*layers.norm(axes, sums), layers.norm_inputs(shape, parameters))
        for name, (axes, sums, shape, parameters) in NORMS.items()
    },
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_layer_passes(name):
    result = bnstudy.check_layer(*RIGHT[name])
    print(result)
    assert result.passed, str(result)
    assert result.exit_code == 0
    assert all(row.difference < 1e-9 for row in result.rows)
    # Without a kink, a right gradient converges with order 2, or differences are exact at once.
    for row in result.rows:
        assert row.order is None or abs(row.order - 2) < 0.1 or name in ("relu", "elu", "max-pool")


@pytest.mark.parametrize("name", RIGHT)
def test_an_error_of_a_millionth_is_noticed_where_the_complex_step_applies(name):
    forward, backward, inputs = RIGHT[name]
    factor = 1 + (1e-5 if name == "convolution" else 1e-8)

    def wrong(dy, cache):
        gradients = backward(dy, cache)
        return (
            tuple(g * factor for g in gradients)
            if isinstance(gradients, tuple)
            else gradients * factor
        )

    result = bnstudy.check_layer(forward, wrong, inputs)
    assert all(row.verdict == "FAIL" for row in result.rows)


def test_tensorflow_layers_pass_and_fail():
    import tensorflow as tf

    def forward(x, gamma, beta):
        mean, variance = tf.nn.moments(x, 0)
        x_hat = (x - mean) * tf.math.rsqrt(variance + 1e-3)
        return gamma * x_hat + beta, (x_hat, tf.math.rsqrt(variance + 1e-3), gamma)

    def backward(dy, cache):
        x_hat, r, gamma = cache
        d = gamma * dy
        dx = r * (d - tf.reduce_mean(d, 0) - x_hat * tf.reduce_mean(d * x_hat, 0))
        return dx, tf.reduce_sum(dy * x_hat, 0), tf.reduce_sum(dy, 0)

    def forgetful(dy, cache):
        x_hat, r, gamma = cache
        return r * (gamma * dy - x_hat * tf.reduce_mean(gamma * dy * x_hat, 0)), *backward(
            dy, cache
        )[1:]

    inputs = [tf.constant(a) for a in layers.norm_inputs()]
    result = bnstudy.check_layer(forward, backward, tuple(inputs))
    assert result.passed, str(result)
    assert result.rows[0].complex_step is None
    assert not result.notes  # the complex step is NumPy's: nothing to tell
    assert result.rows[0].order == pytest.approx(2, abs=0.1)
    text = str(bnstudy.check_layer(forward, forgetful, tuple(inputs)))
    assert "dx: the mean term is missing (the path through the mean)" in text


def test_the_layers_of_this_package_pass_and_the_errors_of_the_author_are_named():
    import tensorflow as tf

    from bnstudy.manual import as_posted, batch_norm, conv2d, elu, pooling
    from bnstudy.manual import softmax_cross_entropy as cost

    def batch_norm_forward(x, gamma, beta):
        return batch_norm.forward(x, gamma, beta, (0, 1, 2), 1e-3)

    def pool(x):
        return pooling.average_forward(x, 2)

    def tensors(*shapes):
        return tuple(tf.constant(layers.random(*shape)) for shape in shapes)

    images = tensors((3, 4, 2, 5), (5,), (5,))
    right = [
        bnstudy.check_layer(batch_norm_forward, batch_norm.backward, images),
        bnstudy.check_layer(conv2d.forward, conv2d.backward, tensors((2, 5, 4, 3), (3, 3, 3, 2))),
        bnstudy.check_layer(elu.forward, elu.backward, images[:1]),
        bnstudy.check_layer(pool, pooling.average_backward, images[:1]),
        bnstudy.check_layer(cost.forward, cost.backward, layers.cost_inputs()),
    ]
    assert [str(result) for result in right if not result.passed] == []
    posted = {
        "for x > 0 the slope is 2, not 1": (elu.forward, as_posted.elu_backward),
        "a factor of 4: the elements of x per element of y": (pool, as_posted.average_backward),
    }
    for says, pair in posted.items():
        assert says in str(bnstudy.check_layer(*pair, images[:1])).replace(
            "constant factor", "factor"
        )
    pair = cost.forward, as_posted.softmax_cross_entropy_backward
    assert "not divided by N" in str(bnstudy.check_layer(*pair, layers.cost_inputs()))


def test_a_tensorflow_layer_without_a_cache_and_with_numpy_inputs():
    import tensorflow as tf

    result = bnstudy.check_layer(
        lambda x: tf.nn.elu(x), lambda dy, x: dy * tf.where(x > 0, tf.ones_like(x), tf.exp(x))
    )
    assert result.passed, str(result)


def test_a_uniform_dy_under_a_normalization_is_refused():
    pair, inputs = (layers.batch_norm_forward, layers.batch_norm_backward), layers.norm_inputs()
    with pytest.raises(UserError, match=r"dy is uniform over the normalized axes \[0\]"):
        bnstudy.check_layer(*pair, inputs, dy=np.ones((6, 4)))
    insisted = bnstudy.check_layer(*pair, inputs, dy=np.ones((6, 4)), insist=True)
    assert insisted.passed
    assert "insisted, although dy is uniform" in str(insisted)


def test_a_gradient_that_is_zero_gets_no_verdict_unless_insisted():
    def forward(x, b):  # batch norm takes a bias out again
        return layers.batch_norm_forward(x + b, np.ones(4), np.zeros(4))

    def backward(dy, cache):
        dx = layers.batch_norm_backward(dy, cache)[0]
        return dx, dx.sum(0)

    inputs = layers.norm_inputs()[:2]
    result = bnstudy.check_layer(forward, backward, inputs)
    assert [row.verdict for row in result.rows] == ["pass", "no verdict"]
    assert result.exit_code == 2
    assert "db: the right gradient is 0" in str(result)
    assert bnstudy.check_layer(forward, backward, inputs, insist=True).passed
    wide = layers.random(5, 320), layers.random(320)  # more elements than are compared one by one
    wide_forward = layers.norm(0, 0)[0]
    result = bnstudy.check_layer(
        lambda x, b: wide_forward(x + b, np.ones(320), np.zeros(320)), backward, wide
    )
    assert [row.verdict for row in result.rows] == ["pass", "no verdict"]
    wrong = bnstudy.check_layer(forward, lambda dy, c: (backward(dy, c)[0], dy.sum(0)), inputs)
    assert "db: the right gradient is 0, this one is not" in str(wrong)


def test_float32_is_refused_and_checked_coarsely_on_insisting():
    x = layers.random(5, 7).astype(np.float32)
    forward, backward = np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2)
    with pytest.raises(UserError, match=r"x is float32.*x.astype\(np.float64\)"):
        bnstudy.check_layer(lambda x: forward(x), backward, x)
    assert bnstudy.check_layer(lambda x: forward(x), backward, x, insist=True).passed
    wrong = bnstudy.check_layer(lambda x: forward(x), lambda dy, x: dy, x, insist=True)
    assert wrong.exit_code == 1


def test_kinks_are_counted_and_stepped_around():
    x = layers.random(5, 7)
    x[0, :3] = 0
    x[1, 0] = 3e-6  # closer than the first step
    result = bnstudy.check_layer(layers.relu_forward, layers.relu_backward, x)
    assert result.passed, str(result)
    assert (result.rows[0].kinks, result.rows[0].elements) == (3, 32)


def test_no_verdict_where_most_elements_are_kinks():
    x = np.zeros((4, 3))
    x[0] = 1, 2, 3
    result = bnstudy.check_layer(layers.relu_forward, layers.relu_backward, x)
    assert result.exit_code == 2
    assert "9 of 12 elements are at a kink" in str(result)
    assert bnstudy.check_layer(layers.relu_forward, layers.relu_backward, x, insist=True).passed


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: np.abs(x) * x,
        lambda x: x * x.var(0),
        lambda x: x / np.linalg.norm(x),
        lambda x: x.real**2,
    ],
)
def test_the_complex_step_is_left_out_where_imaginary_parts_are_dropped(forward):
    """A wrong opinion that agrees with nothing must not fail a right gradient."""
    x = layers.random(4, 3)

    def backward(dy, x):
        h, columns = 1e-6, np.eye(x.size).reshape(x.size, *x.shape)
        slopes = [np.sum(dy * (forward(x + h * e) - forward(x - h * e))) / (2 * h) for e in columns]
        return np.reshape(slopes, x.shape)

    result = bnstudy.check_layer(forward, backward, x)
    assert result.passed, str(result)
    assert result.rows[0].complex_step is None
    assert "complex step left out for x" in str(result)


def test_of_a_large_argument_the_elements_not_compared_are_seen_by_the_directions():
    def backward(dy, cache):
        dx, dw, db = layers.dense_backward(dy, cache)
        wrong = dw.copy()
        wrong[-1, -1] *= 1.5
        return dx, wrong, db

    inputs = (layers.random(4, 60), layers.random(60, 20), layers.random(20))
    failed = [
        bnstudy.check_layer(layers.dense_forward, backward, inputs, seed=seed).rows[1].verdict
        for seed in range(3)
    ]
    assert failed == ["FAIL"] * 3
    assert bnstudy.check_layer(layers.dense_forward, layers.dense_backward, inputs).passed


def test_a_backward_that_changes_its_cache_is_told():
    def backward(dy, cache):
        x, w = cache
        dx = dy @ w.T
        w *= 2
        return dx, x.T @ dy, dy.sum(0)

    text = str(bnstudy.check_layer(layers.dense_forward, backward, layers.dense_inputs()))
    assert "backward gives different gradients when called again" in text


def test_an_error_in_backward_is_one_line_and_the_order_of_the_cache_is_tried():
    def backward(dy, cache):
        w, x = cache
        return dy @ w.T, x.T @ dy, dy.sum(0)

    with pytest.raises(
        UserError, match=r"test_check.py, line \d+: backward raised ValueError"
    ) as raised:
        bnstudy.check_layer(layers.dense_forward, backward, layers.dense_inputs())
    assert "order (1, 0), every gradient is right" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_dy_must_have_the_shape_of_y():
    with pytest.raises(UserError, match=r"dy has the shape \[2\], but y has \[5, 7\]"):
        bnstudy.check_layer(layers.relu_forward, layers.relu_backward, dy=np.ones(2))


def test_the_same_seed_gives_the_same_table():
    first, again, other = (
        bnstudy.check_layer(layers.elu_forward, layers.elu_backward, seed=seed).rows
        for seed in (1, 1, 2)
    )
    assert first == again != other


def zeros_among(*shape):
    x = layers.random(*shape)
    x[1, ::2] = 0
    return x


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_any_slope_between_those_of_both_sides_is_right_at_a_kink(at_zero):
    result = bnstudy.check_layer(
        lambda x: (np.maximum(x, 0), x),
        lambda dy, x: dy * np.where(x == 0, at_zero, x > 0),
        zeros_among(6, 7),
    )
    assert result.passed, str(result)
    assert result.rows[0].kinks == 4


@pytest.mark.parametrize(
    ("at_zero", "told"), [(5.0, "4 of 4 kinks it is steeper"), (np.nan, "4 of 42 values are not")]
)
def test_a_slope_that_neither_side_has_is_wrong_at_a_kink(at_zero, told):
    result = bnstudy.check_layer(
        lambda x: (np.maximum(x, 0), x),
        lambda dy, x: dy * np.where(x == 0, at_zero, x > 0),
        zeros_among(6, 7),
    )
    assert result.exit_code == 1
    assert told in str(result)


def test_one_value_that_is_not_finite_is_wrong_wherever_it_is():
    def backward(dy, x):
        dx = 2 * x * dy
        dx.flat[7777] = np.nan
        return dx

    result = bnstudy.check_layer(lambda x: (x**2, x), backward, layers.random(100, 100))
    assert result.exit_code == 1
    assert "1 of 10000 values are not finite" in str(result)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        (lambda dx: dx, True),
        (lambda dx: np.clip(dx, -50, 50), False),
        (lambda dx: np.where(np.abs(dx) < 1e-5, 0, dx), False),
    ],
)
def test_a_gradient_that_does_not_grow_with_dy_is_wrong(change, right):
    """Clipping that does not act at this dy acts at another."""
    x = 1 + np.abs(layers.random(5, 7))
    result = bnstudy.check_layer(lambda x: (x**2, x), lambda dy, x: change(2 * x * dy), x)
    assert result.passed is right
    assert ("dx is not linear in dy" in str(result)) is not right


def test_batch_norm_of_columns_in_other_units_passes():
    units = np.array([1e6, 1.0, 1e-3, 50.0])
    x, gamma, beta = layers.norm_inputs()
    result = bnstudy.check_layer(*layers.norm(0, 0), (units * x, gamma, beta))
    assert result.passed, str(result)


def test_an_error_in_the_column_whose_gradients_are_small_is_noticed():
    units = np.array([1e6, 1.0, 1e-3, 50.0])
    x, gamma, beta = layers.norm_inputs()
    forward, right = layers.norm(0, 0)

    def backward(dy, cache):
        dx, *rest = right(dy, cache)
        return dx * np.array([1.0001, 1, 1, 1]), *rest

    result = bnstudy.check_layer(forward, backward, (units * x, gamma, beta))
    assert result.rows[0].verdict == "FAIL"


def test_a_wrong_sign_is_not_taken_for_a_cache_unpacked_in_another_order():
    """In (x - mean) r, exchanging x and mean changes the sign of one gradient, and nothing else."""

    def forward(x, mean, r):
        return (x - mean) * r, (x, mean, r)

    def backward(dy, cache):
        x, mean, r = cache
        return dy * r, -(dy * r).sum(0), -(dy * (x - mean)).sum(0)

    random = np.random.default_rng(0)
    inputs = (random.normal(size=(6, 4)), random.normal(size=4), random.uniform(0.5, 2, size=4))
    result = bnstudy.check_layer(forward, backward, inputs)
    assert [row.mistake for row in result.rows] == ["", "", "the sign (a factor of -1)"]
    assert result.problems == ()
