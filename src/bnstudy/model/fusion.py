"""Compile the layers between two convolutions as one, for speed alone."""

from collections.abc import Sequence
from itertools import groupby

import tensorflow as tf

from bnstudy.backend import xla
from bnstudy.manual import network
from bnstudy.model.batch_norm import BatchNorm
from bnstudy.model.layers import ELU, AveragePool, Layer
from bnstudy.model.synchronized import SynchronizedBatchNorm


class FusedLayers(Layer):
    """Layers between two convolutions, compiled as one.

    Args:
        layers: in the order of the forward pass, none of which is a convolution.

    """

    def __init__(self, layers: Sequence[Layer]):
        super().__init__("+".join(layer.name for layer in layers))
        self.layers = list(layers)

    def forward(self, x, context):
        """Run the layers in order; TensorFlow's ELU, one fast pass in float32, stays outside."""
        head = int(isinstance(self.layers[0], ELU) and x.dtype == tf.float32)
        x, caches = network.forward(self.layers[:head], x, context)
        if self.layers[head:]:
            x, rest = xla.compiled(lambda: network.forward(self.layers[head:], x, context))
            caches = caches + rest
        return x, caches

    def backward(self, dy, cache):
        """Run the layers in reverse; return dx and the gradients of their parameters."""
        return xla.compiled(lambda: network.backward(self.layers, dy, cache))


# Not GlobalAveragePool, small and last; nor KerasBatchNorm, which stays as the framework has it;
# nor SynchronizedBatchNorm: XLA compiles no sums over devices.
_FUSIBLE = (ELU, AveragePool, BatchNorm)


def fuse(layers: Sequence[Layer]) -> list[Layer]:
    """Join neighbours that are neither convolutions nor the framework's own kernels."""
    result: list[Layer] = []
    for fusible, group in groupby(layers, _is_fusible):
        neighbours = list(group)
        result += [FusedLayers(neighbours)] if fusible else neighbours
    return result


def _is_fusible(layer: Layer) -> bool:
    return isinstance(layer, _FUSIBLE) and not isinstance(layer, SynchronizedBatchNorm)
