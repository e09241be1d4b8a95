"""Batch norm as a layer: our own, and the framework's.

A kind of batch norm is a class with the constructor of `BatchNorm`, and a row of
config/registry.py.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from bnstudy.backend.devices import all_reduce
from bnstudy.config.schema import BatchNormConfig
from bnstudy.manual import batch_norm
from bnstudy.manual.sums import of_one_device
from bnstudy.model.layers import Layer


class BatchNorm(Layer):
    """Our own batch norm: learned scale and offset, moving averages, optional bias correction.

    With `virtual_batch_size`, every ghost batch has statistics of its own.

    Args:
        name: of the layer.
        shape: of one image [H, W, C] at this point of the network.
        axes: over which the statistics are taken, (0, 1, 2) or (0,).
        config: the group `bn` of the configuration.
        dtype: of the parameters and of all that is computed here.

    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        axes: Sequence[int],
        config: BatchNormConfig,
        dtype: tf.DType,
    ):
        super().__init__(name)
        self.axes, self.config = tuple(axes), config
        group = [size for axis, size in enumerate(shape, start=1) if axis not in self.axes]

        def variable(value, name, dtype=dtype, shape=group):
            return tf.Variable(tf.constant(value, dtype, shape), name=name)

        self.gamma, self.beta = variable(1, "gamma"), variable(0, "beta")
        if config.scale:
            self.parameters["gamma"] = self.gamma
        if config.center:
            self.parameters["beta"] = self.beta
        self.moving_mean = variable(0, "moving_mean")
        self.moving_variance = variable(config.moving_variance_init, "moving_variance")
        self.updates = variable(0, "updates", tf.int64, [])
        self.statistics = {
            "moving_mean": self.moving_mean,
            "moving_variance": self.moving_variance,
            "updates": self.updates,
        }

    def forward(self, x, context):
        """Normalize with the batch's statistics and average them, or with the moving averages."""
        ghosts = self._ghosts(context.training)
        x = batch_norm.split_images(x, ghosts) if ghosts else x
        y, cache = if_training(
            context.training,
            lambda: self._forward_training(x, context),
            lambda: self._forward_inference(x),
        )
        y = batch_norm.join_images(y) if ghosts else y
        return y, (context.training, cache)

    def backward(self, dy, cache):
        """Return dx and the gradients of gamma and beta, where they are learned."""
        training, norm_cache = cache
        ghosts = self._ghosts(training)
        dy = batch_norm.split_images(dy, ghosts) if ghosts else dy
        dx, dgamma, dbeta = if_training(
            training,
            lambda: self._backward_training(dy, norm_cache),
            lambda: self._backward_inference(dy, norm_cache),
        )
        if ghosts:
            dx = batch_norm.join_images(dx)
            dgamma, dbeta = (tf.reshape(d, self.gamma.shape) for d in (dgamma, dbeta))
        return dx, _trainable_gradients(self.parameters, dgamma, dbeta)

    def _ghosts(self, training):
        """Return the size of the ghost batches, if there are any; inference has none.

        Where a tensor chooses, both branches have them, because XLA wants equal shapes.
        """
        return None if training is False else self.config.virtual_batch_size

    def _parameters_for(self, x):
        """Return gamma, beta and the axes of the statistics, so that they fit x, divided or not."""
        if x.shape.rank == 4:
            return self.gamma, self.beta, self.axes
        gamma, beta = map(_as_ghosts, (self.gamma, self.beta))
        return gamma, beta, tuple(axis + (axis > 0) for axis in self.axes)

    def _forward_training(self, x, context):
        gamma, beta, axes = self._parameters_for(x)
        y, cache = batch_norm.forward(x, gamma, beta, axes, self.config.epsilon)
        self._move_averages(cache)
        return y, cache

    def _move_averages(self, cache):
        self._average(self.moving_mean, cache.mean, self.config.momentum)
        self._average(self.moving_variance, cache.variance, self.config.momentum)
        self.updates.assign_add(1)

    def for_inference(self):
        """Return gamma, beta, mean and variance as inference uses them, [C] or [H, W, C]."""
        return self.gamma, self.beta, *self._inference_statistics()

    def _average(self, moving, batch, momentum):
        """Move an average towards the statistic of the batch, or the mean of its ghost batches."""
        if self.config.virtual_batch_size:
            batch = tf.reduce_mean(batch, axis=1)  # (38)
        batch = tf.reshape(batch, moving.shape)
        moving.assign(batch_norm.update_moving(moving, batch, momentum))

    def _backward_training(self, dy, cache):
        return batch_norm.backward(dy, cache)

    def _forward_inference(self, x):
        gamma, beta, axes = self._parameters_for(x)
        mean, variance = self._inference_statistics()
        if x.shape.rank > 4:
            shape = [1 if axis in axes else tf.shape(x)[axis] for axis in range(x.shape.rank)]
            mean, variance = (tf.broadcast_to(_as_ghosts(s), shape) for s in (mean, variance))
        return batch_norm.inference_forward(
            x, gamma, beta, mean, variance, axes, self.config.epsilon
        )

    def _inference_statistics(self):
        """Return the moving mean and variance, corrected for their initial values if configured."""
        mean, variance = self.moving_mean.value(), self.moving_variance.value()
        if self.config.debias:
            momentum, initial = self.config.momentum, self.config.moving_variance_init
            mean = batch_norm.debias(mean, 0.0, momentum, self.updates)
            variance = batch_norm.debias(variance, initial, momentum, self.updates)
            variance = tf.maximum(variance, 0)  # rounding can leave a constant channel below zero
        return mean, variance

    def _backward_inference(self, dy, cache):
        return batch_norm.inference_backward(dy, cache)


