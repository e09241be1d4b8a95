"""Test accuracy under moving averages of several momenta, while a run trains.

One training serves all momenta, because training never reads the averages. Under momentum 0 a layer
keeps the statistics of the last batch alone; the averages are made of these, beside the network.

    curves = accuracy_over_steps(config, load_dataset(config.data), (0.9, 0.99), until=1000)
    curves.accuracy["corrected 0.9"]  # at curves.steps
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.config.load import changed_keys
from bnstudy.config.schema import Config
from bnstudy.data.dataset import Dataset
from bnstudy.errors import UserError
from bnstudy.model.batch_norm import BatchNorm
from bnstudy.run_folder import checkpoint
from bnstudy.runner.optimizers import learning_rate
from bnstudy.runner.steps import make_sums
from bnstudy.runner.training import Training

PER_DECADE = 8
PRECISE_BATCHES = 100  # of training, for precise statistics; all, if an epoch has fewer
SAVE_EVERY = 60  # seconds

Statistics = dict[str, np.ndarray]  # name of a moving average -> float64 [C]


class Curves(NamedTuple):
    """Test accuracy over the steps of a training.

    Attributes:
        steps: at which the network was tested.
        accuracy: statistics -> test accuracy at each; the statistics are "raw 0.9",
            "corrected 0.9", and so on for every momentum, and "precise".

    """

    steps: list[int]
    accuracy: dict[str, list[float]]


def logarithmic_steps(until: int) -> list[int]:
    """Return 1, 2, 3, 4, 6, 7, 10, 13, 18, ...: eight steps a decade, up to `until`."""
    steps = (round(10 ** (k / PER_DECADE)) for k in count())
    return sorted(set(takewhile(lambda step: step <= until, steps)))


def accuracy_over_steps(
    config: Config,
    dataset: Dataset,
    momenta: Sequence[float],
    until: int,
    checkpoints: Path | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Curves:
    """Make the first steps of a run again, and test under every kind of average at some of them.

    Args:
        config: of the run, with our own batch norm; its momentum does not matter.
        dataset: of the run.
        momenta: of the averages.
        until: the last step; more than the run has are allowed.
        checkpoints: a folder for the state, saved every minute; continued from, if it is there and
            of the same configuration and momenta.
        report: called with every step at which the network has been tested.

    Raises:
        UserError: the configuration has no batch norm of our own.

    """
    if config.model.batch_norm != "custom" or config.bn.renorm:
        raise UserError(
            "model.batch_norm must be custom, without bn.renorm, to follow its averages"
        )
    plain = config.bn.model_copy(update={"momentum": 0.0, "debias": False})
    training = Training(config.model_copy(update={"bn": plain}), dataset)
    followed = _Followed(training, momenta)
    saved = time.monotonic()
    if checkpoints is not None:
        followed.restore(checkpoints)
    tested = logarithmic_steps(until)
    for batch in _batches(training, followed.step, until):
        followed.train(*batch)
        if followed.step in tested:
            followed.test()
            report(followed.step)
        if checkpoints is not None and time.monotonic() - saved >= SAVE_EVERY:
            followed.save(checkpoints)
            saved = time.monotonic()
    return Curves(followed.tested, followed.accuracy)


def _batches(training: Training, first: int, until: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yield the batches of a run from one step to another, across its epochs."""
    while first < until:
        epoch, step = divmod(first, training.batches.steps)
        for batch in training.batches.epoch(epoch, step).take(until - first):
            yield batch
            first += 1


