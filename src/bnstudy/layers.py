"""Layers: the parameters, and the bookkeeping around the mathematics of `manual/`.

A layer has `parameters` (what the optimizer changes), `statistics` (what it remembers besides),
`forward(x, training) -> (y, cache)` and `backward(dy, cache) -> (dx, [dparameter, ...])`.
Both kinds of gradient run the same `forward`; automatic differentiation ignores the caches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import keras
import tensorflow as tf

from bnstudy import xla
from bnstudy.bfloat16 import for_convolution
from bnstudy.manual import batch_norm, conv2d, elu, network, pooling


class Layer:
    """A layer without parameters; the others override what they have."""

    def __init__(self, name: str):
        self.name = name
        self.parameters: dict[str, tf.Variable] = {}
        self.statistics: dict[str, tf.Variable] = {}


class Conv2D(Layer):
    """Convolution with stride 1 and SAME padding, without bias; weights start as given."""

    def __init__(self, name: str, weights: Any, dtype: tf.DType):
        super().__init__(name)
        self.w = tf.Variable(weights, dtype=dtype, name="w")
        self.parameters = {"w": self.w}

    def forward(self, x, training):  # noqa: ARG002
        """Convolve; under bfloat16 with a bfloat16 copy of the weights."""
        w = tf.cast(self.w.value(), x.dtype)  # the value: the variable may change before `backward`
        y, cache = conv2d.forward(for_convolution(x), for_convolution(w))
        return tf.cast(y, x.dtype), cache._replace(x=x, w=w)  # keep no float32 copies

    def backward(self, dy, cache):
        """Return dx and [dw]."""
        cache = cache._replace(x=for_convolution(cache.x), w=for_convolution(cache.w))
        dx, dw = conv2d.backward(for_convolution(dy), cache)
        return tf.cast(dx, dy.dtype), [tf.cast(tf.cast(dw, dy.dtype), self.w.dtype)]


class ELU(Layer):
    """Exponential linear unit."""

    def forward(self, x, training):  # noqa: ARG002
        """Bend what is negative."""
        return elu.forward(x)

    def backward(self, dy, cache):
        """Return dx; there is no parameter."""
        return elu.backward(dy, cache), []


class AveragePool(Layer):
    """Average pooling in blocks of 2 x 2."""

    def forward(self, x, training):  # noqa: ARG002
        """Average each block."""
        return pooling.average_forward(x, 2)

    def backward(self, dy, cache):
        """Return dx; there is no parameter."""
        return pooling.average_backward(dy, cache), []


class GlobalAveragePool(Layer):
    """Average of each channel over the image: the logits, always in the dtype of the parameters."""

    def __init__(self, name: str, dtype: tf.DType):
        super().__init__(name)
        self.dtype = dtype

    def forward(self, x, training):  # noqa: ARG002
        """Average in full precision."""
        y, shape = pooling.global_average_forward(tf.cast(x, self.dtype))
        return y, (shape, x.dtype)

    def backward(self, dy, cache):
        """Return dx in the precision of x; there is no parameter."""
        shape, dtype = cache
        return tf.cast(pooling.global_average_backward(dy, shape), dtype), []


class BatchNorm(Layer):
    """Our own batch norm: learned scale and offset, moving averages, optional bias correction.

    Args:
        name: of the layer.
        shape: of one image [H, W, C] where it stands.
        axes: over which the statistics are taken, (0, 1, 2) or (0,).
        options: the group `bn` of the configuration.
        dtype: of the parameters and of all that is computed here.

    """

    def __init__(self, name: str, shape: Sequence[int], axes: Sequence[int], options, dtype):
        super().__init__(name)
        self.axes, self.options = tuple(axes), options
        group = [size for axis, size in enumerate(shape, start=1) if axis not in self.axes]

        def variable(value, name, dtype=dtype, shape=group):
            return tf.Variable(tf.constant(value, dtype, shape), name=name)

        self.gamma, self.beta = variable(1, "gamma"), variable(0, "beta")
        if options.scale:
            self.parameters["gamma"] = self.gamma
        if options.center:
            self.parameters["beta"] = self.beta
        self.moving_mean = variable(0, "moving_mean")
        self.moving_variance = variable(options.moving_variance_init, "moving_variance")
        self.updates = variable(0, "updates", tf.int64, [])
        self.statistics = {
            "moving_mean": self.moving_mean,
            "moving_variance": self.moving_variance,
            "updates": self.updates,
        }

    def forward(self, x, training):
        """Normalize with the batch's statistics (and remember them), or with the moving ones.

        `training` is a Python bool, or a scalar bool tensor that chooses when the graph runs.
        """
        y, cache = _choose(training, lambda: self._train(x), lambda: self._infer(x))
        return y, (training, cache)

    def backward(self, dy, cache):
        """Return dx and the gradients of those of gamma and beta that are learned."""
        training, cache = cache
        dx, dgamma, dbeta = _choose(
            training,
            lambda: batch_norm.backward(dy, cache),
            lambda: batch_norm.inference_backward(dy, cache),
        )
        return dx, _learned(self.parameters, dgamma, dbeta)

    def _train(self, x):
        y, cache = batch_norm.forward(x, self.gamma, self.beta, self.axes, self.options.epsilon)
        momentum = self.options.momentum
        for moving, batch in (
            (self.moving_mean, cache.mean),
            (self.moving_variance, cache.variance),
        ):
            moving.assign(batch_norm.update_moving(moving, tf.stop_gradient(batch), momentum))
        self.updates.assign_add(1)
        return y, cache

    def _infer(self, x):
        mean, variance = self.moving_mean.value(), self.moving_variance.value()
        if self.options.debias:
            momentum, init = self.options.momentum, self.options.moving_variance_init
            mean = batch_norm.debias(mean, 0.0, momentum, self.updates)
            variance = batch_norm.debias(variance, init, momentum, self.updates)
            variance = tf.maximum(variance, 0)  # rounding can leave a constant channel below zero
        return batch_norm.inference_forward(
            x, self.gamma, self.beta, mean, variance, self.axes, self.options.epsilon
        )


class KerasBatchNorm(Layer):
    """The framework's batch norm; its backward pass by hand is that of `manual/batch_norm.py`.

    Keras normalizes the last axis only. Statistics per activation come from flattening the image
    first, so that every pixel and channel is a feature of its own.

    Args: as for `BatchNorm`.
    """

    def __init__(self, name: str, shape: Sequence[int], axes: Sequence[int], options, dtype):
        super().__init__(name)
        self.shape = list(shape) if len(axes) == 3 else [math.prod(shape)]
        self.axes, self.options = tuple(range(len(self.shape))), options
        self.layer = keras.layers.BatchNormalization(
            momentum=options.momentum,
            epsilon=options.epsilon,
            scale=options.scale,
            center=options.center,
            moving_variance_initializer=keras.initializers.Constant(options.moving_variance_init),
            dtype=dtype.name,
        )
        self.layer.build([None, *self.shape])
        self.parameters = {v.name: v.value for v in self.layer.trainable_variables}
        self.statistics = {v.name: v.value for v in self.layer.non_trainable_variables}

    def forward(self, x, training):
        """Run the framework's layer, with `training` a Python bool or a scalar bool tensor."""
        features = tf.reshape(x, [-1, *self.shape])
        mean, variance = (self.statistics[f"moving_{s}"].value() for s in ("mean", "variance"))
        gamma = tf.convert_to_tensor(self.parameters.get("gamma", tf.ones_like(mean)))
        y = _choose(
            training,
            lambda: self.layer(features, training=True),
            lambda: self.layer(features, training=False),
        )
        y = tf.cast(tf.reshape(y, tf.shape(x)), x.dtype)
        return y, (training, features, mean, variance, gamma)

    def backward(self, dy, cache):
        """Return dx and the gradients of those of gamma and beta that are learned.

        The framework hands out no cache, so the statistics are computed once more.
        """
        training, x, mean, variance, gamma = cache
        beta = tf.zeros_like(mean)
        flat_dy = tf.reshape(dy, tf.shape(x))

        def train():
            _, cache = batch_norm.forward(x, gamma, beta, self.axes, self.options.epsilon)
            return batch_norm.backward(flat_dy, cache)

        def infer():
            _, cache = batch_norm.inference_forward(
                x, gamma, beta, mean, variance, self.axes, self.options.epsilon
            )
            return batch_norm.inference_backward(flat_dy, cache)

        dx, dgamma, dbeta = _choose(training, train, infer)
        return tf.reshape(dx, tf.shape(dy)), _learned(self.parameters, dgamma, dbeta)


