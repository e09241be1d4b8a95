"""Everything that is measured of a model, before anything is judged."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from bnstudy.doctor import distances, limits, outputs
from bnstudy.doctor.distances import Distance, Fit, Statistics
from bnstudy.doctor.moments import Seen
from bnstudy.doctor.passes import Forward, Pass, moving_statistics
from bnstudy.doctor.walk import Place, places

ROWS = 64  # images that go through the model at a time
BATCH = 32  # of "batch statistics"
SOME = 400  # images for what is measured on a part of them
MEMORY = 2 << 30  # bytes for the largest activations of all images at once
ACTIVATIONS = 6  # of that size, alive at the same time


@dataclass(frozen=True)
class Layer:
    """One batch norm."""

    place: Place
    start: Statistics  # the values with which moving statistics begin
    moving: Statistics
    precise: Seen  # of the data, where all layers before have precise statistics
    noisy: Statistics | None  # the same with dropout active; None if no noise comes before

    @property
    def name(self) -> str:
        """Its name."""
        return self.place.name

    @property
    def epsilon(self) -> float:
        """Its epsilon."""
        return float(self.place.layer.epsilon)

    @property
    def momentum(self) -> float:
        """Its momentum, in Keras's sense."""
        return float(self.place.layer.momentum)

    @property
    def data(self) -> Statistics:
        """The mean and the variance of the data."""
        return self.precise.values.mean, self.precise.values.variance

    @property
    def finite(self) -> bool:
        """Whether its statistics, and those of the data, are numbers that can be."""
        numbers = all(np.isfinite(a).all() for a in (*self.moving, *self.data))
        return numbers and bool((self.moving[1] >= 0).all())

    @property
    def distance(self) -> Distance:
        """How far its moving statistics are from those of the data."""
        return distances.distance(self.moving, self.data, self.epsilon)

    @property
    def start_left(self) -> Fit:
        """The share of the start values in its moving statistics."""
        return distances.start_left(self.moving, self.data, self.start, self.epsilon)

    @property
    def inverse_batch_size(self) -> Fit:
        """One divided by the size of the batches of the training."""
        return distances.inverse_batch_size(self.moving, self.precise, self.epsilon)

    @property
    def updated(self) -> bool:
        """Whether its moving statistics ever changed."""
        pairs = zip(self.moving, self.start, strict=True)
        return not all(np.array_equal(now, then) for now, then in pairs)


@dataclass(frozen=True)
class Measured:
    """A model on images."""

    layers: list[Layer]  # in the order of the forward pass
    steps: int | None  # of the training, if the model tells
    images: int
    given: int  # images, of which as many were used as memory holds
    labels: np.ndarray | None
    moving: list[np.ndarray]  # the outputs, by the statistics that were used
    precise: list[np.ndarray]
    batch: list[np.ndarray]  # of SOME images, as is the next
    single: list[np.ndarray]  # each image a batch of its own
    blame: tuple[str, float] | None  # the layer that changes the outputs most, and by how much
    company: float | None  # of `training=True` in the model: the change with other images beside


def measure(model: keras.Model, images: np.ndarray, labels: np.ndarray | None) -> Measured | None:
    """Measure a model, which is left as it was.

    Args:
        model: with one input.
        images: as the model takes them.
        labels: the classes, if known.

    Returns:
        None if it has no batch norm.

    """
    found, largest = places(model, images)
    if not found:
        return None
    order = np.random.default_rng(0).permutation(len(images))  # no batch of one class alone
    order = order[: max(limits.FEWEST_IMAGES, MEMORY // (ACTIVATIONS * largest))]
    given, images = len(images), images[order]
    layers = [place.layer for place in found]
    forward = Forward(model, layers, images[0])
    moving = forward(images, ROWS)
    if labels is not None:
        outputs.check_labels(moving.outputs, labels)
    of_the_batch = [not place.frozen for place in found]
    precise = forward(images, len(images), of_the_batch=[True] * len(layers))
    batch = forward(images[:SOME], BATCH, of_the_batch=of_the_batch)
    single = forward(images[:SOME], 1, of_the_batch=of_the_batch)
    noisy = None
    if any(place.noise for place in found):
        noisy = Forward(model, layers, images[0], noise=True)(images, ROWS, precise.statistics)
    measured = [
        Layer(
            place,
            _start(place.layer),
            moving_statistics(place.layer),
            precise.seen[at],
            noisy.statistics[at] if noisy and place.noise else None,
        )
        for at, place in enumerate(found)
    ]
    changed = not outputs.change(precise.outputs, moving.outputs) < limits.POINTS
    return Measured(
        layers=measured,
        steps=_steps(model),
        images=len(images),
        given=given,
        labels=None if labels is None else labels[order],
        moving=moving.outputs,
        precise=precise.outputs,
        batch=batch.outputs,
        single=single.outputs,
        blame=_blame(forward, measured, images[: SOME // 2], precise) if changed else None,
        company=_company(forward, found, images[:SOME]),
    )


def _start(layer: Any) -> Statistics:
    shape = layer.moving_mean.shape
    mean, variance = (
        np.asarray(keras.ops.convert_to_numpy(initializer(shape)), np.float64)
        for initializer in (layer.moving_mean_initializer, layer.moving_variance_initializer)
    )
    return mean, variance


def _steps(model: keras.Model) -> int | None:
    optimizer = getattr(model, "optimizer", None)
    return int(optimizer.iterations) or None if optimizer is not None else None


def _blame(
    forward: Forward, layers: list[Layer], images: np.ndarray, precise: Pass
) -> tuple[str, float] | None:
    """Give one layer at a time its moving statistics, and all others precise ones."""
    far = [at for at, layer in enumerate(layers) if layer.finite]
    far = sorted(far, key=lambda at: -layers[at].distance.larger)[:3]
    right = [y[: len(images)] for y in precise.outputs]
    changes = {}
    for at in far:
        statistics = precise.statistics
        statistics[at] = layers[at].moving
        y = forward(images, ROWS, statistics).outputs
        changes[layers[at].name] = outputs.change(right, y)
    return max(changes.items(), key=lambda item: item[1]) if changes else None


def _company(forward: Forward, found: list[Place], images: np.ndarray) -> float | None:
    """Measure how outputs depend on the other images where the model itself says training=True."""
    always = [place.always for place in found]
    if not any(always):
        return None
    one = forward(images, BATCH, of_the_batch=always).outputs
    backwards = forward(images[::-1][1:], BATCH, of_the_batch=always).outputs
    return outputs.change([y[:-1] for y in one], [y[::-1] for y in backwards])
