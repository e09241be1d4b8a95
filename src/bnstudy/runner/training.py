"""The state of a training run: data, model, optimizer and position."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bnstudy.backend import devices, tf_config
from bnstudy.config.load import changed_keys, load_config
from bnstudy.config.schema import Config
from bnstudy.data.batches import TrainingBatches
from bnstudy.data.dataset import Dataset
from bnstudy.data.standardize import standardizers
from bnstudy.errors import UserError
from bnstudy.run_folder import checkpoint
from bnstudy.run_folder.advice import START_OVER
from bnstudy.run_folder.log import EpochMetrics
from bnstudy.runner.optimizers import learning_rate
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.replicas import copy_to_all, make_replicas, make_replicated_step
from bnstudy.runner.steps import make_evaluate, make_sums, make_train_step

SYNC_INTERVAL = 0.1  # seconds; the running sums are not copied from the device more often
PRECISIONS = {"float32": tf.float32, "bfloat16": tf.bfloat16}


class Diverged(UserError):
    """The cost, or a weight, is no longer finite."""


@dataclass
class TrainState:
    """The position of a run, and the running sums of its current epoch."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the current epoch
    images: int = 0  # shown to the network in this epoch
    cost_sum: float = 0.0  # over those images, nats
    correct: int = 0  # of those images
    seconds: float = 0.0  # spent on training in this epoch
    rows: list[EpochMetrics] = field(default_factory=list)  # of metrics.csv

    def as_json(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it."""
        return {**asdict(self), "rows": [row._asdict() for row in self.rows]}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "TrainState":
        """Read what `as_json` returned.

        Raises:
            TypeError: it has other fields.

        """
        return cls(**{**saved, "rows": [EpochMetrics(**row) for row in saved["rows"]]})


class Training:
    """A run in memory: it trains, tests, saves itself and continues from what it saved.

    Args:
        config: of the run.
        dataset: uint8 images.

    """

    def __init__(self, config: Config, dataset: Dataset):
        self.config, self.dataset = config, dataset
        names = devices.choose(config.training.devices)
        config = settled(config, len(names) * tf_config.place().workers)
        compute_dtype = PRECISIONS[config.training.precision]
        self.replicas = make_replicas(config, tf.float32, compute_dtype, names)
        self.model, self.optimizer = self.replicas[0]
        standardize = standardizers(dataset, config.data.standardize)
        self.standardization = standardize.test
        self.batches = TrainingBatches(config, dataset, standardize.train)
        steps, gradients = config.training.epochs * self.batches.steps, config.training.gradients
        if config.training.devices == 1:
            self.train_step = make_train_step(self.model, self.optimizer, gradients, steps)
        else:
            self.train_step = make_replicated_step(self.replicas, names, config, steps)
        self.evaluate = make_evaluate(self.model, standardize.test)
        self.state, self._sums = TrainState(), make_sums()
        self._records = config.training.on_divergence == "record"
        # To name the step at which the cost is no longer finite, every step has to be looked at.
        self._sync_interval = 0.0 if self._records else SYNC_INTERVAL
        self._made_by = _made_by(config, dataset)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Every variable of the run by its name in the checkpoint."""
        return self.replicas[0].variables

    @property
    def step(self) -> int:
        """Steps since the start of the run."""
        return self.state.epoch * self.batches.steps + self.state.step

    @property
    def images_of_an_epoch(self) -> int:
        """Images that an epoch shows to the network, copies included."""
        return self.config.data.copies * len(self.dataset.train_labels)

    @property
    def rate(self) -> float:
        """The learning rate of this epoch."""
        return learning_rate(self.config.optimizer, self.state.epoch)

    def train_epoch(self, progress: ProgressBar, after_step: Callable[[], None]) -> None:
        """Train on the remaining batches of the epoch.

        Args:
            progress: shows the position in the epoch, every tenth of a second.
            after_step: called after every step, when the state is consistent; may raise to stop.

        Raises:
            UserError: the cost is not finite.

        """
        state, before = self.state, time.monotonic()
        rate = tf.constant(self.rate, tf.float64)
        self._sums, synced = make_sums(state.cost_sum, state.correct), before
        progress.start_epoch(state.epoch + 1, state.images)
        for images, labels in self.batches.epoch(state.epoch, state.step):
            self._sums = self.train_step(images, labels, rate, self.step, self._sums)
            state.images += len(labels)
            state.step += 1
            last = state.step == self.batches.steps
            if last or time.monotonic() - synced >= self._sync_interval:
                self._sync_sums()
                synced = time.monotonic()
                progress.update(
                    state.images, state.cost_sum / state.images, state.correct / state.images
                )
            now = time.monotonic()
            state.seconds, before = state.seconds + now - before, now
            after_step()

    def _sync_sums(self) -> None:
        """Copy the running sums from the device (this blocks)."""
        state = self.state
        state.cost_sum, state.correct = float(self._sums.cost), int(self._sums.correct)
        if not math.isfinite(state.cost_sum):
            raise self.diverged(f"the cost became {state.cost_sum}")

    def finish_epoch(self, after_batch: Callable[[], None]) -> EpochMetrics:
        """Test, and move on to the next epoch.

        Args:
            after_batch: called after every batch of test images; may raise to stop.

        Returns:
            The row of metrics.csv.

        Raises:
            UserError: the cost is not finite.

        """
        start = time.monotonic()
        images, labels = self.dataset.test_images, self.dataset.test_labels
        test_cost, test_accuracy = self.evaluate(images, labels, after_batch=after_batch)
        if not math.isfinite(test_cost):
            raise self.diverged(f"the test cost became {test_cost}")
        return self._end_epoch(test_cost, test_accuracy, time.monotonic() - start)

    def _end_epoch(self, test_cost: float, test_accuracy: float, seconds: float) -> EpochMetrics:
        """Append the row of this epoch, and move on to the next one."""
        state = self.state
        row = EpochMetrics(
            epoch=state.epoch + 1,
            learning_rate=self.rate,
            images=state.images + (state.rows[-1].images if state.rows else 0),
            train_cost=state.cost_sum / state.images,
            train_accuracy=state.correct / state.images,
            test_cost=test_cost,
            test_accuracy=test_accuracy,
            train_seconds=round(state.seconds, 3),
            test_seconds=round(seconds, 3),
        )
        self.state = TrainState(epoch=state.epoch + 1, rows=[*state.rows, row])
        return row

    def save(self, folder: Path) -> None:
        """Write a checkpoint of everything, including the standardization of the input.

        Args:
            folder: `checkpoints` of the run folder.

        Raises:
            UserError: a weight is not finite; the earlier checkpoints stay.

        """
        if self.state.step:
            self._sync_sums()
        arrays = {name: variable.numpy() for name, variable in self.variables.items()}
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                if self._records:
                    return  # the next step's cost, or the test's, will not be finite either
                raise self.diverged(f"{name} holds a number that is not finite")
        arrays |= self.weights()
        saved = {**self.state.as_json(), "made_by": self._made_by}
        checkpoint.save(folder, self.step, arrays, saved)

    def weights(self) -> dict[str, np.ndarray]:
        """Return what predictions need: parameters, moving statistics and standardization."""
        arrays = {
            name: variable.numpy()
            for name, variable in self.variables.items()
            if name not in self.optimizer.state
        }
        for name, array in vars(self.standardization).items():
            arrays[f"standardization/{name}"] = array
        return arrays

    def restore(self, folder: Path) -> None:
        """Continue from the newest intact checkpoint, if there is one.

        Args:
            folder: `checkpoints` of the run folder.

        Raises:
            UserError: the checkpoints are corrupt, or of another network, other images or another
                version.

        """
        found = checkpoint.load_newest(folder)
        if found is None:
            return
        arrays, saved = found
        made_by = saved.pop("made_by", None)
        saved.pop("of", None)  # from version 0.1: a checksum of the keys that it had
        if made_by is not None and made_by != self._made_by:
            raise UserError(
                f"{folder}: the checkpoint is of another configuration or of other images; "
                f"{START_OVER}"
            )
        variables = self.variables
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        known = {part.name for part in fields(TrainState)}
        if known != saved.keys() or shapes != {
            name: array.shape
            for name, array in arrays.items()
            if not name.startswith("standardization/")
        }:
            raise UserError(
                f"{folder}: the checkpoint is of another network or version of bnstudy; "
                f"{START_OVER}"
            )
        for name, variable in variables.items():
            variable.assign(arrays[name])
        copy_to_all(self.replicas)
        self.state = TrainState.from_json(saved)
        self._sums = make_sums(self.state.cost_sum, self.state.correct)

    def record_divergence(self) -> int:
        """Make the epoch in which the cost ceased to be finite the last one.

        Its training metrics are those up to the step of the divergence; of the test, only the
        accuracy is a number.

        Returns:
            The number of finished steps, the one that diverged included.

        """
        step = self.step
        _, test_accuracy = self.evaluate(self.dataset.test_images, self.dataset.test_labels)
        self._end_epoch(math.nan, test_accuracy, 0.0)
        return step

    def diverged(self, what: str) -> Diverged:
        """Return the error that says where the run diverged and what to try."""
        state, tries = self.state, ["a smaller optimizer.learning_rate"]
        if self.config.model.batch_norm == "none":
            tries.append("model.batch_norm=custom")
        if self.config.training.precision != "float32":
            tries.append("training.precision=float32")
        return Diverged(
            f"{what} by step {self.step} (epoch {state.epoch + 1}, step {state.step} of "
            f"{self.batches.steps}), learning rate {self.rate:.4g}; the last checkpoint is intact; "
            f"in a new folder, try {' or '.join(tries)}"
        )


def settled(config: Config, devices: int) -> Config:
    """Return the configuration with the number of devices in the place of "auto".

    Raises:
        UserError: it does not go together with the other keys.

    """
    if config.training.devices == devices:
        return config
    return load_config(overrides={**config.flat(), "training.devices": devices})


def _made_by(config: Config, dataset: Dataset) -> dict[str, Any]:
    """Return everything that determines the results, except the number of epochs.

    Of the configuration, only the keys that are not at their default, so that a key that a later
    version adds does not invalidate the checkpoints of an earlier one.
    """
    digest = hashlib.sha256()
    for array in dataset:
        digest.update(np.ascontiguousarray(array).data)
    changed = changed_keys(config)
    if config.can_change_devices():
        changed.pop("training.devices", None)
    if config.can_be_extended():
        changed.pop("training.epochs", None)
    return {"config": changed, "images": digest.hexdigest()}
