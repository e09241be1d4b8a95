"""What is wrong with a batch norm by itself, or with its place in the network."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from bnstudy.doctor import limits
from bnstudy.doctor.distances import distance
from bnstudy.doctor.measure import Layer, Measured
from bnstudy.doctor.rule import Sign


def signs(measured: Measured) -> Iterator[Sign]:
    """Yield what is wrong with the layers."""
    for layer in measured.layers:
        for rule in (
            _noise,
            _thawed,
            _overridden,
            _wrong_axis,
            _epsilon,
            _constant,
            _dead_gamma,
            _bias,
        ):
            yield from rule(layer)


def _noise(layer: Layer) -> Iterator[Sign]:
    if layer.noisy is None or layer.place.frozen or not layer.finite:
        return
    growth = distance(layer.noisy, layer.data, layer.epsilon).scale
    if growth >= limits.WORTH_A_LOOK:
        said = f"{layer.place.noise} multiplies the sd in training by {2**growth:.2f}"
        yield Sign("dropout", layer.name, growth, said, growth < limits.FAR)


def _thawed(layer: Layer) -> Iterator[Sign]:
    before = layer.place.before
    if before is not None and before.weights and not before.trainable and not layer.place.frozen:
        yield Sign("thawed", layer.name, layer.distance.larger, f"{before.name} is frozen", True)


def _overridden(layer: Layer) -> Iterator[Sign]:
    if layer.place.written_false and not layer.place.frozen:
        yield Sign("overridden", layer.name, layer.distance.larger, "it is trainable", True)


def _wrong_axis(layer: Layer) -> Iterator[Sign]:
    before, norm = layer.place.before, layer.place.layer
    format_ = getattr(before, "data_format", None)
    if format_ is None or not hasattr(before, "kernel_size") or layer.place.rank < 3:
        return
    right, axis = (-1 if format_ == "channels_last" else 1) % layer.place.rank, norm.axis
    if axis % layer.place.rank != right:
        said = f"axis={axis} after {before.name}, which is {format_}"
        yield Sign("wrong_axis", layer.name, 1.0, said)


def _epsilon(layer: Layer) -> Iterator[Sign]:
    small = (layer.data[1] < layer.epsilon) & ~is_constant(layer)
    if small.mean() >= limits.HALF:
        said = (
            f"{small.sum()} of {small.size} channels; the median variance is "
            f"{np.median(layer.data[1]):.1e}, epsilon {layer.epsilon:.0e}"
        )
        yield Sign("epsilon", layer.name, float(small.mean()), said)


def is_constant(layer: Layer) -> np.ndarray:
    """Return which channels have one value for all images."""
    mean, variance = layer.data
    return np.asarray(np.sqrt(variance) <= limits.ROUNDING * np.abs(mean))


def _constant(layer: Layer) -> Iterator[Sign]:
    constant = is_constant(layer)
    if constant.any():
        said = f"{constant.sum()} of {constant.size} channels"
        share = float(constant.mean())
        yield Sign("constant", layer.name, share, said, share < limits.HALF)


def _dead_gamma(layer: Layer) -> Iterator[Sign]:
    if not layer.place.layer.scale:
        return
    gamma = np.abs(keras.ops.convert_to_numpy(layer.place.layer.gamma))
    dead = gamma < limits.DEAD_GAMMA
    if dead.any():
        said = f"{dead.sum()} of {dead.size} channels below {limits.DEAD_GAMMA:g}"
        share = float(dead.mean())
        yield Sign("dead_gamma", layer.name, share, said, share < limits.HALF)


def _bias(layer: Layer) -> Iterator[Sign]:
    before = layer.place.before
    if layer.place.frozen or not _adds_a_bias(before):
        return
    bias = keras.ops.convert_to_numpy(before.bias)
    said = f"{bias.size} of {before.name}, at most {np.abs(bias).max():.2g}"
    yield Sign("bias", layer.name, float(bias.size), said, True)


def _adds_a_bias(layer: Any) -> bool:
    """Return whether a layer's last step adds a bias."""
    linear = getattr(layer, "activation", None) in (None, keras.activations.linear)
    return getattr(layer, "bias", None) is not None and linear
