"""What the layers of a network put out: histograms, moments, saturated and dead units; gradients.

statistics = activation_statistics(model, [images])          # one per layer
norms = gradient_norms(Landscape(model, [(images, labels)]))  # one per parameter
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.analysis.landscape import Landscape, put_back
from bnstudy.model.all_cnn import Model
from bnstudy.model.layers import ELU, Context

# The slope of the ELU below zero is its value + 1: here it is less than a hundredth, and so is what
# comes back through it. (ELUs have no slope of exactly zero, as ReLUs have.)
SATURATED = -0.99
EDGES = np.linspace(-8, 8, 161)  # of the histograms, so that layers, steps and runs can be compared


class LayerStatistics(NamedTuple):
    """What one layer puts out on some images; of an ELU also how much of it is saturated."""

    name: str
    mean: np.ndarray  # of each channel, over images and pixels [C]
    deviation: np.ndarray  # standard deviation of each channel [C]
    counts: np.ndarray  # of values between EDGES; the outermost bins have all beyond them [160]
    saturated: float | None  # share of the values below SATURATED; None if the layer is no ELU
    dead: float | None  # share of the channels that are saturated at every pixel of every image


def layer_outputs(model: Model, images: tf.Tensor, context: Context) -> dict[str, tf.Tensor]:
    """Run the layers one by one, and return what each puts out, by its name.

    Args:
        model: in training mode, its moving statistics move.
        images: standardized [N, 32, 32, 3].
        context: training or inference; with noise, seed and step.

    """
    x, outputs = tf.cast(images, model.compute_dtype), {}
    for layer in model.layers:
        x, _ = layer.forward(x, context)
        outputs[layer.name] = x
    return outputs


def activation_statistics(
    model: Model, batches: Iterable[tf.Tensor], training: bool = False
) -> list[LayerStatistics]:
    """Measure what each layer puts out.

    A channel is what one kernel makes, so it is the unit that can die: one whose ELU is saturated
    at every pixel of every image passes less than a hundredth of the gradient on to its kernel.

    Args:
        model: the network.
        batches: standardized images [N, 32, 32, 3]; all batches together are measured.
        training: as a training step sees them: batch norm takes the statistics of each batch, and
            there is noise where the network has it. Moving statistics are put back.

    """
    elus = {layer.name for layer in model.layers if isinstance(layer, ELU)}
    sums: dict[str, _Sums] = {}
    with put_back(model):
        for images in batches:
            for name, output in layer_outputs(model, images, Context(training)).items():
                values = output.numpy().astype(np.float64)
                values = values.reshape(-1, values.shape[-1])
                sums[name] = sums[name].with_more(values) if name in sums else _Sums.of(values)
    return [total.result(name, name in elus) for name, total in sums.items()]


class _Sums(NamedTuple):
    """The sums behind `LayerStatistics`, over the batches so far."""

    size: int  # number of values of a channel
    mean: np.ndarray  # [C]
    squares: np.ndarray  # sum of squares about the mean [C]
    counts: np.ndarray
    saturated: np.ndarray  # number of values [C]

    @classmethod
    def of(cls, values: np.ndarray) -> "_Sums":
        """Sum the values [n, C] of one batch."""
        mean = values.mean(axis=0)
        counts, _ = np.histogram(np.clip(values, EDGES[0], EDGES[-1]), EDGES)
        squares = ((values - mean) ** 2).sum(axis=0)
        return cls(len(values), mean, squares, counts, (values < SATURATED).sum(axis=0))

    def with_more(self, values: np.ndarray) -> "_Sums":
        """Add another batch; sums of squares about the means do not cancel."""
        more = _Sums.of(values)
        size, delta = self.size + more.size, more.mean - self.mean
        return _Sums(
            size,
            self.mean + delta * (more.size / size),
            self.squares + more.squares + delta**2 * (self.size * more.size / size),
            self.counts + more.counts,
            self.saturated + more.saturated,
        )

    def result(self, name: str, is_elu: bool) -> LayerStatistics:
        """Return the statistics of all batches."""
        return LayerStatistics(
            name,
            self.mean,
            np.sqrt(self.squares / self.size),
            self.counts,
            float(self.saturated.mean() / self.size) if is_elu else None,
            float((self.saturated == self.size).mean()) if is_elu else None,
        )


def gradient_norms(landscape: Landscape) -> dict[str, float]:
    """Return the norm of the gradient of the mean cost, for each parameter.

    Args:
        landscape: of the network's batches. Unless frozen, the gradient is the one that a training
            step takes: batch norm with the statistics of each batch.

    """
    _, gradient = landscape(landscape.weights)
    names = landscape.names()
    parameters = landscape.model.parameters
    return {name: float(np.linalg.norm(gradient[names == name])) for name in parameters}
