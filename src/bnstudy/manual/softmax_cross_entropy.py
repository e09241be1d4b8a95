"""Softmax and cross-entropy in one: equations (22) to (24)."""

from typing import NamedTuple

import tensorflow as tf


class Cache(NamedTuple):
    """What `backward` needs."""

    probabilities: tf.Tensor  # [N, K]
    labels: tf.Tensor  # [N]


def forward(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, Cache]:
    """Measure how surprising the labels are, on the mean over the batch, in nats.

        p[n, k] = exp(logits[n, k]) / sum_j exp(logits[n, j])
        cost    = -1/N  sum_n  log p[n, labels[n]]

    Args:
        logits: [N, K].
        labels: integers [N], in 0 .. K - 1.

    Returns:
        The cost, a scalar, and the cache for `backward`.

    Raises:
        ValueError: labels are not one integer per row.

    """
    labels = tf.cast(labels, tf.int64)
    if len(labels.shape) != 1:
        raise ValueError(f"labels have shape {labels.shape}, must have one integer per row: [N]")
    log_p = log_probabilities(logits)  # (22)
    cost = -tf.reduce_mean(tf.gather(log_p, labels, axis=1, batch_dims=1))  # (23)
    return cost, Cache(tf.exp(log_p), labels)


def backward(dcost: tf.Tensor | float, cache: Cache) -> tf.Tensor:
    """Derive: dlogits = dcost (p - onehot(labels)) / N.

    Args:
        dcost: a scalar; 1 when the cost is the loss itself.
        cache: from `forward`.

    Returns:
        dlogits [N, K].

    """
    p, labels = cache
    onehot = tf.one_hot(labels, p.shape[1], dtype=p.dtype)
    count = tf.cast(tf.shape(p)[0], p.dtype)
    return dcost * (p - onehot) / count  # (24)


def log_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """Take log softmax without overflow: logits - log sum exp(logits).

    Args:
        logits: [N, K].

    Returns:
        log p [N, K], in nats.

    """
    return logits - tf.reduce_logsumexp(logits, axis=1, keepdims=True)
