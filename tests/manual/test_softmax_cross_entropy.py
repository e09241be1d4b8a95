"""Softmax cross-entropy against its definition and its derivatives."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import assert_gradients_match, random

from bnstudy.manual import softmax_cross_entropy

LABELS = tf.constant([2, 0, 6, 2, 5])
LOGITS = random(5, 7, seed=1, scale=3)


def test_forward_and_backward():
    cost, cache = softmax_cross_entropy.forward(LOGITS, LABELS)
    exponentials = np.exp(LOGITS.numpy())
    p = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(cost, -np.log(p[range(5), LABELS]).mean(), rtol=1e-12)
    dcost = tf.constant(1.7, tf.float64)
    # Step by step: log, then division, then exponentials; 1/N from the mean.
    steps = np.zeros((5, 7))
    for n, label in enumerate(LABELS.numpy()):
        dp = -1.7 / 5 / p[n, label]
        for k in range(7):
            steps[n, k] = dp * p[n, label] * ((k == label) - p[n, k])
    by_hand = softmax_cross_entropy.backward(dcost, cache)

    def function(logits):
        return softmax_cross_entropy.forward(logits, LABELS)[0]

    assert_gradients_match(function, [LOGITS], dcost, [by_hand], [steps])


def test_equals_the_framework():
    cost, _ = softmax_cross_entropy.forward(LOGITS, LABELS)
    theirs = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, LOGITS)
    np.testing.assert_allclose(cost, tf.reduce_mean(theirs), rtol=1e-12)


def test_the_gradient_of_every_image_sums_to_zero_and_shrinks_with_the_batch():
    _, cache = softmax_cross_entropy.forward(LOGITS, LABELS)
    once = softmax_cross_entropy.backward(1.0, cache)
    np.testing.assert_allclose(tf.reduce_sum(once, 1), 0, atol=1e-15)
    twice_logits, twice_labels = tf.tile(LOGITS, [2, 1]), tf.tile(LABELS, [2])
    _, cache = softmax_cross_entropy.forward(twice_logits, twice_labels)
    np.testing.assert_allclose(softmax_cross_entropy.backward(1.0, cache)[:5], once / 2)


def test_large_logits_neither_overflow_nor_lose_the_gradient():
    logits = tf.constant([[1e4, -1e4, 0.0]], tf.float64)
    cost, cache = softmax_cross_entropy.forward(logits, tf.constant([1]))
    np.testing.assert_allclose(cost, 2e4)
    np.testing.assert_allclose(softmax_cross_entropy.backward(1.0, cache), [[1, -1, 0]])


def test_labels_of_any_integer_type_and_of_no_other_shape():
    cost, cache = softmax_cross_entropy.forward(LOGITS, LABELS)
    same, other = softmax_cross_entropy.forward(LOGITS, np.array(LABELS, np.uint8))
    assert float(cost) == float(same)
    np.testing.assert_array_equal(
        softmax_cross_entropy.backward(1.0, cache), softmax_cross_entropy.backward(1.0, other)
    )
    with pytest.raises(ValueError, match=r"one integer per row"):
        softmax_cross_entropy.forward(LOGITS, LABELS[:, None])
