"""The first steps of a run, made again: randomness is a function, so they are the very same steps.

What they do to the gradients of later layers, and how the distributions move that layers see.
"""

import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.analysis.activations import layer_outputs
from bnstudy.analysis.landscape import Batch, Landscape, internal_covariate_shift, put_back
from bnstudy.config.schema import Config
from bnstudy.data.dataset import Dataset
from bnstudy.model.layers import ELU, Context
from bnstudy.runner.steps import make_sums
from bnstudy.runner.training import Training


class ShiftOverSteps(NamedTuple):
    """Internal covariate shift of some training steps."""

    names: list[str]  # of the kernels [k]
    costs: np.ndarray  # of each step's batch, before the step [steps]
    norms: np.ndarray  # of the gradient, before the step [steps, k]
    relative: np.ndarray  # see `landscape.Shift` [steps, k]
    cosines: np.ndarray  # [steps, k]


def shift_over_steps(config: Config, dataset: Dataset, steps: int = 100) -> ShiftOverSteps:
    """Make the first steps of a run again, and measure the covariate shift that each one causes.

    Each step costs as much as ten: its own, and one more gradient for each of the nine kernels.

    Args:
        config: of the run.
        dataset: of the run.
        steps: their number; fewer if the first epoch has fewer, or the run diverges.

    """
    training = Training(config, dataset)
    landscape = Landscape(training.model, [])
    landscape.steps = _steps_of_the_run(training)
    statistics = training.model.statistics.values()
    costs, found = [], []
    for step, batch in enumerate(training.batches.epoch(0).take(steps)):
        before, averages = landscape.weights, [average.numpy() for average in statistics]
        cost = _take_step(training, step, batch)
        after = landscape.weights
        if not (np.isfinite(cost) and np.isfinite(after).all()):
            break  # it has diverged
        costs.append(cost)
        landscape.batches, landscape.step = [batch], step
        with put_back(training.model):  # renormalization takes the averages from before the step
            for average, value in zip(statistics, averages, strict=True):
                average.assign(value)
            found.append(internal_covariate_shift(landscape, before, after))

    names = [name for name in training.model.parameters if name.endswith("/w")][1:]

    def table(field: str) -> np.ndarray:
        rows = [[getattr(shift, field) for shift in step] for step in found]
        return np.array(rows).reshape(-1, len(names))

    return ShiftOverSteps(names, np.array(costs), table("norm"), table("relative"), table("cosine"))


class Movement(NamedTuple):
    """How the distributions of the inputs of ELUs move in training."""

    names: list[str]  # of the ELUs [k]
    movement: np.ndarray  # mean over the channels, see `movement_over_steps` [steps - 1, k]


def movement_over_steps(config: Config, dataset: Dataset, steps: int = 100) -> Movement:
    """Make the first steps of a run again, and measure how channel means move from step to step.

        movement = |mean of the channel in this step - in the step before| / its standard deviation

    Both are over the images and pixels of the step's own batch, in training mode, noise included:
    the distribution that the ELU, and behind it the next convolution, receives. The division makes
    networks of different scale comparable; the deviation is that of the step before. A channel
    that was constant then has none, and does not count.

    Args:
        config: of the run.
        dataset: of the run.
        steps: as there, or those before a layer has constant channels alone.

    """
    training = Training(config, dataset)
    model, total = training.model, _steps_of_the_run(training)
    pairs = zip(model.layers, model.layers[1:], strict=False)
    feeding = {elu.name: layer.name for layer, elu in pairs if isinstance(elu, ELU)}

    found: list[list[tuple[np.ndarray, np.ndarray]]] = []
    for step, batch in enumerate(training.batches.epoch(0).take(steps)):
        with put_back(model):  # before the step, as it will see them
            outputs = layer_outputs(model, batch[0], Context(True, config.seed, step, total))
        inputs = [tf.cast(outputs[name], tf.float32) for name in feeding.values()]
        moments = [tuple(m.numpy() for m in tf.nn.moments(x, [0, 1, 2])) for x in inputs]
        if not all(np.isfinite(variance).all() and variance.any() for _, variance in moments):
            break  # it has diverged, or died
        found.append(moments)
        _take_step(training, step, batch)
    movement = [
        [_moved(*was, there) for was, (there, _) in zip(before, after, strict=True)]
        for before, after in itertools.pairwise(found)
    ]
    return Movement(list(feeding), np.array(movement).reshape(-1, len(feeding)))


def _moved(mean: np.ndarray, variance: np.ndarray, there: np.ndarray) -> float:
    """Return the movement of one layer from one step to the next."""
    varies = variance > 0
    return float(np.mean(np.abs(there - mean)[varies] / np.sqrt(variance[varies])))


def _steps_of_the_run(training: Training) -> int:
    return training.config.training.epochs * training.batches.steps


def _take_step(training: Training, step: int, batch: Batch) -> float:
    """Train on one batch; return its mean cost before the step."""
    rate = tf.constant(training.rate, tf.float64)
    sums = training.train_step(*batch, rate, step, make_sums())
    return float(sums.cost) / len(batch[1])
