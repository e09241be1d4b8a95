"""Softmax and cross-entropy in one: equations (22) to (24)."""

from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import checks

_INTEGERS = (tf.int64, tf.int32, tf.int16, tf.int8, tf.uint64, tf.uint32, tf.uint16, tf.uint8)


class Cache(NamedTuple):
    """Values that `backward` needs."""

    probabilities: tf.Tensor  # [N, K]
    labels: tf.Tensor  # [N]


def forward(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, Cache]:
    """Return the mean softmax cross-entropy of the batch, in nats.

        p[n, k] = exp(logits[n, k]) / sum_j exp(logits[n, j])
        cost    = -1/N  sum_n  log p[n, labels[n]]

    Args:
        logits: [N, K].
        labels: integers [N], in 0 .. K - 1.

    Returns:
        The cost, a scalar, and the cache for `backward`.

    Raises:
        ValueError: the logits are not [N, K], the batch is empty, or the labels are not one integer
            from 0 to K - 1 per row.

    """
    logits, labels = _checked(logits, labels)
    checks.not_empty("logits", logits)
    log_p = log_probabilities(logits)  # [N, K]
    cost = tf.reduce_mean(_at_labels(-log_p, labels))  # (23)
    return cost, Cache(tf.exp(log_p), labels)  # p: (22)


def backward(dcost: tf.Tensor | float, cache: Cache) -> tf.Tensor:
    """Return dlogits = dcost (p - onehot(labels)) / N.

    Args:
        dcost: a scalar; 1 at the start of the backward pass.
        cache: from `forward`.

    Returns:
        dlogits [N, K].

    Raises:
        ValueError: dcost is not one number.

    """
    p, labels = checks.cache_of("softmax_cross_entropy", cache, Cache)  # [N, K], [N]
    dcost = checked_dcost(dcost, p)
    onehot = tf.one_hot(labels, tf.shape(p)[1], dtype=p.dtype)
    count = tf.cast(tf.shape(p)[0], p.dtype)
    return dcost * (p - onehot) / count  # (24)  [N, K]


def cost_per_image(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return -log p[n, labels[n]] for every image, in nats; `forward` returns their mean.

    Args:
        logits: [N, K].
        labels: integers [N], in 0 .. K - 1.

    Returns:
        The costs [N].

    Raises:
        ValueError: as `forward`, but for an empty batch.

    """
    logits, labels = _checked(logits, labels)
    return _at_labels(-log_probabilities(logits), labels)


def log_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """Take log softmax without overflow: logits - log sum exp(logits).

    Args:
        logits: [N, K].

    Returns:
        log p [N, K], in nats.

    Raises:
        ValueError: the logits are not [N, K].

    """
    logits = _checked_logits(logits)
    return logits - tf.reduce_logsumexp(logits, axis=1, keepdims=True)


def _at_labels(values: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Take the value of each row at its label: [N, K] and [N] -> [N]."""
    return tf.gather(values, labels, axis=1, batch_dims=1)


def checked_dcost(dcost: tf.Tensor | float, p: tf.Tensor) -> tf.Tensor:
    """Return dcost as a scalar tensor of the dtype of p."""
    dcost = checks.as_tensor("dcost", dcost, [p.dtype])
    checks.shape_of("dcost", dcost, [], "one number")
    return dcost


def _checked(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    logits = _checked_logits(logits)
    labels = checks.as_tensor("labels", labels, _INTEGERS)
    checks.shape_of("labels", labels, [logits.shape[0]], "one integer per row of the logits")
    labels = tf.cast(labels, tf.int64)
    known, classes = tf.get_static_value(labels), logits.shape[1]
    if known is not None and known.size and classes is not None:  # else TensorFlow looks
        low, high = known.min(), known.max()
        if low < 0 or high >= classes:
            raise ValueError(f"labels are {low} to {high}, must be 0 to {classes - 1}")
    return logits, labels


def _checked_logits(logits: tf.Tensor) -> tf.Tensor:
    logits = checks.as_tensor("logits", logits, checks.FULL)
    checks.shape_of("logits", logits, [None, None], "[N, K]")
    if logits.shape[1] == 0:
        raise ValueError(f"logits has shape {checks.show(logits.shape)}, must have a class")
    return logits
