"""Batch norm: three oracles, identities, the framework's layer, moving averages."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, autodiff, random
from marks import all_but, thorough

from bnstudy.manual import batch_norm
from bnstudy.manual.sums import align

SHAPE = (4, 3, 5, 6)  # N, H, W, C all different
EPSILON = 0.01  # large enough to be seen
GROUPS = {(0, 1, 2): (6,), (0,): (3, 5, 6), (0, 2): (3, 6), (0, 1, 3): (5,)}
OF_NETWORKS = ((0, 1, 2), (0,))


def data(axes):
    """Return x, gamma, beta, dy: means and deviations far from 0 and 1, gamma != 1, beta != 0."""
    group = GROUPS[axes]
    x = random(*SHAPE, seed=1, scale=2.5, shift=3)
    gamma, beta = random(*group, seed=2, shift=1.5), random(*group, seed=3, shift=-0.7)
    return x, gamma, beta, random(*SHAPE, seed=4)


def x_hat(cache):
    return (cache.x - cache.mean) * cache.r


def by_steps(x, gamma, dy, axes, epsilon):
    """Walk back through the graph of the forward pass, one operation at a time (NumPy)."""
    m = np.prod([x.shape[axis] for axis in axes])
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    gamma_kept = gamma.reshape(kept)
    mean = x.sum(axes, keepdims=True) / m
    centered = x - mean
    squares = centered**2
    variance = squares.sum(axes, keepdims=True) / m
    root = np.sqrt(variance + epsilon)
    inverse = 1 / root
    x_hat = centered * inverse
    dbeta = dy.sum(axes)
    dgamma = (dy * x_hat).sum(axes)
    dx_hat = dy * gamma_kept
    dinverse = (dx_hat * centered).sum(axes, keepdims=True)
    dcentered = dx_hat * inverse
    droot = -dinverse / root**2
    dvariance = droot / (2 * root)
    dsquares = dvariance / m * np.ones_like(x)
    dcentered = dcentered + 2 * centered * dsquares
    dmean = -dcentered.sum(axes, keepdims=True)
    dx = dcentered + dmean / m
    return [dx, dgamma, dbeta]


@pytest.mark.parametrize("axes", all_but(OF_NETWORKS, GROUPS, one=True))
def test_forward_and_backward(axes):
    x, gamma, beta, dy = data(axes)
    y, cache = batch_norm.forward(x, gamma, beta, axes, EPSILON)
    kept = [1 if axis in axes else size for axis, size in enumerate(SHAPE)]
    x_hat = (x - x.numpy().mean(axes, keepdims=True)) / np.sqrt(
        x.numpy().var(axes, keepdims=True) + EPSILON
    )
    expected = gamma.numpy().reshape(kept) * x_hat + beta.numpy().reshape(kept)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)

    def function(x, gamma, beta):
        return batch_norm.forward(x, gamma, beta, axes, EPSILON)[0]

    by_hand = batch_norm.backward(dy, cache)
    steps = by_steps(x.numpy(), gamma.numpy(), dy.numpy(), axes, EPSILON)
    assert_gradients_match(function, [x, gamma, beta], dy, by_hand, steps)


@pytest.mark.parametrize("axes", all_but(OF_NETWORKS, GROUPS, one=True))
def test_inference_forward_and_backward(axes):
    x, gamma, beta, dy = data(axes)
    mean, variance = random(*GROUPS[axes], seed=5), random(*GROUPS[axes], seed=6) ** 2 + 0.5
    fixed = (mean, variance, axes, EPSILON)
    y, cache = batch_norm.inference_forward(x, gamma, beta, *fixed)
    kept = [1 if axis in axes else size for axis, size in enumerate(SHAPE)]
    root = np.sqrt(variance.numpy().reshape(kept) + EPSILON)
    x_hat = (x.numpy() - mean.numpy().reshape(kept)) / root
    expected = gamma.numpy().reshape(kept) * x_hat + beta.numpy().reshape(kept)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    steps = [dy * gamma.numpy().reshape(kept) / root, (dy * x_hat).numpy().sum(axes)]
    steps.append(dy.numpy().sum(axes))

    def function(x, gamma, beta):
        return batch_norm.inference_forward(x, gamma, beta, *fixed)[0]

    by_hand = batch_norm.inference_backward(dy, cache)
    assert_gradients_match(function, [x, gamma, beta], dy, by_hand, steps)


@pytest.mark.parametrize("axes", GROUPS)
def test_identities(axes):
    """Identities that every correct batch norm satisfies."""
    x, gamma, beta, dy = data(axes)
    y, cache = batch_norm.forward(x, gamma, beta, axes, EPSILON)
    dx, dgamma, _ = batch_norm.backward(dy, cache)
    np.testing.assert_allclose(tf.reduce_mean(y, axes), beta, rtol=1e-10)
    np.testing.assert_allclose(tf.reduce_sum(dx, axes), 0, atol=1e-12)  # a shift of x does nothing
    # Scaling x does nothing but for epsilon: sum dx x_hat = eps / (var + eps)^1.5 gamma dgamma.
    root = np.sqrt(np.reshape(cache.variance, gamma.shape) + EPSILON)
    shrunk = EPSILON / root**3 * gamma * dgamma
    np.testing.assert_allclose(
        tf.reduce_sum(dx * x_hat(cache), axes), shrunk, rtol=1e-8, atol=1e-12
    )
    # A uniform upstream gradient only shifts y, so x cannot change the loss.
    dx, dgamma, _ = batch_norm.backward(tf.ones(SHAPE, tf.float64), cache)
    np.testing.assert_allclose(dx, 0, atol=1e-12)
    np.testing.assert_allclose(dgamma, 0, atol=1e-12)


def test_a_bias_before_batch_norm_has_no_gradient():
    x, gamma, beta, dy = data((0, 1, 2))

    def function(bias):
        return batch_norm.forward(x + bias, gamma, beta, (0, 1, 2), EPSILON)[0]

    (dbias,) = autodiff(function, [tf.zeros(6, tf.float64)], dy)
    np.testing.assert_allclose(dbias, 0, atol=1e-12)
    _, cache = batch_norm.forward(x, gamma, beta, (0, 1, 2), EPSILON)
    by_hand = tf.reduce_sum(batch_norm.backward(dy, cache)[0], (0, 1, 2))
    np.testing.assert_allclose(by_hand, 0, atol=1e-12)


def test_a_group_of_two_has_almost_no_gradient():
    """x_hat is +1 and -1 whatever x is, so dx vanishes with epsilon."""
    x, dy = random(2, 5, seed=1, scale=20), random(2, 5, seed=2)
    ones = tf.ones(5, tf.float64)
    _, cache = batch_norm.forward(x, ones, ones, (0,), 1e-12)
    np.testing.assert_allclose(np.abs(x_hat(cache)), 1, rtol=1e-9)
    np.testing.assert_allclose(batch_norm.backward(dy, cache)[0], 0, atol=1e-9)


@pytest.mark.parametrize("axes", [(0, 1, 2), (0,)])
def test_axes_of_length_one_change_nothing(axes):
    """H = W = 1: both kinds of statistics are the same."""
    x, dy = random(8, 1, 1, 3, seed=1), random(8, 1, 1, 3, seed=2)
    group = (3,) if axes == (0, 1, 2) else (1, 1, 3)
    gamma = tf.reshape(random(3, seed=3, shift=2), group)
    _, cache = batch_norm.forward(x, gamma, gamma, axes, EPSILON)
    by_hand = batch_norm.backward(dy, cache)
    steps = by_steps(x.numpy(), gamma.numpy(), dy.numpy(), axes, EPSILON)
    for hand, step in zip(by_hand, steps, strict=True):
        np.testing.assert_allclose(hand, step, rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------------ ghost batches

GHOST_AXES = {(0, 2, 3): ((0, 1, 2), (1, 1, 1, 1, 3)), (0,): ((0,), (1, 1, 5, 2, 3))}


@pytest.mark.parametrize("axes", GHOST_AXES)
def test_ghost_batches_are_batch_norms_of_every_kth_image(axes):
    """Four images in ghost batches of three: 0, 4, 8 and 1, 5, 9 and so on (37)."""
    alone, group = GHOST_AXES[axes]
    x, dy = random(12, 5, 2, 3, seed=1, scale=2, shift=1), random(12, 5, 2, 3, seed=4)
    gamma, beta = random(*group, seed=2, shift=1.5), random(*group, seed=3, shift=-0.7)

    def function(x, gamma, beta):
        split = batch_norm.split_images(x, 3)
        return batch_norm.join_images(batch_norm.forward(split, gamma, beta, axes, EPSILON)[0])

    y, cache = batch_norm.forward(batch_norm.split_images(x, 3), gamma, beta, axes, EPSILON)
    dx, dgamma, dbeta = batch_norm.backward(batch_norm.split_images(dy, 3), cache)
    own = [tf.reshape(value, group[2:] if len(alone) == 1 else [3]) for value in (gamma, beta)]
    steps = [np.empty(x.shape), 0, 0]
    for k in range(4):
        expected, _ = batch_norm.forward(x[k::4], *own, alone, EPSILON)
        np.testing.assert_allclose(batch_norm.join_images(y)[k::4], expected, rtol=1e-12)
        part, dgamma_k, dbeta_k = by_steps(
            x[k::4].numpy(), own[0].numpy(), dy[k::4].numpy(), alone, EPSILON
        )
        steps[0][k::4] = part
        steps[1:] = [steps[1] + dgamma_k, steps[2] + dbeta_k]
    steps[1:] = [step.reshape(group) for step in steps[1:]]
    by_hand = [batch_norm.join_images(dx), dgamma, dbeta]
    assert_gradients_match(function, [x, gamma, beta], dy, by_hand, steps)


@pytest.mark.parametrize("known", [True, False])
def test_joining_undoes_dividing(known):
    x = random(6, 5, 2, 3)
    shape = x.shape if known else [None, 5, None, 3]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float64)])
    def both(x):
        return batch_norm.join_images(batch_norm.split_images(x, 2))

    np.testing.assert_array_equal(both(x), x)
    np.testing.assert_array_equal(batch_norm.split_images(x, 2)[1, 2], x[1 * 3 + 2])


def test_a_batch_that_ghost_batches_do_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"^size must divide the 6 images of x, not 4$"):
        batch_norm.split_images(random(6, 5, 2, 3), 4)
    split = tf.function(lambda x: batch_norm.split_images(x, 4))
    traced = split.get_concrete_function(tf.TensorSpec([None, 5, 2, 3], tf.float64))
    with pytest.raises(tf.errors.InvalidArgumentError):
        traced(random(6, 5, 2, 3))


def test_large_means_do_not_spoil_the_variance():
    """E[x^2] - E[x]^2 would be off by several units here, even negative."""
    x = random(64, 2, 2, 3, seed=1, shift=1e8)
    ones = tf.ones(3, tf.float64)
    _, cache = batch_norm.forward(x, ones, ones, (0, 1, 2), EPSILON)
    exact = x.numpy().var((0, 1, 2), keepdims=True)
    np.testing.assert_allclose(cache.variance, exact, rtol=1e-6)


def test_bfloat16_is_normalized_in_float32():
    x, gamma, beta, dy = (tf.cast(t, tf.float32) for t in data((0, 1, 2)))
    low = tf.cast(x, tf.bfloat16)
    y, cache = batch_norm.forward(low, gamma, beta, (0, 1, 2), EPSILON)
    low_dy = tf.cast(dy, tf.bfloat16)
    dx, dgamma, dbeta = batch_norm.backward(low_dy, cache)
    assert (y.dtype, dx.dtype, dgamma.dtype) == (tf.bfloat16, tf.bfloat16, tf.float32)
    wide, wide_dy = (tf.cast(t, tf.float64).numpy() for t in (low, low_dy))
    variance = wide.var((0, 1, 2))
    x_hat = (wide - wide.mean((0, 1, 2))) / np.sqrt(variance + EPSILON)
    np.testing.assert_allclose(cache.variance[0, 0, 0], variance, rtol=1e-5)
    np.testing.assert_allclose(dgamma, (wide_dy * x_hat).sum((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(dbeta, wide_dy.sum((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.9, 0.5])
def test_equals_the_framework_over_many_batches(momentum):
    """Training, inference, gradients and moving statistics, batch after batch."""
    layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=EPSILON, dtype="float64")
    layer.build([None, *SHAPE[1:]])
    _, gamma, beta, dy = data((0, 1, 2))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    mean, variance = tf.zeros(6, tf.float64), tf.ones(6, tf.float64)
    for number in range(30):
        x = random(*SHAPE, seed=number, scale=1 + number, shift=number % 7)
        with tf.GradientTape() as tape:
            tape.watch(x)
            theirs = layer(x, training=True)
        variables = [x, *layer.trainable_variables]
        gradients = tape.gradient(theirs, [getattr(v, "value", v) for v in variables], dy)
        ours, cache = batch_norm.forward(x, gamma, beta, (0, 1, 2), EPSILON)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)
        for mine, their in zip(batch_norm.backward(dy, cache), gradients, strict=True):
            np.testing.assert_allclose(mine, their, rtol=1e-8, atol=1e-10)
        mean = batch_norm.update_moving(mean, cache.mean, momentum)
        variance = batch_norm.update_moving(variance, cache.variance, momentum)
        np.testing.assert_allclose(mean, layer.moving_mean, rtol=1e-10)
        np.testing.assert_allclose(variance, layer.moving_variance, rtol=1e-10)
        fixed = (mean, variance, (0, 1, 2), EPSILON)
        ours, _ = batch_norm.inference_forward(x, gamma, beta, *fixed)
        np.testing.assert_allclose(ours, layer(x, training=False), rtol=1e-9, atol=1e-10)


def test_momentum_weights_the_old_value():
    moving, batch = tf.constant(2.0, tf.float64), tf.constant(10.0, tf.float64)
    np.testing.assert_allclose(batch_norm.update_moving(moving, batch, 0.75), 4.0)


@pytest.mark.parametrize("initial", [0.0, 1.0, 9.0])
def test_debias_gives_the_weighted_mean_of_the_batches(initial):
    momentum, batches = 0.9, np.random.default_rng(0).uniform(1, 5, 25)
    moving = tf.constant(initial, tf.float64)
    for batch in batches:
        moving = batch_norm.update_moving(moving, tf.constant(batch), momentum)
    weights = momentum ** np.arange(24, -1, -1)
    corrected = batch_norm.debias(moving, initial, momentum, tf.constant(25))
    np.testing.assert_allclose(corrected, np.average(batches, weights=weights), rtol=1e-12)


def test_debias_of_a_constant_is_that_constant_from_the_first_step_on():
    """Momentum 0.99 and a true variance of 4, started at 1: 2.90 after 100 steps, corrected 4."""
    moving = tf.constant(1.0, tf.float64)
    for step in range(1, 101):
        moving = batch_norm.update_moving(moving, tf.constant(4.0, tf.float64), 0.99)
        corrected = batch_norm.debias(moving, 1.0, 0.99, tf.constant(step))
        np.testing.assert_allclose(corrected, 4.0, rtol=1e-12)
    np.testing.assert_allclose(moving, 4 - 3 * 0.99**100, rtol=1e-12)


def test_debias_before_the_first_step_changes_nothing():
    moving = tf.constant([0.0, 3.0], tf.float64)
    np.testing.assert_array_equal(batch_norm.debias(moving, 2.0, 0.99, tf.constant(0)), moving)


def test_axes_may_be_negative_and_inputs_numpy_arrays():
    x, gamma, beta, dy = data((0, 2))
    y, cache = batch_norm.forward(x, gamma, beta, (0, 2), EPSILON)
    other, other_cache = batch_norm.forward(
        x.numpy(), gamma.numpy(), beta.numpy(), [-2, 0], EPSILON
    )
    np.testing.assert_array_equal(y, other)
    for one, two in zip(
        batch_norm.backward(dy, cache), batch_norm.backward(dy, other_cache), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    fixed = (random(3, 6, seed=5), random(3, 6, seed=6) ** 2)
    y, _ = batch_norm.inference_forward(x, gamma, beta, *fixed, (0, 2), EPSILON)
    other, _ = batch_norm.inference_forward(x, gamma, beta, *fixed, (-4, -2), EPSILON)
    np.testing.assert_array_equal(y, other)


# Where gamma is not simply the shape of x without the axes: x, axes, gamma, gamma with its axes.
SHARED = {
    "ghost groups, one gamma": ((3, 4, 2, 5, 6), (1, 2, 3), (6,), (1, 1, 1, 1, 6)),
    "ghost groups, a gamma each": ((3, 4, 2, 5, 6), (1, 2, 3), (3, 6), (3, 1, 1, 1, 6)),
    "ghost groups of activations": ((3, 4, 2, 5, 6), (1,), (2, 5, 6), (1, 1, 2, 5, 6)),
    "ghost groups of one channel": ((3, 4, 2, 5, 1), (1, 2, 3), (1,), (1, 1, 1, 1, 1)),
    "ghost groups of one column": ((3, 4, 2, 1, 6), (1,), (2, 1, 6), (1, 1, 2, 1, 6)),
    "activations, a gamma per channel": ((4, 3, 5, 6), (0,), (6,), (1, 1, 1, 6)),
    "activations, a gamma per column": ((4, 3, 5, 6), (0,), (5, 1), (1, 1, 5, 1)),
    "rows and columns": ((4, 3, 5, 6), (0, 3), (3, 5), (1, 3, 5, 1)),
    "rows that share the gammas of columns": ((4, 3, 5, 6), (0, 3), (5, 1), (1, 1, 5, 1)),
    "rows and one column": ((4, 3, 1, 6), (0, 3), (3, 1), (1, 3, 1, 1)),
    "one row and columns": ((4, 1, 5, 6), (0, 3), (1, 5), (1, 1, 5, 1)),
    "one gamma for all channels": ((4, 3, 5, 6), (0, 1, 2), (), (1, 1, 1, 1)),
    "one group": ((4, 3, 5, 6), (0, 1, 2, 3), (), (1, 1, 1, 1)),
}


def shared_data(name):
    shape, axes, group, _ = SHARED[name]
    x, dy = random(*shape, seed=1, scale=2.5, shift=3), random(*shape, seed=4)
    gamma, beta = random(*group, seed=2, shift=1.5), random(*group, seed=3, shift=-0.7)
    return x, gamma, beta, dy, axes


@pytest.mark.parametrize(
    "name",
    all_but(("ghost groups, one gamma", "activations, a gamma per channel", "one group"), SHARED),
)
def test_groups_may_share_gamma_and_beta(name):
    """Then dgamma and dbeta are the sums of those of the groups."""
    x, gamma, beta, dy, axes = shared_data(name)
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    with_axes = SHARED[name][3]
    each_gamma = np.broadcast_to(gamma.numpy().reshape(with_axes), kept)
    dx, *of_groups = by_steps(x.numpy(), each_gamma, dy.numpy(), axes, EPSILON)
    sharing = tuple(axis for axis, size in enumerate(with_axes) if size == 1)
    steps = [d.reshape(kept).sum(sharing).reshape(gamma.shape) for d in of_groups]
    y, cache = batch_norm.forward(x, gamma, beta, axes, EPSILON)
    expected = each_gamma * x_hat(cache) + beta.numpy().reshape(with_axes)
    np.testing.assert_allclose(y, expected, rtol=1e-12)

    def function(x, gamma, beta):
        return batch_norm.forward(x, gamma, beta, axes, EPSILON)[0]

    by_hand = batch_norm.backward(dy, cache)
    assert_gradients_match(function, [x, gamma, beta], dy, by_hand, [dx, *steps])


@pytest.mark.parametrize(
    "name",
    all_but(("ghost groups, one gamma", "activations, a gamma per channel", "one group"), SHARED),
)
def test_in_inference_groups_may_share_gamma_and_beta(name):
    x, gamma, beta, dy, axes = shared_data(name)
    group = [size for axis, size in enumerate(x.shape) if axis not in axes]
    kept = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    mean, variance = random(*group, seed=5), random(*group, seed=6) ** 2 + 0.5

    def function(x, gamma, beta):
        return batch_norm.inference_forward(x, gamma, beta, mean, variance, axes, EPSILON)[0]

    _, cache = batch_norm.inference_forward(x, gamma, beta, mean, variance, axes, EPSILON)
    by_hand = batch_norm.inference_backward(dy, cache)
    for hand, auto in zip(by_hand, autodiff(function, [x, gamma, beta], dy), strict=True):
        np.testing.assert_allclose(hand, auto, rtol=1e-10, atol=1e-12)
    same, _ = batch_norm.inference_forward(
        x, gamma, beta, tf.reshape(mean, kept), tf.reshape(variance, kept), axes, EPSILON
    )
    np.testing.assert_array_equal(function(x, gamma, beta), same)


def test_a_gamma_of_length_1_is_shared_by_any_number_of_groups():
    statistics = tf.TensorShape([None, 1, 1, 1, 1])  # of x [groups, N, H, W, 1]
    assert align(tf.ones([1]), statistics).shape == [1]


def test_ghost_groups_are_batches_of_their_own():
    x, gamma, beta, dy, axes = shared_data("ghost groups, one gamma")
    y, cache = batch_norm.forward(x, gamma, beta, axes, EPSILON)
    dx, dgamma, dbeta = batch_norm.backward(dy, cache)
    total_dgamma, total_dbeta = np.zeros(6), np.zeros(6)
    for group in range(3):
        one_y, one_cache = batch_norm.forward(x[group], gamma, beta, (0, 1, 2), EPSILON)
        one_dx, one_dgamma, one_dbeta = batch_norm.backward(dy[group], one_cache)
        np.testing.assert_allclose(y[group], one_y, rtol=1e-12)
        np.testing.assert_allclose(dx[group], one_dx, rtol=1e-11, atol=1e-13)
        total_dgamma, total_dbeta = total_dgamma + one_dgamma, total_dbeta + one_dbeta
    np.testing.assert_allclose(dgamma, total_dgamma, rtol=1e-11)
    np.testing.assert_allclose(dbeta, total_dbeta, rtol=1e-11)


@pytest.mark.parametrize("unknown", [*thorough("N"), "NHW", *thorough("NHWC"), "all"])
@pytest.mark.parametrize("axes", all_but(OF_NETWORKS, GROUPS, one=True))
def test_sizes_may_be_unknown_while_a_graph_is_traced(axes, unknown):
    x, gamma, beta, dy = data(axes)
    images = tf.TensorSpec(
        [None if unknown == "all" or letter in unknown else size
         for letter, size in zip("NHWC", SHAPE, strict=True)], tf.float64
    )  # fmt: skip
    group = tf.TensorSpec(
        [None] * len(GROUPS[axes]) if unknown == "all" else GROUPS[axes], tf.float64
    )

    @tf.function(input_signature=[images, group, group, images], autograph=False)
    def both(x, gamma, beta, dy):
        y, cache = batch_norm.forward(x, gamma, beta, axes, EPSILON)
        z, fixed = batch_norm.inference_forward(x, gamma, beta, gamma, gamma**2, axes, EPSILON)
        gradients = batch_norm.backward(dy, cache), batch_norm.inference_backward(dy, fixed)
        return (y, z, *gradients), (cache, fixed)

    results, caches = both(x, gamma, beta, dy)
    expected, _ = both.python_function(x, gamma, beta, dy)
    again = batch_norm.backward(dy, caches[0]), batch_norm.inference_backward(dy, caches[1])
    for one, other in zip(tf.nest.flatten(results), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    for one, other in zip(tf.nest.flatten(again), tf.nest.flatten(results[2:]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_the_moving_average_takes_the_statistics_of_a_cache():
    x, gamma, beta, _ = data((0, 2))
    _, cache = batch_norm.forward(x, gamma, beta, (0, 2), EPSILON)
    moving, expected = tf.zeros([3, 6], tf.float64), 0.25 * x.numpy().mean((0, 2))
    moved = batch_norm.update_moving(moving, cache.mean, 0.75)
    np.testing.assert_allclose(moved, expected, rtol=1e-12)

    @tf.function(input_signature=[tf.TensorSpec([None] * 4, tf.float64)])
    def move(x):
        _, cache = batch_norm.forward(x, gamma, gamma, (0, 2), EPSILON)
        return batch_norm.update_moving(moving, cache.mean, 0.75)

    np.testing.assert_allclose(move(x), expected, rtol=1e-12)


def test_debias_keeps_the_precision_of_float32():
    """1 - 0.9999 in float32 would be off by 1.7e-4."""
    moving = tf.constant(3 * (1 - 0.9999), tf.float32)  # one step from 0 towards 3
    corrected = batch_norm.debias(moving, 0.0, 0.9999, tf.constant(1))
    np.testing.assert_allclose(corrected, 3.0, rtol=1e-6)