class KerasBatchNorm(Layer):
    """The framework's batch norm; its backward pass by hand is that of `manual/batch_norm.py`.

    Keras normalizes the last axis only. Statistics per activation come from flattening the image
    first, so that every pixel and channel is a feature of its own.

    Args:
        name: of the layer.
        shape: of one image [H, W, C] at this point of the network.
        axes: over which the statistics are taken, (0, 1, 2) or (0,).
        config: the group `bn` of the configuration.
        dtype: of the parameters and of all that is computed here.

    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        axes: Sequence[int],
        config: BatchNormConfig,
        dtype: tf.DType,
    ):
        super().__init__(name)
        self._group = [size for axis, size in enumerate(shape, start=1) if axis not in axes]
        self.shape = list(shape) if len(axes) == 3 else [math.prod(shape)]
        self.axes, self.config = tuple(range(len(self.shape))), config
        self.layer = keras.layers.BatchNormalization(
            momentum=config.momentum,
            epsilon=config.epsilon,
            scale=config.scale,
            center=config.center,
            synchronized=config.synchronized,
            moving_variance_initializer=keras.initializers.Constant(config.moving_variance_init),
            dtype=dtype.name,
        )
        self._reduce = all_reduce if config.synchronized else of_one_device
        self.layer.build([None, *self.shape])
        self.parameters = {v.name: v.value for v in self.layer.trainable_variables}
        self.statistics = {v.name: v.value for v in self.layer.non_trainable_variables}

    def forward(self, x, context):
        """Run the framework's layer."""
        training = context.training
        features = tf.reshape(x, [-1, *self.shape])
        mean, variance = (self.statistics[f"moving_{s}"].value() for s in ("mean", "variance"))
        gamma = tf.convert_to_tensor(self.parameters.get("gamma", tf.ones_like(mean)))
        y = if_training(
            training,
            lambda: self.layer(features, training=True),
            lambda: self.layer(features, training=False),
        )
        y = tf.cast(tf.reshape(y, tf.shape(x)), x.dtype)
        return y, (training, features, mean, variance, gamma)

    def backward(self, dy, cache):
        """Return dx and the gradients of gamma and beta, where they are learned.

        The framework returns no cache, so the statistics are computed again.
        """
        training, x, mean, variance, gamma = cache
        beta = tf.zeros_like(mean)
        flat_dy = tf.reshape(dy, tf.shape(x))

        def train():
            _, norm_cache = batch_norm.forward(
                x, gamma, beta, self.axes, self.config.epsilon, self._reduce
            )
            return batch_norm.backward(flat_dy, norm_cache, self._reduce)

        def infer():
            _, norm_cache = batch_norm.inference_forward(
                x, gamma, beta, mean, variance, self.axes, self.config.epsilon
            )
            return batch_norm.inference_backward(flat_dy, norm_cache)

        dx, dgamma, dbeta = if_training(training, train, infer)
        return tf.reshape(dx, tf.shape(dy)), _trainable_gradients(self.parameters, dgamma, dbeta)

    def for_inference(self):
        """Return gamma, beta, mean and variance as inference uses them, [C] or [H, W, C]."""
        mean, variance = (self.statistics[f"moving_{s}"].value() for s in ("mean", "variance"))
        gamma = self.parameters.get("gamma", tf.ones_like(mean))
        beta = self.parameters.get("beta", tf.zeros_like(mean))
        return tuple(tf.reshape(array, self._group) for array in (gamma, beta, mean, variance))


AXES = {"channel": (0, 1, 2), "activation": (0,)}  # bn.axes


def _trainable_gradients(parameters, dgamma, dbeta):
    gradients = {"gamma": dgamma, "beta": dbeta}
    return [gradients[name] for name in parameters]


def _as_ghosts(value: tf.Tensor) -> tf.Tensor:
    """Give a parameter or average [C] or [H, W, C] the axes of divided images, of length 1."""
    return tf.reshape(value, [1] * (5 - value.shape.rank) + value.shape.as_list())


def if_training(training: bool | tf.Tensor, train: Callable, infer: Callable) -> Any:
    """Take one of two branches, now or when the graph runs."""
    if isinstance(training, bool):
        return train() if training else infer()
    return tf.cond(training, train, infer)