class _Followed:
    """A training whose averages are followed.

    Args:
        training: with bn.momentum 0.
        momenta: of the averages.

    """

    def __init__(self, training: Training, momenta: Sequence[float]):
        self.training, self.step = training, 0
        self.tested: list[int] = []
        self.accuracy: dict[str, list[float]] = {}
        layers = [layer for layer in training.model.layers if isinstance(layer, BatchNorm)]
        self._variables = {
            f"{layer.name}/{name}": layer.statistics[name]
            for layer in layers
            for name in ("moving_mean", "moving_variance")
        }
        self._start = self._last_batch()
        self._averages = dict.fromkeys(momenta, self._start)
        self._forward = tf.function(
            lambda images: training.model.forward(images, training=True)[0], autograph=False
        )

    def _last_batch(self) -> Statistics:
        """Return what momentum 0 leaves: the statistics of the last batch."""
        return {name: v.numpy().astype(np.float64) for name, v in self._variables.items()}

    def train(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        """Take a step, and average the statistics of its batch."""
        training = self.training
        epoch = self.step // training.batches.steps
        rate = tf.constant(learning_rate(training.config.optimizer, epoch), tf.float64)
        training.train_step(images, labels, rate, self.step, make_sums())
        self.step += 1
        batch = self._last_batch()
        for m, averages in self._averages.items():
            self._averages[m] = {
                name: m * old + (1 - m) * batch[name] for name, old in averages.items()
            }

    def test(self) -> None:
        """Test under every kind of statistics."""
        kinds = {"precise": self._precise()}
        for momentum, averages in self._averages.items():
            kinds[f"raw {momentum:g}"] = averages
            kinds[f"corrected {momentum:g}"] = self._corrected(momentum)
        images, labels = self.training.dataset.test_images, self.training.dataset.test_labels
        for kind, statistics in kinds.items():
            for name, value in statistics.items():
                self._variables[name].assign(value.astype(np.float32))
            _, accuracy = self.training.evaluate(images, labels)
            self.accuracy.setdefault(kind, []).append(accuracy)
        self.tested.append(self.step)

    def _corrected(self, momentum: float) -> Statistics:
        """Return averages without the weight momentum^t of their start."""
        left = momentum**self.step
        return {
            name: (value - left * self._start[name]) / (1 - left)
            for name, value in self._averages[momentum].items()
        }

    def _precise(self) -> Statistics:
        """Return the statistics of many training batches, for the weights as they are now.

        The mean of the variances within the batches, plus the variance of their means.
        """
        sizes, batches = [], []
        for images, _ in self.training.batches.epoch(0).take(PRECISE_BATCHES):
            self._forward(images)
            sizes.append(len(images))
            batches.append(self._last_batch())
        found = {}
        for name in self._variables:
            layer, kind = name.split("/")
            means = np.array([batch[f"{layer}/moving_mean"] for batch in batches])
            mean = np.average(means, axis=0, weights=sizes)
            if kind == "moving_mean":
                found[name] = mean
            else:
                within = np.array([batch[name] for batch in batches])
                found[name] = np.average(within + (means - mean) ** 2, axis=0, weights=sizes)
        return found

    def save(self, folder: Path) -> None:
        """Write everything into a checkpoint."""
        arrays = {f"run/{name}": v.numpy() for name, v in self.training.variables.items()}
        for momentum, averages in self._averages.items():
            arrays |= {f"{momentum:g}/{name}": value for name, value in averages.items()}
        folder.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.save(folder, self.step, arrays, self._state())

    def _state(self) -> dict[str, Any]:
        made_by = {"config": changed_keys(self.training.config), "momenta": list(self._averages)}
        position = {"step": self.step, "tested": self.tested, "accuracy": self.accuracy}
        return {"made_by": made_by, **position}

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint, if there is one that was made by the same."""
        found = checkpoint.load_newest(folder)
        if found is None or found[1]["made_by"] != self._state()["made_by"]:
            return
        arrays, state = found
        for name, variable in self.training.variables.items():
            variable.assign(arrays[f"run/{name}"])
        for momentum in self._averages:
            self._averages[momentum] = {
                name: arrays[f"{momentum:g}/{name}"] for name in self._variables
            }
        self.step, self.tested, self.accuracy = state["step"], state["tested"], state["accuracy"]
