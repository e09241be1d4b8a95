"""What a trained network gets right and wrong: accuracy, cost, confusion, calibration, mistakes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from bnstudy.data.batches import test_batches
from bnstudy.data.dataset import CLASSES, load_dataset
from bnstudy.manual import softmax_cross_entropy
from bnstudy.run_folder.log import RunLog
from bnstudy.runner.steps import EVALUATION_BATCH
from bnstudy.trained.network import TrainedNetwork

BINS = 15  # of the calibration, as in Guo et al. 2017


@dataclass(frozen=True, eq=False)
class Bins:
    """The images by confidence, in bins of equal width; NaN where a bin has no image.

    Attributes:
        images: number in each bin.
        confidence: mean of the largest probability.
        accuracy: fraction classified correctly.

    """

    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean of |confidence - accuracy| over the images."""
        used = self.images > 0
        gaps = np.abs(self.confidence - self.accuracy)[used]
        return float(gaps @ self.images[used] / self.images.sum())


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's answers on images of its run.

    Attributes:
        run: the log of the run.
        precision: of the activations.
        classes: their names.
        split: "test" or "training".
        under: what else was different, such as "batch statistics of 128 images"; empty if nothing.
        labels: int64 [N].
        probabilities: float32 [N, 10].
        predicted: int64 [N], the classes with the largest logits.
        costs: float32 [N], -log of the probability of the right class, in nats.
        cost: their mean, summed as a run does.

    """

    run: RunLog
    precision: str
    classes: tuple[str, ...]
    split: str
    labels: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray
    costs: np.ndarray
    cost: float
    under: str = ""

    @property
    def accuracy(self) -> float:
        """The fraction of the images that are classified correctly."""
        return int((self.predicted == self.labels).sum()) / len(self.labels)

    @property
    def confidence(self) -> np.ndarray:
        """The largest probability of each image."""
        return self.probabilities.max(axis=1)

    def confusion(self) -> np.ndarray:
        """Return the number of images of each class (rows) classified as each (columns)."""
        counts = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(counts, (self.labels, self.predicted), 1)
        return counts

    def class_accuracy(self) -> np.ndarray:
        """Return the fraction of each class's images that are right; NaN where it has none."""
        confusion = self.confusion()
        images = confusion.sum(axis=1)
        unknown = np.full(len(images), np.nan)
        return np.divide(np.diagonal(confusion), images, out=unknown, where=images > 0)

    def calibration(self) -> Bins:
        """Return the images by confidence; a bin includes its upper end."""
        right = self.predicted == self.labels
        number = np.clip(np.ceil(self.confidence * BINS).astype(int) - 1, 0, BINS - 1)
        images = np.bincount(number, minlength=BINS)
        with np.errstate(invalid="ignore"):
            confidence = np.bincount(number, self.confidence, BINS) / images
            accuracy = np.bincount(number, right, BINS) / images
        return Bins(images, confidence, accuracy)

    def worst(self, most: int) -> np.ndarray:
        """Return the positions of the wrongly classified images with the highest cost."""
        order = np.argsort(-self.costs, kind="stable")
        return order[self.predicted[order] != self.labels[order]][:most]


def evaluate(
    network: TrainedNetwork,
    split: str = "test",
    logits: Callable[[np.ndarray], np.ndarray] | None = None,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
    under: str = "",
) -> tuple[Evaluation, np.ndarray]:
    """Classify the test images, or the plain training images, of the network's run.

    Args:
        network: from `load_model`.
        split: "test" or "training"; the latter without augmented copies.
        logits: of raw images, if not `network.logits`.
        change: of the images, such as a corruption.
        under: says what `logits` and `change` are.

    Returns:
        The evaluation, and the images, uint8.

    Raises:
        UserError: the data set cannot be found or read.

    """
    dataset = load_dataset(network.run.config.data)
    all_images, all_labels = {"training": dataset[:2], "test": dataset[2:]}[split]
    all_images = change(all_images) if change else all_images
    outputs = (logits or network.logits)(all_images)
    costs, total = [], 0.0
    for some, labels in test_batches(outputs, all_labels, EVALUATION_BATCH):  # summed as in a run
        costs.append(softmax_cross_entropy.cost_per_image(some, labels).numpy())
        total += float(tf.reduce_sum(tf.cast(costs[-1], tf.float64)))
    evaluation = Evaluation(
        run=network.run,
        precision=network.precision,
        classes=network.classes,
        split=split,
        labels=all_labels,
        probabilities=tf.nn.softmax(outputs).numpy(),
        predicted=outputs.argmax(axis=1),
        costs=np.concatenate(costs),
        cost=total / len(all_labels),
        under=under,
    )
    return evaluation, all_images
