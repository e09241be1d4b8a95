"""The loop over epochs: train, test, save, from the start or from the last checkpoint."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bnstudy import interrupts
from bnstudy.backend import bfloat16, cluster, devices, tf_config
from bnstudy.config.schema import Config
from bnstudy.data.dataset import load_dataset
from bnstudy.errors import UserError
from bnstudy.interrupts import Interrupted, StopRequest
from bnstudy.plots.figures import plot_run
from bnstudy.run_folder import files, log, weights
from bnstudy.run_folder.folder import claim, extend, finished_result
from bnstudy.run_folder.provenance import record_run
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.training import Diverged, Training

NO_BFLOAT16 = (
    "this CPU has no bfloat16 instructions: convolutions of bfloat16 numbers run in float32, which "
    "is as accurate but no faster"
)


Watch = Callable[[Path, Training], None]


def train_to_the_end(
    config: Config, folder: Path, *, fresh: bool, command: list[str], watch: Watch
) -> dict[str, Any]:
    """Do the work of `bnstudy.run`, with TensorFlow imported.

    Args:
        config: of the run.
        folder: the run folder.
        fresh: start over; what is there is kept aside.
        command: for environment.json.
        watch: called with the folder and the run whenever metrics.csv has been written.

    Returns:
        The content of result.json.

    Raises:
        UserError: as `bnstudy.run`.
        Interrupted: as `bnstudy.run`.

    """
    with _one_line_errors(folder):
        devices.prepare()
        if config.training.precision == "bfloat16" and not bfloat16.is_native():
            warnings.warn(NO_BFLOAT16, stacklevel=4)
        dataset = load_dataset(config.data)  # first: without data, no folder is made
        with interrupts.graceful_stop() as stop:
            if not tf_config.is_chief():
                return _follow(Training(config, dataset), folder, stop, watch)
            with claim(folder, config, fresh=fresh):
                if (result := finished_result(folder, config)) is not None:
                    return result  # another process has finished it since we looked
                return _run(Training(config, dataset), folder, command, stop, watch)


@contextlib.contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    """Turn a lack of disk space or memory, or of another worker, into a UserError."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise UserError(
            f"{where}: {error.strerror or error}; the last checkpoint is intact, and the same "
            "command continues once the problem is fixed"
        ) from error
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if tf_config.place().workers == 1:  # nobody to lose: a mistake of ours
            raise
        raise UserError(
            f"{folder}: another worker of TF_CONFIG was lost; the last checkpoint is intact, and "
            "the run continues once the same commands are started on all of them again"
        ) from error
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise UserError(
            f"{folder}: out of memory; the last checkpoint is intact; try a smaller "
            "training.batch_size or model.width in a new folder, or a larger machine"
        ) from error


def _follow(training: Training, folder: Path, stop: StopRequest, watch: Watch) -> dict[str, Any]:
    """Train as one of several workers, whose first one has the folder and alone writes to it."""
    _start_together(training, folder)
    progress = ProgressBar(training.config.training.epochs, training.images_of_an_epoch)
    try:
        diverged_at = _train(training, folder, progress, stop, watch)
    finally:
        progress.close()
    result = log.result_from(training.state.rows, training.config, count_parameters(training))
    return result if diverged_at is None else {**result, "diverged_at_step": diverged_at}


def _start_together(training: Training, folder: Path) -> None:
    """Restore the last checkpoint, on the first worker before the others, and on all the same.

    Raises:
        UserError: the checkpoints are wrong, or the workers do not see the same.

    """
    if tf_config.is_chief():
        training.restore(folder / "checkpoints")
    cluster.total(0)  # wait: the folder is claimed, and stays as it is until all have read it
    if not tf_config.is_chief():
        training.restore(folder / "checkpoints")
    if cluster.total(training.step) != training.step * tf_config.place().workers:
        raise UserError(
            f"{folder}: the workers of TF_CONFIG see different checkpoints; the run folder must be "
            "on storage that all of them share"
        )


def _run(
    training: Training, folder: Path, command: list[str], stop: StopRequest, watch: Watch
) -> dict[str, Any]:
    """Train in a folder that this process has locked."""
    config = training.config
    _start_together(training, folder)
    extend(folder, config)
    _write_metrics(training, folder, watch)
    progress = ProgressBar(config.training.epochs, training.images_of_an_epoch)
    with record_run(folder, command, training.step):
        try:
            diverged_at = _train(training, folder, progress, stop, watch)
        finally:
            progress.close()
        plot_run(folder)
    result = log.result_from(training.state.rows, config, count_parameters(training))
    if diverged_at is None:
        weights.save(folder / weights.FILE, config, training.weights())
    else:
        result["diverged_at_step"] = diverged_at
    files.write_json(folder / "result.json", result)  # last: now the run has finished
    return result


def _write_metrics(training: Training, folder: Path, watch: Watch) -> None:
    if tf_config.is_chief():  # of several workers, one writes
        log.write_metrics(folder, training.state.rows)
        watch(folder, training)


def _train(
    training: Training, folder: Path, progress: ProgressBar, stop: StopRequest, watch: Watch
) -> int | None:
    """Run the remaining epochs; save at intervals, and when asked to stop.

    Returns:
        None, or the step at which the run diverged, if the configuration wants that recorded.

    """
    checkpoints, config = folder / "checkpoints", training.config
    saved = time.monotonic()

    def save() -> None:
        nonlocal saved
        if tf_config.is_chief():
            training.save(checkpoints)
        saved = time.monotonic()

    def stop_if_asked() -> None:
        if cluster.total(bool(stop)):  # on any of several workers
            save()
            raise Interrupted(f"{folder}: saved at step {training.step}")

    def after_step() -> None:
        stop_if_asked()
        every_steps, every_seconds = config.checkpoint.every_steps, config.checkpoint.every_seconds
        by_steps = every_steps and training.step % every_steps == 0
        by_time = every_seconds and time.monotonic() - saved >= every_seconds
        if by_steps or by_time:
            save()

    while training.state.epoch < config.training.epochs:
        try:
            training.train_epoch(progress, after_step)
            row = training.finish_epoch(stop_if_asked)
        except Diverged:
            if config.training.on_divergence == "stop":
                raise
            step = training.record_divergence()
            _write_metrics(training, folder, watch)
            return step
        if config.checkpoint.keep_epochs and tf_config.is_chief():
            weights.save_epoch(folder, config, training.state.epoch, training.weights())
        save()
        _write_metrics(training, folder, watch)
        progress.end_epoch(row)
    return None


def count_parameters(training: Training) -> int:
    """Return the number of trainable parameters."""
    return sum(int(np.prod(w.shape)) for w in training.model.parameters.values())
