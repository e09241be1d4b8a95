"""One compiled training step and one compiled evaluation."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.data.batches import test_batches
from bnstudy.data.dataset import IMAGE_SHAPE
from bnstudy.manual import softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.model.gradients import GRADIENTS
from bnstudy.runner.optimizers import Optimizer

EVALUATION_BATCH = 100  # needs no more memory than training; larger ones are no faster


class MetricSums(NamedTuple):
    """Running sums over the images of an epoch."""

    cost: tf.Tensor  # float64, nats
    correct: tf.Tensor  # int64, images classified correctly


BATCH = (tf.TensorSpec([None, *IMAGE_SHAPE], tf.float32), tf.TensorSpec([None], tf.int64))
_UINT8 = tf.TensorSpec([None, *IMAGE_SHAPE], tf.uint8)
RATE = tf.TensorSpec([], tf.float64)
STEP = tf.TensorSpec([], tf.int64)
SUMS = MetricSums(tf.TensorSpec([], tf.float64), tf.TensorSpec([], tf.int64))


def make_train_step(model: Model, optimizer: Optimizer, gradients: str, steps: int = 0) -> Callable:
    """Compile one training step.

    The sums go in and out as tensors, so that no step has to wait until they can be read.

    Args:
        model: the network.
        optimizer: of its parameters.
        gradients: a key of `model.gradients.GRADIENTS`.
        steps: of the whole run; 0: unknown.

    Returns:
        train_step(images, labels, learning_rate, step, sums) -> sums: the `MetricSums` with this
        batch added, from before its update.

    """

    @tf.function(input_signature=[*BATCH, RATE, STEP, SUMS], autograph=False)
    def train_step(images, labels, learning_rate, step, sums):
        cost, logits, dparameters = GRADIENTS[gradients](model, images, labels, step, steps)
        optimizer.apply(dparameters, learning_rate)
        count = tf.cast(tf.shape(labels)[0], tf.float64)
        return accumulate(sums, tf.cast(cost, tf.float64) * count, logits, labels)

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

    @tf.function(input_signature=[_UINT8, BATCH[1], SUMS], autograph=False)
    def evaluate_batch(images, labels, sums):
        logits, _ = model.forward(standardize(tf.cast(images, tf.float32)), training=False)
        costs = softmax_cross_entropy.cost_per_image(logits, labels)
        return accumulate(sums, tf.reduce_sum(tf.cast(costs, tf.float64)), logits, labels)

    def evaluate(
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int = EVALUATION_BATCH,
        after_batch: Callable[[], None] = lambda: None,
    ) -> tuple[float, float]:
        sums = make_sums()
        for batch in test_batches(images, labels, batch_size):
            sums = evaluate_batch(*batch, sums)
            after_batch()
        return float(sums.cost) / len(labels), int(sums.correct) / len(labels)

    return evaluate


def make_sums(cost: float = 0.0, correct: int = 0) -> MetricSums:
    """Create the running sums as tensors."""
    return MetricSums(tf.constant(cost, tf.float64), tf.constant(correct, tf.int64))


def accumulate(
    sums: MetricSums, cost: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor
) -> MetricSums:
    """Add the summed cost of a batch, and the number of images that it classifies correctly."""
    right = tf.argmax(logits, axis=1) == labels
    return MetricSums(sums.cost + cost, sums.correct + tf.reduce_sum(tf.cast(right, tf.int64)))
