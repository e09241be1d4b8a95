"""Batch norm over several devices as a layer: the statistics are those of the whole batch."""

from bnstudy.backend.devices import all_reduce
from bnstudy.manual import batch_norm
from bnstudy.model.batch_norm import BatchNorm


class SynchronizedBatchNorm(BatchNorm):
    """Our own batch norm, its sums added up over the replicas of a step.

    It is not compiled together with its neighbours: XLA compiles no sums over devices. The
    constructor is that of `BatchNorm`.
    """

    def _forward_training(self, x, context):
        gamma, beta, axes = self._parameters_for(x)
        y, cache = batch_norm.forward(x, gamma, beta, axes, self.config.epsilon, all_reduce)
        self._move_averages(cache)
        return y, cache

    def _backward_training(self, dy, cache):
        return batch_norm.backward(dy, cache, all_reduce)
