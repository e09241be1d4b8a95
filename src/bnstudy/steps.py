"""One training step and one evaluation: forward, gradients by either road, update."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.manual import softmax_cross_entropy
from bnstudy.model import IMAGE_SHAPE, Model
from bnstudy.optimizers import Optimizer

EVALUATION_BATCH = 100  # needs no more memory than training; larger ones are no faster


class Sums(NamedTuple):
    """Running sums over the images of an epoch."""

    cost: tf.Tensor  # float64, nats
    correct: tf.Tensor  # int64, images classified correctly


_BATCH = (tf.TensorSpec([None, *IMAGE_SHAPE], tf.float32), tf.TensorSpec([None], tf.int64))
_UINT8 = tf.TensorSpec([None, *IMAGE_SHAPE], tf.uint8)
_RATE = tf.TensorSpec([], tf.float64)
_SUMS = Sums(tf.TensorSpec([], tf.float64), tf.TensorSpec([], tf.int64))


def autodiff_gradients(
    model: Model, images: tf.Tensor, labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Run forward in training mode and differentiate automatically.

    Args:
        model: the network.
        images: [N, 32, 32, 3].
        labels: integers [N].

    Returns:
        The cost (mean cross-entropy in nats), the logits [N, 10], and the gradient of the cost with
        respect to each of `model.parameters`.

    """
    with tf.GradientTape() as tape:
        logits, _ = model.forward(images, training=True)
        cost, _ = softmax_cross_entropy.forward(logits, labels)
    return cost, logits, tape.gradient(cost, list(model.parameters.values()))


def manual_gradients(
    model: Model, images: tf.Tensor, labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Run forward in training mode and backward by hand; as `autodiff_gradients` otherwise."""
    logits, caches = model.forward(images, training=True)
    cost, cache = softmax_cross_entropy.forward(logits, labels)
    dlogits = softmax_cross_entropy.backward(1.0, cache)
    return cost, logits, model.backward(dlogits, caches)


GRADIENTS = {"autodiff": autodiff_gradients, "manual": manual_gradients}


def make_train_step(model: Model, optimizer: Optimizer, gradients: str) -> Callable:
    """Compile one training step.

    The sums go in and out as tensors, so that nobody has to wait for a device to know them.

    Args:
        model: the network.
        optimizer: of its parameters.
        gradients: "autodiff" or "manual".

    Returns:
        train_step(images, labels, learning_rate, sums) -> sums: the `Sums` with this batch added,
        from before its update.

    """

    @tf.function(input_signature=[*_BATCH, _RATE, _SUMS], autograph=False)
    def train_step(images, labels, learning_rate, sums):
        cost, logits, dparameters = GRADIENTS[gradients](model, images, labels)
        optimizer.apply(dparameters, learning_rate)
        count = tf.cast(tf.shape(labels)[0], tf.float64)
        return add(sums, tf.cast(cost, tf.float64) * count, logits, labels)

    return train_step


def make_evaluate(model: Model, standardize: Callable) -> Callable:
    """Compile the evaluation in inference mode.

    Args:
        model: the network.
        standardize: function of float images in 0 .. 255.

    Returns:
        evaluate(images, labels, batch_size, after_batch) -> (cost, accuracy): exact means over all
        images, which are uint8 [N, 32, 32, 3], whatever the batch size. `after_batch` is called
        after every batch, and may raise to stop.

    """

    @tf.function(input_signature=[_UINT8, _BATCH[1], _SUMS], autograph=False)
    def evaluate_batch(images, labels, sums):
        logits, _ = model.forward(standardize(tf.cast(images, tf.float32)), training=False)
        log_p = softmax_cross_entropy.log_probabilities(logits)
        costs = -tf.gather(log_p, labels, axis=1, batch_dims=1)
        return add(sums, tf.reduce_sum(tf.cast(costs, tf.float64)), logits, labels)

    def evaluate(
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int = EVALUATION_BATCH,
        after_batch: Callable[[], None] = lambda: None,
    ) -> tuple[float, float]:
        sums = start_sums()
        for start in range(0, len(labels), batch_size):
            part = slice(start, start + batch_size)
            sums = evaluate_batch(images[part], labels[part], sums)
            after_batch()
        return float(sums.cost) / len(labels), int(sums.correct) / len(labels)

    return evaluate


def start_sums(cost: float = 0.0, correct: int = 0) -> Sums:
    """Put sums where the steps are computed."""
    return Sums(tf.constant(cost, tf.float64), tf.constant(correct, tf.int64))


def add(sums: Sums, cost: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> Sums:
    """Add the summed cost of a batch, and how many images have their largest logit at the label."""
    right = tf.argmax(logits, axis=1) == labels
    return Sums(sums.cost + cost, sums.correct + tf.reduce_sum(tf.cast(right, tf.int64)))
