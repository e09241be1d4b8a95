"""One run on several devices: a network and an optimizer on each, and the step that they share.

Every device holds plain variables, which stay equal because each takes the same step from the same
gradients. `tf.distribute` runs the replicas and adds up their sums; the numbers are those of the
equations in docs/devices.md.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.backend.devices import all_reduce, part_of, strategy
from bnstudy.config.schema import Config
from bnstudy.model.all_cnn import Model
from bnstudy.model.gradients import GRADIENTS
from bnstudy.runner.optimizers import Optimizer
from bnstudy.runner.steps import BATCH, RATE, STEP, SUMS, MetricSums


class Replica(NamedTuple):
    """What one device has."""

    model: Model
    optimizer: Optimizer

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Every variable by its name in the checkpoint."""
        return {**self.model.parameters, **self.model.statistics, **self.optimizer.state}


def make_replicas(
    config: Config, dtype: tf.DType, compute_dtype: tf.DType, devices: Sequence[str]
) -> list[Replica]:
    """Make the same network, and its optimizer, on every device.

    Args:
        config: of the run.
        dtype: of the parameters.
        compute_dtype: of the activations.
        devices: names such as "GPU:1".

    """

    def make(device: str) -> Replica:
        with tf.device(device):
            model = Model(config, dtype, compute_dtype)
            return Replica(model, Optimizer(config.optimizer, model.parameters))

    return [make(device) for device in devices]


def copy_to_all(replicas: Sequence[Replica]) -> None:
    """Give all replicas the values of the first."""
    first, *others = replicas
    for other in others:
        for name, variable in other.variables.items():
            variable.assign(first.variables[name])


def make_replicated_step(
    replicas: Sequence[Replica], devices: Sequence[str], config: Config, steps: int = 0
) -> Callable:
    """Compile one training step on several devices; otherwise like `steps.make_train_step`.

    Args:
        replicas: one for each device of this process.
        devices: their names.
        config: of the run.
        steps: of the whole run; 0: unknown.

    """
    together = strategy(*devices)

    def on_replica(images, labels, learning_rate, step):
        context = tf.distribute.get_replica_context()
        number = tf.get_static_value(context.replica_id_in_sync_group)
        count, own = context.num_replicas_in_sync, replicas[number % len(replicas)]
        images, labels = (part_of(x, number, count, config.data.copies) for x in (images, labels))
        return _step(own, config, images, labels, learning_rate, (step, steps))

    @tf.function(input_signature=[*BATCH, RATE, STEP, SUMS], autograph=False)
    def train_step(images, labels, learning_rate, step, sums):
        results = together.run(on_replica, args=(images, labels, learning_rate, step))
        cost, correct = (together.experimental_local_results(sum)[0] for sum in results)
        return MetricSums(sums.cost + cost, sums.correct + tf.cast(correct, tf.int64))

    return train_step


def _step(replica, config: Config, images, labels, learning_rate, steps):
    """Take the step of one replica; return the cost and the right answers of the whole batch."""
    model, optimizer = replica
    own = tf.cast(tf.shape(labels)[0], tf.float64)
    (whole,) = all_reduce(own)
    gradients = config.training.gradients
    # The author's derivative of the cost is not divided by the number of images.
    dcost = None if gradients == "as_posted" else tf.cast(own / whole, model.dtype)  # (58)
    cost, logits, dparameters = GRADIENTS[gradients](model, images, labels, *steps, dcost)
    dparameters = list(all_reduce(*dparameters))  # (59)
    optimizer.apply(dparameters, learning_rate)
    if not config.synchronizes():
        _average(model.statistics)
    right = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.float64))
    # Of no images, the cost is not a number, and its sum 0.
    return all_reduce(tf.math.multiply_no_nan(tf.cast(cost, tf.float64), own), right)  # (57)


def _average(statistics: dict[str, tf.Variable]) -> None:
    """Give all replicas the means of their moving averages, which are those of their statistics."""
    moving = [variable for variable in statistics.values() if variable.dtype.is_floating]
    if not moving:
        return
    count = tf.distribute.get_replica_context().num_replicas_in_sync
    for variable, total in zip(moving, all_reduce(*(v.value() for v in moving)), strict=True):
        variable.assign(total / count)  # (60)
