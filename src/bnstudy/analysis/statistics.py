"""A trained network under other statistics than its moving averages.

    classify = classifier(network, Statistics("batch", 128))
    accuracy = (classify(images).argmax(1) == labels).mean()

`precise`, of each batch norm, from training batches b of n_b images, in training mode:

    mean     = sum_b n_b mean_b / sum_b n_b
    variance = sum_b n_b (variance_b + (mean_b - mean)^2) / sum_b n_b

which is the mean within the batches plus the variance of their means (Wu and Johnson 2021, arXiv
2105.07576, section 3). `source`, of each channel of each convolution but the last (whose channels
are the classes), for a network without batch norm:

    y' = mean + sqrt((variance + epsilon) / (variance_b + epsilon)) (y - mean_b)

with mean and variance over training images, and mean_b and variance_b of the test batch: what
adapting to the test batch does to a network that never had batch norm (KellerJordan,
BatchNorm-adaptation-behavior, `pseudo_reset`).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.analysis.choice import BATCH, MOVING, PRECISE, SOURCE, Statistics
from bnstudy.analysis.landscape import put_back
from bnstudy.backend import xla
from bnstudy.data.batches import TrainingBatches
from bnstudy.data.dataset import IMAGE_SHAPE, load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.manual import batch_norm
from bnstudy.model.all_cnn import Model
from bnstudy.model.batch_norm import AXES
from bnstudy.model.layers import Context, Conv2D, Layer
from bnstudy.runner.steps import EVALUATION_BATCH
from bnstudy.trained.network import TrainedNetwork, checked_images, in_batches

CHANNEL = AXES["channel"]
SOURCE_EPSILON = 1e-5
PRECISE_IMAGES = 10_000  # more change nothing that can be seen (Wu and Johnson 2021, section 3)

Classifier = Callable[[Any], np.ndarray]  # raw images [N, 32, 32, 3] -> logits [N, 10]


class Moments(NamedTuple):
    """Mean and variance of a layer's input or output, float64, [C] or [H, W, C]."""

    mean: np.ndarray
    variance: np.ndarray


def classifier(
    network: TrainedNetwork,
    statistics: Statistics,
    moments: dict[str, Moments] | None = None,
) -> Classifier:
    """Return a function that classifies raw images under some statistics.

    Args:
        network: from `bnstudy.load_model`.
        statistics: which.
        moments: of the training images, for precise and source, if they are known already; else
            they are measured now (`training_moments`).

    Returns:
        A function of images [N, 32, 32, 3], 0 to 255, that returns logits [N, 10]. Under batch and
        source statistics its batches are consecutive images; the last one may be smaller.

    Raises:
        UserError: the network cannot be evaluated so, or its training images cannot be found.

    """
    statistics.check(network.run.config)
    if statistics.kind == MOVING:
        return network.logits
    if statistics.kind != BATCH and moments is None:
        moments = training_moments(network)
    steps = _steps(network, statistics.kind, moments or {})

    def forward(images: tf.Tensor) -> tf.Tensor:
        x = tf.cast(network.standardization(images), network.model.compute_dtype)
        for convolves, group in groupby(steps, lambda step: step.convolves):
            functions = [step.function for step in group]
            x = _chain(functions, x) if convolves else xla.compiled(partial(_chain, functions, x))
        return x

    shape = tf.TensorSpec([None, *IMAGE_SHAPE], tf.float32)
    logits = tf.function(forward, input_signature=[shape], autograph=False)
    size = EVALUATION_BATCH if statistics.kind == PRECISE else statistics.batch_size

    def classify(images: Any) -> np.ndarray:
        images = checked_images(images)
        if statistics.kind == BATCH and len(images):
            statistics.check_batch(network.run.config, len(images) % size or size)  # the last one
        return in_batches(logits, images, size)

    return classify


class _Step(NamedTuple):
    """What a layer, or part of one, does to its input."""

    function: Callable[[tf.Tensor], tf.Tensor]
    convolves: bool = False


def _chain(functions: list[Callable[[tf.Tensor], tf.Tensor]], x: tf.Tensor) -> tf.Tensor:
    for function in functions:
        x = function(x)
    return x


