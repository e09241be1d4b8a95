"""Batch norm over several replicas: the reduction that `forward` and `backward` are given."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import autodiff, random
from replica_helpers import in_lockstep

from bnstudy.manual import batch_norm

EPSILON = 1e-3
SIZES = {"equal": [4, 4], "unequal": [5, 2, 1], "one of a single image": [1, 7], "empty": [3, 0, 5]}
EXACT = {"rtol": 0, "atol": 1e-14}  # float64; the numbers are of the order of 1


def batch(axes, count=8, shift=3.0):
    """Return x, gamma, beta and dy of one batch, its statistics not those of its parts."""
    shape = (count, 4, 5, 3)
    x = random(*shape, shift=shift) * tf.range(1, count + 1, dtype=tf.float64)[:, None, None, None]
    parameters = shape[-1:] if len(axes) == 3 else shape[1:]
    gamma, beta = random(*parameters, seed=1) + 2, random(*parameters, seed=2)
    return x, gamma, beta, random(*shape, seed=3)


def on_replicas(x, gamma, beta, dy, axes, sizes):
    """Return y, dx, and the sums of dgamma and dbeta, of a batch that replicas share."""

    def replica(x, dy, reduce):
        y, cache = batch_norm.forward(x, gamma, beta, axes, EPSILON, reduce)
        return y, cache, batch_norm.backward(dy, cache, reduce)

    parts = list(zip(tf.split(x, sizes), tf.split(dy, sizes), strict=True))
    results, calls = in_lockstep(replica, parts)
    assert set(calls) == {3}  # forward: m and the sum, then the squares; backward: once
    y = tf.concat([y for y, _, _ in results], 0)
    dx = tf.concat([gradients[0] for _, _, gradients in results], 0)
    dgamma, dbeta = (sum(gradients[i] for _, _, gradients in results) for i in (1, 2))
    return y, dx, dgamma, dbeta, [cache for _, cache, _ in results]


@pytest.mark.parametrize("axes", [(0, 1, 2), (0,)], ids=str)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_replicas_together_are_one_big_batch(sizes, axes):
    x, gamma, beta, dy = batch(axes)
    y, dx, dgamma, dbeta, caches = on_replicas(x, gamma, beta, dy, axes, sizes)
    right_y, right = batch_norm.forward(x, gamma, beta, axes, EPSILON)
    np.testing.assert_allclose(y, right_y, **EXACT)
    for cache in caches:  # every replica, an empty one too, moves its averages by these
        np.testing.assert_allclose(cache.mean, right.mean, rtol=1e-14)
        np.testing.assert_allclose(cache.variance, right.variance, rtol=1e-14)
    for ours, big in zip((dx, dgamma, dbeta), batch_norm.backward(dy, right), strict=True):
        np.testing.assert_allclose(ours, big, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("axes", [(0, 1, 2), (0,)], ids=str)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_backward_pass_of_replicas_agrees_with_automatic_differentiation(sizes, axes):
    x, gamma, beta, dy = batch(axes)
    by_hand = on_replicas(x, gamma, beta, dy, axes, sizes)[1:4]

    def plain(x, gamma, beta):  # of the whole batch, and nothing of ours
        mean = tf.reduce_mean(x, axes, keepdims=True)
        variance = tf.reduce_mean((x - mean) ** 2, axes, keepdims=True)
        return gamma * (x - mean) / tf.sqrt(variance + EPSILON) + beta

    for ours, automatic in zip(by_hand, autodiff(plain, [x, gamma, beta], dy), strict=True):
        assert np.abs(automatic).max() > 1e-3
        np.testing.assert_allclose(ours, automatic, rtol=1e-10, atol=1e-12)


def test_it_does_not_matter_which_replica_has_an_image():
    x, gamma, beta, dy = batch((0, 1, 2))
    order = [6, 0, 3, 7, 1, 2, 5, 4]
    straight = on_replicas(x, gamma, beta, dy, (0, 1, 2), [5, 3])
    mixed = on_replicas(tf.gather(x, order), gamma, beta, tf.gather(dy, order), (0, 1, 2), [5, 3])
    for a, b in zip(straight[:2], mixed[:2], strict=True):
        scale = np.abs(a).max()
        np.testing.assert_allclose(tf.gather(a, order) / scale, b / scale, rtol=0, atol=1e-15)


def test_a_replica_alone_returns_its_share_of_the_gradients_of_gamma_and_beta():
    """Summed once, by the training step: the reduction of `backward` is that of dx alone."""
    x, gamma, beta, dy = batch((0, 1, 2))

    def replica(x, dy, reduce):
        _, cache = batch_norm.forward(x, gamma, beta, (0, 1, 2), EPSILON, reduce)
        return batch_norm.backward(dy, cache, reduce)

    parts = list(zip(tf.split(x, [5, 3]), tf.split(dy, [5, 3]), strict=True))
    mean, variance = (tf.reduce_mean(x, (0, 1, 2)), tf.math.reduce_variance(x, (0, 1, 2)))
    for (x, dy), (_, dgamma, dbeta) in zip(parts, in_lockstep(replica, parts)[0], strict=True):
        x_hat = (x - mean) / tf.sqrt(variance + EPSILON)
        np.testing.assert_allclose(dgamma, tf.reduce_sum(dy * x_hat, (0, 1, 2)), rtol=1e-12)
        np.testing.assert_allclose(dbeta, tf.reduce_sum(dy, (0, 1, 2)), **EXACT)


def test_without_a_reduction_every_bit_is_as_with_one_replica():
    x, gamma, beta, dy = (tf.cast(t, tf.float32) for t in batch((0, 1, 2)))

    def of(*reduce):
        y, cache = batch_norm.forward(x, gamma, beta, (0, 1, 2), EPSILON, *reduce)
        return y, *batch_norm.backward(dy, cache, *reduce)

    for default, one in zip(of(), of(lambda *sums: sums), strict=True):
        np.testing.assert_array_equal(default, one)


def test_a_batch_is_refused_where_all_replicas_together_are_empty():
    x, gamma, beta, _ = batch((0, 1, 2))

    def replica(x, reduce):
        return batch_norm.forward(x, gamma, beta, (0, 1, 2), EPSILON, reduce)

    with pytest.raises(ValueError, match=r"^x is empty on every device$"):
        in_lockstep(replica, [(x[:0],), (x[:0],)])


def test_channels_far_from_zero_lose_nothing_unlike_in_one_pass():
    """Keras's synchronized layer takes the variance as a difference of large numbers."""
    errors = {}
    for mean in (300, 3000):
        x = np.random.default_rng(0).standard_normal((50, 8, 8, 16)).astype(np.float32) + mean
        x = x.astype(np.float32)
        exact = x.astype(np.float64) - x.astype(np.float64).mean((0, 1, 2))
        exact = exact / np.sqrt((exact**2).mean((0, 1, 2)) + EPSILON)
        one, zero = tf.ones(16), tf.zeros(16)

        def replica(x, reduce, one=one, zero=zero):
            return batch_norm.forward(x, one, zero, (0, 1, 2), EPSILON, reduce)[0]

        parts = [(tf.constant(part),) for part in (x[:30], x[30:])]
        ours = np.concatenate(in_lockstep(replica, parts)[0])
        layer = keras.layers.BatchNormalization(synchronized=True, epsilon=EPSILON)
        errors[mean] = [np.abs(y - exact).max() for y in (ours, layer(x, training=True))]
    print(errors)
    assert errors[300][0] < 2e-4
    assert errors[3000][0] < 2e-3
    assert errors[300][1] > 0.01
    assert errors[3000][1] > 1
