"""A network is a list of layers; its backward pass is one loop over them, reversed: equation (25).

A layer is any object with `forward(x, context) -> (y, cache)` and
`backward(dy, cache) -> (dx, [dparameter, ...])`. The context, with what layers need besides x, is
passed on unchanged.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf


def forward(layers: Sequence[Any], x: tf.Tensor, context: Any) -> tuple[tf.Tensor, list]:
    """Run the layers in order.

    Args:
        layers: the network.
        x: images [N, H, W, C].
        context: for every layer; whether batch norm uses the statistics of this batch, for example.

    Returns:
        The output of the last layer, and one cache per element of `layers`.

    """
    caches = []
    for layer in layers:
        x, cache = layer.forward(x, context)
        caches.append(cache)
    return x, caches


def walk_back(
    layers: Sequence[Any], dy: tf.Tensor, caches: list
) -> Iterator[tuple[tf.Tensor, list[tf.Tensor]]]:
    """Yield the gradients of each layer, from the last to the first.

    Args:
        layers: the network.
        dy: the derivative of the cost with respect to the network's output.
        caches: from `forward`.

    Yields:
        dx of the layer, and the derivatives with respect to its parameters.

    Raises:
        ValueError: the number of caches is not the number of layers.

    """
    if len(caches) != len(layers):
        raise ValueError(f"there are {len(caches)} caches for {len(layers)} layers")
    for layer, cache in zip(reversed(layers), reversed(caches), strict=True):
        dy, dlayer = layer.backward(dy, cache)  # (25)
        yield dy, dlayer


def backward(
    layers: Sequence[Any], dy: tf.Tensor, caches: list
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Run the layers in reverse: the dx of each is the dy of the one before it.

    Args:
        layers: the network.
        dy: the derivative of the cost with respect to the network's output.
        caches: from `forward`.

    Returns:
        The derivative with respect to the network's input, and those with respect to all
        parameters, in the order of the layers.

    Raises:
        ValueError: the number of caches is not the number of layers.

    """
    dparameters: list[tf.Tensor] = []
    for dx, dlayer in walk_back(layers, dy, caches):
        dy, dparameters = dx, dlayer + dparameters
    return dy, dparameters
