"""A run at the weights that it had after each epoch: accuracy, sharpness, predictiveness.

The run must have kept them (`checkpoint.keep_epochs: true`). Everything is measured on the same
training batches at every epoch: the first ones of the epoch that would follow the last.

    accuracies("logs/case-c_seed-0")            # {0: 0.104, 1: 0.437, ...}
    sharpness("logs/case-c_seed-0", epoch=5)    # the largest eigenvalue of the Hessian
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.analysis.landscape import (
    Batch,
    Landscape,
    along_gradient,
    leading_eigenvalue,
    put_back,
)
from bnstudy.analysis.statistics import Moments, training_moments
from bnstudy.config.schema import Config
from bnstudy.data.batches import TrainingBatches
from bnstudy.data.dataset import load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.errors import UserError
from bnstudy.model.all_cnn import Model
from bnstudy.run_folder.log import load_log
from bnstudy.run_folder.weights import Weights, load_epochs
from bnstudy.runner.optimizers import learning_rate
from bnstudy.trained.network import TrainedNetwork

MULTIPLES = (0.5, 1.0, 2.0, 4.0)  # of the step (Santurkar et al. 2018, Fig. 4)


def accuracies(run_folder: str | Path, images: int = 2000) -> dict[int, float]:
    """Return the training accuracy after each epoch, in training mode.

    Batch norm takes the statistics of each batch, of the run's own batch size.

    Args:
        run_folder: of a run that has kept its epochs.
        images: the least number of training images; all, if there are fewer.

    Returns:
        Epoch -> fraction; epoch 0 is before the first step.

    Raises:
        UserError: the run has not kept its epochs, or the data set cannot be found or read.

    """
    config = load_log(run_folder).config
    batches = _batches(config, -(-images // config.training.batch_size))
    model = Model(config, tf.float32)

    @tf.function(autograph=False)
    def correct(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        logits, _ = model.forward(images, training=True)
        return tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.int64))

    def accuracy() -> float:
        with put_back(model):
            right = sum(int(correct(*batch)) for batch in batches)
        return right / sum(len(labels) for _, labels in batches)

    return {epoch: accuracy() for epoch in _epochs(model, run_folder)}


def landscape_of(
    run_folder: str | Path, epoch: int, batches: int = 4, frozen: bool = False
) -> Landscape:
    """Return the training cost as a function of the weights, which are those after an epoch.

    Args:
        run_folder: of a run that has kept its epochs.
        epoch: from 1.
        batches: how many, of the run's own batch size; the cost is their mean.
        frozen: take batch norm's statistics as constants, at their precise values over all of these
            batches, instead of those of each batch, which move with the weights.

    Returns:
        The landscape, in float64; `weights` is the point after the epoch.

    Raises:
        UserError: the run has not kept this epoch, or the data set cannot be found or read.

    """
    run, kept = load_log(run_folder), _kept(run_folder)
    if epoch not in kept:
        raise UserError(f"{run.folder} has kept epochs {min(kept)} to {max(kept)}, not {epoch}")
    chosen, arrays = _batches(run.config, batches), kept[epoch]
    if frozen:
        network = TrainedNetwork(Weights(run, arrays, run.folder), "float32")
        moments = training_moments(network, [images for images, _ in chosen])
        arrays = _with_statistics(arrays, moments, run.config.bn.epsilon)
    model = Model(run.config, tf.float64)
    model.assign(arrays)
    return Landscape(model, chosen, frozen)


def _with_statistics(
    arrays: dict[str, np.ndarray], moments: Mapping[str, Moments], epsilon: float
) -> dict[str, np.ndarray]:
    """Return a network's arrays with other moving statistics, in the shapes that they have."""
    changed: dict[str, np.ndarray] = {}
    for name, (mean, variance) in moments.items():
        changed |= {
            f"{name}/moving_mean": mean,
            f"{name}/moving_variance": variance,
            f"{name}/moving_stddev": np.sqrt(variance + epsilon),  # (47), the other way round
            f"{name}/updates": np.array(10**9),  # so that debias has nothing to correct
        }
    return arrays | {
        name: value.reshape(arrays[name].shape) for name, value in changed.items() if name in arrays
    }


def sharpness(
    run_folder: str | Path,
    epoch: int,
    batches: int = 4,
    frozen: bool = False,
    tolerance: float = 1e-2,
) -> float:
    """Return the largest eigenvalue of the Hessian of the training cost after an epoch.

    Args:
        run_folder: as `landscape_of`.
        epoch: as `landscape_of`.
        batches: as `landscape_of`.
        frozen: as `landscape_of`.
        tolerance: relative, of the eigenvalue.

    Raises:
        UserError: as `landscape_of`.

    """
    landscape = landscape_of(run_folder, epoch, batches, frozen)
    return leading_eigenvalue(landscape, landscape.weights, tolerance).value


class Predictiveness(NamedTuple):
    """What lies along the gradient of one batch, at some multiples of the step.

    Attributes:
        epoch: after which; 0 is before the first step.
        spread: of the costs at the multiples, the largest minus the smallest, in nats; inf where
            one is not finite.
        change: the largest distance of the gradients there from the gradient at the start.

    """

    epoch: int
    spread: float
    change: float


def predictiveness(
    run_folder: str | Path, batches: int = 4, multiples: Sequence[float] = MULTIPLES
) -> list[Predictiveness]:
    """Measure how well the gradient predicts the cost and itself, after each epoch.

    Args:
        run_folder: of a run that has kept its epochs.
        batches: how many, of the run's own batch size, each by itself.
        multiples: of the step, which is the learning rate of the epoch that follows.

    Returns:
        One entry for each epoch and batch, epoch 0 first.

    Raises:
        UserError: the run has not kept its epochs, or the data set cannot be found or read.

    """
    config = load_log(run_folder).config
    model, found = Model(config, tf.float32), []
    chosen = _batches(config, batches)
    landscape = Landscape(model, chosen[:1])
    for epoch in _epochs(model, run_folder):
        steps = [multiple * learning_rate(config.optimizer, epoch) for multiple in multiples]
        for batch in chosen:
            landscape.batches = [batch]
            along = along_gradient(landscape, landscape.weights, steps)
            finite = np.isfinite([*along.costs, *along.changes]).all()
            spread, change = np.ptp(along.costs), along.changes.max()
            pair = (float(spread), float(change)) if finite else (np.inf, np.inf)
            found.append(Predictiveness(epoch, *pair))
    return found


def _batches(config: Config, count: int) -> list[Batch]:
    dataset = load_dataset(config.data)
    standardize = standardizers(dataset, config.data.standardize).train
    epoch = TrainingBatches(config, dataset, standardize).epoch(config.training.epochs)
    return list(islice(epoch, count))


def _epochs(model: Model, run_folder: str | Path) -> Iterator[int]:
    """Give a new network the weights of each epoch in turn; before that, those it starts with."""
    kept = _kept(run_folder)
    yield 0
    for epoch, arrays in kept.items():
        model.assign(arrays)
        yield epoch


def _kept(run_folder: str | Path) -> dict[int, dict[str, np.ndarray]]:
    kept = load_epochs(run_folder)
    if not kept:
        raise UserError(
            f"{run_folder} has kept no epochs; train it with checkpoint.keep_epochs=true"
        )
    return kept