class Fused(Layer):
    """Layers that stand between two convolutions, compiled as one.

    Args:
        layers: in the order of the forward pass, none of which is a convolution.

    """

    def __init__(self, layers: Sequence[Layer]):
        super().__init__("+".join(layer.name for layer in layers))
        self.layers = list(layers)

    def forward(self, x, training):
        """Run the layers in order; TensorFlow's ELU, one fast pass in float32, stays outside."""
        head = int(isinstance(self.layers[0], ELU) and x.dtype == tf.float32)
        x, first = network.forward(self.layers[:head], x, training)
        if self.layers[head:]:
            x, rest = xla.compiled(lambda: network.forward(self.layers[head:], x, training))
            first = first + rest
        return x, first

    def backward(self, dy, cache):
        """Run the layers in reverse; return dx and the gradients of their parameters."""
        return xla.compiled(lambda: network.backward(self.layers, dy, cache))


# Not GlobalAveragePool, small and last, nor KerasBatchNorm, which is as fast as the framework is.
_FUSIBLE = (ELU, AveragePool, BatchNorm)


def fuse(layers: Sequence[Layer]) -> list[Layer]:
    """Join neighbours that are neither convolutions nor the framework's own kernels."""
    result: list[Layer] = []
    for fusible, group in groupby(layers, lambda layer: isinstance(layer, _FUSIBLE)):
        neighbours = list(group)
        result += [Fused(neighbours)] if fusible else neighbours
    return result


def _learned(parameters, dgamma, dbeta):
    gradients = {"gamma": dgamma, "beta": dbeta}
    return [gradients[name] for name in parameters]


def _choose(training: bool | tf.Tensor, train: Callable, infer: Callable):
    """Take one of two branches, now or when the graph runs."""
    if isinstance(training, bool):
        return train() if training else infer()
    return tf.cond(training, train, infer)
