"""Run one configuration from the start, or from where it stopped, to its last epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bnstudy import checkpoint, run_folder, run_log
from bnstudy.config import Config
from bnstudy.data import Dataset, load_dataset
from bnstudy.data.batches import TrainingBatches, standardizers
from bnstudy.model import Model
from bnstudy.optimizers import Optimizer, learning_rate
from bnstudy.plots import plot_run
from bnstudy.progress import Progress
from bnstudy.steps import make_evaluate, make_train_step

_PRECISIONS = {"float32": tf.float32, "bfloat16": tf.bfloat16}


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
    """All that a run consists of: data, network, optimizer and position.

    Args:
        config: the whole configuration.
        dataset: uint8 images.

    """

    def __init__(self, config: Config, dataset: Dataset):
        self.config, self.dataset = config, dataset
        self.model = Model(config, tf.float32, _PRECISIONS[config.training.precision])
        self.optimizer = Optimizer(config.optimizer, self.model.parameters)
        standardize = standardizers(dataset, config.data.standardize)
        self.batches = TrainingBatches(config, dataset, standardize.train)
        self.train_step = make_train_step(self.model, self.optimizer, config.training.gradients)
        self._evaluate = make_evaluate(self.model, standardize.test)
        self.position = Position()

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Every variable of the run by its name in the checkpoint."""
        return {**self.model.parameters, **self.model.statistics, **self.optimizer.state}

    def train_epoch(self, progress: Progress) -> None:
        """Show the network what is left of the epoch."""
        at = self.position
        rate = learning_rate(self.config.optimizer, at.epoch)
        progress.start_epoch(at.epoch + 1, at.images)
        before = time.monotonic()
        for images, labels in self.batches.epoch(at.epoch, at.step):
            cost, correct = self.train_step(images, labels, rate)
            count = len(labels)
            at.cost_sum += float(cost) * count
            at.correct += int(correct)
            at.images += count
            at.step += 1
            now = time.monotonic()
            at.seconds, before = at.seconds + now - before, now
            progress.update(count, at.cost_sum / at.images, at.correct / at.images)

    def finish_epoch(self) -> dict[str, Any]:
        """Test, and move on to the next epoch; returns the row of metrics.csv."""
        at, start = self.position, time.monotonic()
        test_cost, test_accuracy = self._evaluate(
            self.dataset.test_images, self.dataset.test_labels
        )
        row = {
            "epoch": at.epoch + 1,
            "learning_rate": learning_rate(self.config.optimizer, at.epoch),
            "images": sum_images(at),
            "train_cost": at.cost_sum / at.images,
            "train_accuracy": at.correct / at.images,
            "test_cost": test_cost,
            "test_accuracy": test_accuracy,
            "train_seconds": round(at.seconds, 3),
            "test_seconds": round(time.monotonic() - start, 3),
        }
        self.position = Position(epoch=at.epoch + 1, rows=[*at.rows, row])
        return row

    def save(self, folder: Path) -> None:
        """Write a checkpoint of everything."""
        at = self.position
        arrays = {name: variable.numpy() for name, variable in self.variables.items()}
        step = at.epoch * self.batches.steps + at.step
        checkpoint.save(folder, step, arrays, asdict(at))

    def restore(self, folder: Path) -> None:
        """Continue from the newest checkpoint, if there is one."""
        saved = checkpoint.load_newest(folder)
        if saved is None:
            return
        arrays, position = saved
        for name, variable in self.variables.items():
            variable.assign(arrays[name])
        self.position = Position(**position)


def sum_images(at: Position) -> int:
    """Count the images shown since the start of the run."""
    return at.images + (at.rows[-1]["images"] if at.rows else 0)


def run(
    config: Config, out_dir: str | Path, *, fresh: bool = False, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Train as configured and leave a run folder; what `bnstudy run` does.

    A run that stopped continues from its last checkpoint; a finished one is not run again.

    Args:
        config: from `load_config`.
        out_dir: the run folder.
        fresh: start over; what is there is kept aside.
        command: for environment.json; the current process's unless given.

    Returns:
        The figures of the last epoch, as in result.json.

    Raises:
        UserError: the folder belongs to another configuration, or the data cannot be had.

    """
    folder = Path(out_dir)
    result = run_folder.open_folder(folder, config, fresh=fresh)
    if result is not None:
        return result
    training = Training(config, load_dataset(config.data))
    training.restore(folder / "checkpoints")
    run_log.write_json(folder / "environment.json", run_log.environment(list(command) or sys.argv))
    copies = 2 if config.data.augment else 1
    progress = Progress(config.training.epochs, copies * len(training.dataset.train_labels))
    try:
        while training.position.epoch < config.training.epochs:
            training.train_epoch(progress)
            row = training.finish_epoch()
            training.save(folder / "checkpoints")
            run_log.write_metrics(folder, training.position.rows)
            progress.end_epoch(row)
    finally:
        progress.close()
    result = run_log.result_from(training.position.rows, config, count_parameters(training.model))
    run_log.write_json(folder / "result.json", result)
    plot_run(folder)
    return result


def count_parameters(model: Model) -> int:
    """Count the numbers that the optimizer changes."""
    return sum(int(np.prod(w.shape)) for w in model.parameters.values())