def _steps(network: TrainedNetwork, kind: str, moments: dict[str, Moments]) -> list[_Step]:
    """Return what happens to the images, layer by layer."""
    config, dtype = network.run.config, _dtype(network.model)
    axes, epsilon = AXES[config.bn.axes], config.bn.epsilon
    known = {name: [tf.constant(m, dtype) for m in pair] for name, pair in moments.items()}

    def infer(layer: Layer, x: tf.Tensor) -> tf.Tensor:
        return layer.forward(x, Context(training=False))[0]

    def normalize(layer: Any, x: tf.Tensor) -> tf.Tensor:
        gamma, beta, *_ = layer.for_inference()
        if kind == BATCH:
            return batch_norm.forward(x, gamma, beta, axes, epsilon)[0]
        mean, variance = known[layer.name]
        return batch_norm.inference_forward(x, gamma, beta, mean, variance, axes, epsilon)[0]

    def bring_back(layer: Layer, y: tf.Tensor) -> tf.Tensor:
        mean, variance = known[layer.name]
        scale = tf.sqrt(variance + SOURCE_EPSILON)
        return batch_norm.forward(y, scale, mean, CHANNEL, SOURCE_EPSILON)[0]

    steps = []
    for layer in network.layers:
        function = normalize if _is_batch_norm(layer) else infer
        steps.append(_Step(partial(function, layer), isinstance(layer, Conv2D)))
        if kind == SOURCE and layer.name in known:
            steps.append(_Step(partial(bring_back, layer)))
    return steps


def training_moments(
    network: TrainedNetwork, batches: Iterable[tf.Tensor] | None = None
) -> dict[str, Moments]:
    """Measure the precise statistics of a network; without batch norm, those for source.

    With batch norm: of the input of each batch norm, the network being in training mode, with its
    ghost batches, its renormalization and its noise. Without: of the output of each convolution
    but the last, whose channels are the classes.

    Args:
        network: from `bnstudy.load_model`; its moving averages stay as they are.
        batches: of standardized training images; `training_batches` unless given.

    Returns:
        The name of a batch norm, or convolution -> its moments.

    """
    config, layers = network.run.config, network.model.layers
    normalized = config.model.batch_norm != "none"
    axes = AXES[config.bn.axes] if normalized else CHANNEL
    hidden = [layer.name for layer in layers if isinstance(layer, Conv2D)][:-1]

    def batch_moments(images: tf.Tensor, step: tf.Tensor) -> dict[str, tuple]:
        found, context = {}, Context(normalized, config.seed, step)
        x = tf.cast(images, network.model.compute_dtype)
        for layer in layers:
            y, _ = layer.forward(x, context)
            if _is_batch_norm(layer):
                found[layer.name] = _moments(x, axes, _dtype(network.model))
            elif not normalized and layer.name in hidden:
                found[layer.name] = _moments(y, axes, _dtype(network.model))
            x = y
        return found

    signature = [tf.TensorSpec([None, *IMAGE_SHAPE]), tf.TensorSpec([], tf.int64)]
    compiled = tf.function(batch_moments, input_signature=signature, autograph=False)
    batches = training_batches(network) if batches is None else batches
    with put_back(network.model):  # training mode moves the averages
        parts = [(len(images), compiled(images, step)) for step, images in enumerate(batches)]
    return {name: _pooled([(n, *found[name]) for n, found in parts]) for name in parts[0][1]}


def training_batches(network: TrainedNetwork, images: int = PRECISE_IMAGES) -> Iterator[tf.Tensor]:
    """Yield training batches, as the run's next epoch would show them, copies included.

    Args:
        network: from `bnstudy.load_model`.
        images: how many at least, as far as the epoch has them.

    Raises:
        UserError: the data set cannot be found or read.

    """
    config, size = network.run.config, network.run.config.training.batch_size
    dataset = load_dataset(config.data)
    standardize = standardizers(dataset, config.data.standardize).train
    epoch = TrainingBatches(config, dataset, standardize)
    batches = epoch.epoch((network.run.result or {})["epochs"])
    yield from islice((x for x, _ in batches), -(-images // size))


def _is_batch_norm(layer: Layer) -> bool:
    return hasattr(layer, "for_inference")


def _dtype(model: Model) -> tf.DType:
    return next(iter(model.parameters.values())).dtype


def _moments(x: tf.Tensor, axes: tuple[int, ...], dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean of a batch and its biased variance, in full precision."""
    mean, variance = tf.nn.moments(tf.cast(x, dtype), axes)
    return mean, variance


def _pooled(parts: list[tuple[int, tf.Tensor, tf.Tensor]]) -> Moments:
    """Pool the moments of batches of n images."""
    weights = np.array([n for n, _, _ in parts]) / sum(n for n, _, _ in parts)
    means, variances = (np.array([part[i] for part in parts], np.float64) for i in (1, 2))
    mean = np.tensordot(weights, means, 1)
    return Moments(mean, np.tensordot(weights, variances + (means - mean) ** 2, 1))
