"""All that a run consists of: data, network, optimizer, and where it stands."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bnstudy import checkpoint
from bnstudy.config import Config
from bnstudy.config_schema import changes_figures
from bnstudy.data import Dataset
from bnstudy.data.batches import TrainingBatches, standardizers
from bnstudy.errors import UserError
from bnstudy.model import Model
from bnstudy.optimizers import Optimizer, learning_rate
from bnstudy.progress import Progress
from bnstudy.steps import make_evaluate, make_train_step, start_sums

READ_EVERY = 0.1  # seconds; a device is asked for its sums no more often
PRECISIONS = {"float32": tf.float32, "bfloat16": tf.bfloat16}


@dataclass
class Position:
    """Where a run stands, and the running sums of the epoch it is in."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the epoch that is under way
    images: int = 0  # shown to the network in this epoch
    cost_sum: float = 0.0  # over those images, nats
    correct: int = 0  # of those images
    seconds: float = 0.0  # spent on training in this epoch
    rows: list[dict[str, Any]] = field(default_factory=list)  # of metrics.csv


class Training:
    """A run in memory: it trains, tests, saves itself and continues from what it saved.

    Args:
        config: the whole configuration.
        dataset: uint8 images.

    """

    def __init__(self, config: Config, dataset: Dataset):
        self.config, self.dataset = config, dataset
        self.model = Model(config, tf.float32, PRECISIONS[config.training.precision])
        self.optimizer = Optimizer(config.optimizer, self.model.parameters)
        standardize = standardizers(dataset, config.data.standardize)
        self.batches = TrainingBatches(config, dataset, standardize.train)
        self.train_step = make_train_step(self.model, self.optimizer, config.training.gradients)
        self._evaluate = make_evaluate(self.model, standardize.test)
        self.position, self._sums = Position(), start_sums()
        self._identity = _identity(config, dataset)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Every variable of the run by its name in the checkpoint."""
        return {**self.model.parameters, **self.model.statistics, **self.optimizer.state}

    @property
    def step(self) -> int:
        """Steps since the start of the run."""
        return self.position.epoch * self.batches.steps + self.position.step

    @property
    def rate(self) -> float:
        """The learning rate of this epoch."""
        return learning_rate(self.config.optimizer, self.position.epoch)

    def train_epoch(self, progress: Progress, after_step: Callable[[], None]) -> None:
        """Show the network what is left of the epoch.

        Args:
            progress: told where the epoch stands, every tenth of a second.
            after_step: called after every step, when the state is whole; may raise to stop.

        Raises:
            UserError: the cost is not finite.

        """
        position, before = self.position, time.monotonic()
        rate = tf.constant(self.rate, tf.float64)
        self._sums, read = start_sums(position.cost_sum, position.correct), before
        progress.start_epoch(position.epoch + 1, position.images)
        for images, labels in self.batches.epoch(position.epoch, position.step):
            self._sums = self.train_step(images, labels, rate, self._sums)
            position.images += len(labels)
            position.step += 1
            last = position.step == self.batches.steps
            if last or time.monotonic() - read >= READ_EVERY:
                self._read_sums()
                read = time.monotonic()
                progress.update(
                    position.images,
                    position.cost_sum / position.images,
                    position.correct / position.images,
                )
            now = time.monotonic()
            position.seconds, before = position.seconds + now - before, now
            after_step()

    def _read_sums(self) -> None:
        """Wait for the device, and note the sums of this epoch."""
        position = self.position
        position.cost_sum, position.correct = float(self._sums.cost), int(self._sums.correct)
        if not math.isfinite(position.cost_sum):
            raise self.diverged(f"the cost became {position.cost_sum}")

    def finish_epoch(self, after_batch: Callable[[], None]) -> dict[str, Any]:
        """Test, and move on to the next epoch.

        Args:
            after_batch: called after every batch of test images; may raise to stop.

        Returns:
            The row of metrics.csv.

        Raises:
            UserError: the cost is not finite.

        """
        position, start = self.position, time.monotonic()
        images, labels = self.dataset.test_images, self.dataset.test_labels
        test_cost, test_accuracy = self._evaluate(images, labels, after_batch=after_batch)
        if not math.isfinite(test_cost):
            raise self.diverged(f"the test cost became {test_cost}")
        row = {
            "epoch": position.epoch + 1,
            "learning_rate": self.rate,
            "images": position.images + (position.rows[-1]["images"] if position.rows else 0),
            "train_cost": position.cost_sum / position.images,
            "train_accuracy": position.correct / position.images,
            "test_cost": test_cost,
            "test_accuracy": test_accuracy,
            "train_seconds": round(position.seconds, 3),
            "test_seconds": round(time.monotonic() - start, 3),
        }
        self.position = Position(epoch=position.epoch + 1, rows=[*position.rows, row])
        return row

    def save(self, folder: Path) -> None:
        """Write a checkpoint of everything.

        Args:
            folder: `checkpoints` of the run folder.

        Raises:
            UserError: a weight is not finite; what was saved before stays.

        """
        if self.position.step:
            self._read_sums()
        arrays = {name: variable.numpy() for name, variable in self.variables.items()}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise self.diverged(f"{name} holds a number that is not finite")
        checkpoint.save(folder, self.step, arrays, {**asdict(self.position), "of": self._identity})

    def restore(self, folder: Path) -> None:
        """Continue from the newest whole checkpoint, if there is one.

        Args:
            folder: `checkpoints` of the run folder.

        Raises:
            UserError: the checkpoints are damaged, or are of another network or version.

        """
        saved = checkpoint.load_newest(folder)
        if saved is None:
            return
        arrays, position = saved
        if position.pop("of", None) != self._identity:
            raise UserError(
                f"{folder}: the checkpoint is of another configuration, other images or another "
                "version of bnstudy; start over with --fresh"
            )
        variables = self.variables
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        names = {part.name for part in fields(Position)}
        if shapes != {n: a.shape for n, a in arrays.items()} or names != position.keys():
            raise UserError(
                f"{folder}: the checkpoint is of another network or version of bnstudy; "
                "start over with --fresh"
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])
        self.position = Position(**position)
        self._sums = start_sums(self.position.cost_sum, self.position.correct)

    def diverged(self, what: str) -> UserError:
        """Say where the run broke down and what to try."""
        position, tries = self.position, ["a smaller optimizer.learning_rate"]
        if self.config.model.batch_norm == "none":
            tries.append("model.batch_norm=custom")
        if self.config.training.precision != "float32":
            tries.append("training.precision=float32")
        return UserError(
            f"{what} by step {self.step} (epoch {position.epoch + 1}, step {position.step} of "
            f"{self.batches.steps}), learning rate {self.rate:.4g}; what was saved is whole; "
            f"in a new folder, try {' or '.join(tries)}"
        )


def make_deterministic() -> None:
    """Have TensorFlow choose kernels that give the same bits every time; a CPU's do so anyhow."""
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def _identity(config: Config, dataset: Dataset) -> str:
    """Return a SHA-256 of all that decides the figures: the keys that count, and the images."""
    keys = {key: value for key, value in config.flat().items() if changes_figures(key)}
    digest = hashlib.sha256(json.dumps(keys, sort_keys=True).encode())
    for array in dataset:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
