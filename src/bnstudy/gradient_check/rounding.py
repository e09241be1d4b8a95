"""The rounding errors of the gradients in the precisions used for training, layer by layer.

An error is a norm, over that of the float64 gradient, in units of the precision's rounding: half
the distance from 1 to the next number.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.gradient_check import opinions
from bnstudy.gradient_check.mistakes import distance
from bnstudy.gradient_check.opinions import HEIGHT, WIDTH, Gradients, Setting
from bnstudy.model.all_cnn import Model
from bnstudy.model.layers import Layer

UNITS = {"float32": 2.0**-24, "bfloat16": 2.0**-8}
# A layer alone, in units. Measured: at most 12.2 (convolutions at full width, whose sums are long)
# and 0.66, in the networks and seeds that docs/gradient_check.md names.
LIMITS = {"float32": 16.0, "bfloat16": 1.0}
# More is not rounding but a mistake: this number of limits, of a layer alone or of parameters in
# a whole step, where errors add up (measured: at most 8.4 and 16.9 limits, in four
# networks of width 0.05).
WRONG_ALONE, WRONG_STEP = 4.0, 128.0


class Rounding(NamedTuple):
    """The rounding errors of one layer's gradients: the largest of its tensors."""

    layer: str
    alone: dict[str, float]  # by precision: the layer, given the same x and dy as in float64
    step: dict[str, float]  # its parameters in a whole compiled step; empty if it has none

    @property
    def usual(self) -> bool:
        """Whether the layer alone is below the limits."""
        return all(self.alone[precision] <= limit for precision, limit in LIMITS.items())

    def wrong_alone(self, precision: str) -> bool:
        """Whether the layer alone errs by more than rounding does."""
        return not self.alone[precision] <= WRONG_ALONE * LIMITS[precision]

    def wrong_in_step(self, precision: str) -> bool:
        """Whether its parameters in a whole step do."""
        return not self.step.get(precision, 0.0) <= WRONG_STEP * LIMITS[precision]

    @property
    def wrong(self) -> bool:
        """Whether a precision is wrong in either way."""
        return any(self.wrong_alone(p) or self.wrong_in_step(p) for p in UNITS)


def measure(setting: Setting) -> list[Rounding]:
    """Measure the errors of a checked network, in the order of the backward pass.

    Args:
        setting: of the certificate.

    Returns:
        One row per layer.

    """
    setting = _as_float32(setting)
    right, values = opinions.automatic(setting)
    step = right
    if setting.config.training.gradients != "autodiff":
        step, _ = opinions.by_hand(setting, right)
    names = setting.names
    xs = dict(zip(names, values, strict=False))
    low = {precision: _low_precision(setting, precision) for precision in UNITS}
    steps = {precision: opinions.compiled(model) for precision, model in low.items()}
    exact = setting.model.layers
    rows = []
    for index in reversed(range(len(names) - 1)):
        name, dy = names[index], right[names[index + 1], "dx"]
        alone = {
            precision: _alone(low[precision], setting, index, xs[name], dy, unit)
            for precision, unit in UNITS.items()
        }
        keys = [(name, parameter) for parameter in exact[index].parameters]
        in_step = {
            precision: max(distance(steps[precision][key], step[key]) for key in keys) / unit
            for precision, unit in UNITS.items()
            if keys
        }
        rows.append(Rounding(name, alone, in_step))
    return rows


def _as_float32(setting: Setting) -> Setting:
    """Round images and parameters, so that all precisions start from the same numbers."""
    arrays = {
        name: array if array.dtype.kind == "i" else array.astype(np.float32).astype(np.float64)
        for name, array in setting.network.arrays.items()
    }
    images = setting.images.astype(np.float32).astype(np.float64)
    return setting._replace(images=images, network=setting.network._replace(arrays=arrays))


def _low_precision(setting: Setting, precision: str) -> Setting:
    compute = tf.as_dtype(precision)
    model = Model(setting.config, tf.float32, compute, image_shape=(HEIGHT, WIDTH, 3))
    return setting._replace(model=model)


def _alone(
    low: Setting, exact: Setting, index: int, x: np.ndarray, dy: np.ndarray, unit: float
) -> float:
    """Compare one layer with itself in float64, given the same rounded x and dy."""
    model = low.fresh_model()
    layer, x = model.layers[index], tf.cast(x, model.compute_dtype)
    y, _ = layer.forward(x, low.context)
    dy = tf.cast(dy, y.dtype)
    low.fresh_model()
    rounded = _gradients(low, layer, x, dy)
    same = exact.fresh_model().layers[index]
    right = _gradients(exact, same, tf.cast(x, tf.float64), tf.cast(dy, tf.float64))
    return max(distance(rounded[key].astype(np.float64), right[key]) for key in right) / unit


def _gradients(setting: Setting, layer: Layer, x: Any, dy: Any) -> Gradients:
    """Return a layer's gradients as the steps of the configured run compute them."""
    if setting.config.training.gradients != "autodiff":
        return opinions.named_gradients(
            layer, layer.backward(dy, layer.forward(x, setting.context)[1])
        )
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, _ = layer.forward(x, setting.context)
    dx, *dparameters = tape.gradient(y, [x, *layer.parameters.values()], output_gradients=dy)
    return opinions.named_gradients(layer, (dx, dparameters))
