"""Batch renormalization as a layer: our own batch norm, corrected towards averages in training."""

from collections.abc import Sequence

import tensorflow as tf

from bnstudy.config.schema import BatchNormConfig
from bnstudy.manual import batch_norm, renorm
from bnstudy.model.batch_norm import BatchNorm


class BatchRenorm(BatchNorm):
    """Batch renormalization, with the averages of `tf.layers.batch_normalization`.

    The moving mean, variance and standard deviation are for inference. The averages for training,
    `renorm_mean` and `renorm_stddev`, have a momentum of their own.

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
        super().__init__(name, shape, axes, config, dtype)
        self._initial = config.moving_variance_init**0.5
        for statistic, value in {
            "moving_stddev": self._initial,
            "renorm_mean": 0,
            "renorm_stddev": self._initial,
        }.items():
            start = tf.constant(value, dtype, self.moving_mean.shape)
            self.statistics[statistic] = tf.Variable(start, name=statistic)

    def _forward_training(self, x, context):
        config, averages = self.config, self.statistics
        limits = config.renorm_clipping
        y, cache = renorm.forward(
            x,
            self.gamma,
            self.beta,
            averages["renorm_mean"].value(),
            averages["renorm_stddev"].value(),
            self.axes,
            config.epsilon,
            *renorm.limits(context.step, context.steps, limits.rmax, limits.dmax),
        )
        self._average(averages["renorm_mean"], cache.norm.mean, config.renorm_momentum)  # (46)
        self._average(averages["renorm_stddev"], cache.stddev, config.renorm_momentum)  # (46)
        self._average(self.moving_mean, cache.norm.mean, config.momentum)
        self._average(averages["moving_stddev"], cache.stddev, config.momentum)  # (47)
        variance = renorm.variance_of(averages["moving_stddev"].value(), config.epsilon)
        self.moving_variance.assign(variance)
        self.updates.assign_add(1)
        return y, cache

    def _backward_training(self, dy, cache):
        return renorm.backward(dy, cache)

    def _forward_inference(self, x):
        """Normalize with the moving averages; the cache is like that of training, for `tf.cond`."""
        y, norm = super()._forward_inference(x)
        ones = tf.ones_like(norm.mean)
        return y, renorm.Cache(norm, 1 / norm.r, r=ones, d=0 * ones)

    def _inference_statistics(self):
        """Return the moving mean and variance; the standard deviation is what is corrected."""
        if not self.config.debias:
            return self.moving_mean.value(), self.moving_variance.value()
        momentum, stddev = self.config.momentum, self.statistics["moving_stddev"].value()
        mean = batch_norm.debias(self.moving_mean.value(), 0.0, momentum, self.updates)
        stddev = batch_norm.debias(stddev, self._initial, momentum, self.updates)
        return mean, renorm.variance_of(stddev, self.config.epsilon)

    def _backward_inference(self, dy, cache):
        return super()._backward_inference(dy, cache.norm)
