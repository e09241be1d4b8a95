"""A trained network: raw images in, probabilities out."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from bnstudy.backend import bfloat16, devices
from bnstudy.data.dataset import CLASSES, IMAGE_SHAPE, class_names
from bnstudy.data.standardize import Standardization
from bnstudy.errors import UserError, one_line
from bnstudy.model.all_cnn import Model
from bnstudy.model.layers import Layer
from bnstudy.model.noise import Noise
from bnstudy.run_folder.weights import Weights
from bnstudy.runner.loop import NO_BFLOAT16
from bnstudy.runner.steps import EVALUATION_BATCH
from bnstudy.runner.training import PRECISIONS


class TrainedNetwork:
    """The network of a finished run, with the standardization of its input.

    Get one with `bnstudy.load_model`. Under `data.standardize: batch_pixels`, images are
    standardized by the moments of the run's whole test set.

    Args:
        found: the weights.
        precision: of the activations.

    Attributes:
        run: the log of the run, with its configuration.
        source: the file that the weights come from.
        precision: "float32" or "bfloat16".
        classes: the names of the classes, in the order of the probabilities.
        model: the network without standardization and softmax.
        standardization: of images in grey levels.

    Raises:
        UserError: the weights are those of another network.

    """

    def __init__(self, found: Weights, precision: str):
        devices.prepare()
        if precision == "bfloat16" and not bfloat16.is_native():
            warnings.warn(NO_BFLOAT16, stacklevel=3)
        self.run, self.source, self.precision = found.run, found.source, precision
        self.classes = class_names(found.run.config.data.name)
        self.model = Model(found.run.config, tf.float32, PRECISIONS[precision])
        try:
            self.model.assign(found.arrays)
        except ValueError as error:
            raise UserError(f"{found.source} holds another network: {one_line(error)}") from None
        self.standardization = standardization_of(found)
        self._logits = tf.function(
            self._forward,
            input_signature=[tf.TensorSpec([None, *IMAGE_SHAPE], tf.float32)],
            autograph=False,
        )

    def __str__(self) -> str:
        """Say where the weights come from, and what happens to the images."""
        by = "channel, by the training set"
        if self.run.config.data.standardize == "batch_pixels":
            by = "pixel, by the moments of the whole test set"
        return f"{self.source}: {self.precision}, images standardized per {by}"

    @property
    def layers(self) -> list[Layer]:
        """The layers that do something in inference: all but noise."""
        return [layer for layer in self.model.layers if not isinstance(layer, Noise)]

    def predict(self, images: Any) -> np.ndarray:
        """Classify images.

        Args:
            images: [N, 32, 32, 3], RGB grey levels from 0 to 255, as uint8 or any other numbers.

        Returns:
            Probabilities, float32 [N, 10].

        Raises:
            UserError: the images have another shape or range.

        """
        return tf.nn.softmax(self.logits(images)).numpy()

    def logits(self, images: Any) -> np.ndarray:
        """Compute the logits, float32 [N, 10]; otherwise as `predict`."""
        return in_batches(self._logits, images, EVALUATION_BATCH)  # as the run evaluated

    def _forward(self, images: tf.Tensor) -> tf.Tensor:
        logits, _ = self.model.forward(self.standardization(images), training=False)
        return logits


def standardization_of(found: Weights) -> Standardization:
    """Return the standardization that was kept with the weights.

    Raises:
        UserError: an array of it is missing or has another shape.

    """
    kept = []
    for name in ("standardization/mean", "standardization/stddev"):
        array = found.arrays.get(name)
        if array is None or array.shape not in ((3,), IMAGE_SHAPE):
            shape = "is missing" if array is None else f"has shape {list(array.shape)}"
            raise UserError(
                f"{found.source} is damaged: {name} {shape}, must be [3] or {list(IMAGE_SHAPE)}"
            )
        kept.append(array)
    return Standardization(*kept)


def in_batches(logits: Callable[[np.ndarray], tf.Tensor], images: Any, size: int) -> np.ndarray:
    """Classify images, `size` at a time; the last batch may be smaller.

    Args:
        logits: of a batch of grey levels, float32 [n, 32, 32, 3] -> [n, 10].
        images: as `TrainedNetwork.predict`.
        size: of a batch.

    Returns:
        The logits [N, 10].

    Raises:
        UserError: the images have another shape or range.

    """
    images = checked_images(images)
    parts = [images[start : start + size] for start in range(0, len(images), size)]
    if not parts:
        return np.zeros((0, CLASSES), np.float32)
    return np.concatenate([logits(part.astype(np.float32)).numpy() for part in parts])


def checked_images(images: Any) -> np.ndarray:
    """Return images as an array, if they are raw: [N, 32, 32, 3] from 0 to 255.

    Raises:
        UserError: they are not.

    """
    right = f"must be [N, {', '.join(map(str, IMAGE_SHAPE))}]"
    try:
        array = np.asarray(images)
    except ValueError:  # NumPy's word for it is "inhomogeneous"
        raise UserError(f"images have different shapes, {right}") from None
    if array.shape == IMAGE_SHAPE:
        raise UserError(f"images has shape {list(array.shape)}, {right}; one image is images[None]")
    if array.ndim != 4 or array.shape[1:] != IMAGE_SHAPE:
        raise UserError(f"images has shape {list(array.shape)}, {right}")
    if array.dtype.kind not in "uif":
        raise UserError(f"images is of type {array.dtype}, must hold grey levels from 0 to 255")
    if not array.size:
        return array
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):  # nor NaN
        raise UserError(f"images lie between {low:g} and {high:g}, must be raw, from 0 to 255")
    if array.dtype.kind == "f" and high <= 1 and (array % 1).any():
        raise UserError("images lie between 0 and 1, must be raw, from 0 to 255: multiply by 255")
    return array
