"""Run one configuration from the start, or from where it stopped, to its last epoch."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bnstudy import bfloat16, interrupts, provenance, run_folder, run_log
from bnstudy.config import Config
from bnstudy.data import load_dataset
from bnstudy.errors import UserError
from bnstudy.interrupts import Interrupted, StopRequest
from bnstudy.plots import plot_run
from bnstudy.progress import Progress
from bnstudy.training import Training, make_deterministic

NO_BFLOAT16 = (
    "this CPU has no bfloat16 instructions: convolutions take bfloat16 numbers in float32, which "
    "gives the same accuracy and no speed"
)


def run(
    config: Config, out_dir: str | Path, *, fresh: bool = False, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Train as configured and leave a run folder; what `bnstudy run` does.

    A run that stopped continues from its last checkpoint, bit for bit; a finished one is not run
    again. SIGINT and SIGTERM save and stop.

    Args:
        config: from `load_config`.
        out_dir: the run folder.
        fresh: start over; what is there is kept aside.
        command: for environment.json; the current process's unless given.

    Returns:
        The figures of the last epoch, as in result.json.

    Raises:
        UserError: the folder is in use or belongs to another configuration, the data cannot be had,
            the cost is not finite, the disk is full, or the memory is short.
        Interrupted: the run was asked to stop, and has saved its state.

    """
    folder = Path(out_dir)
    try:
        if not fresh and (result := run_folder.finished(folder, config)) is not None:
            return result
        make_deterministic()
        if config.training.precision == "bfloat16" and not bfloat16.is_native():
            warnings.warn(NO_BFLOAT16, stacklevel=2)
        dataset = load_dataset(config.data)  # first: without data, no folder is made
        with interrupts.listening() as stop, run_folder.opened(folder, config, fresh=fresh):
            return _run(Training(config, dataset), folder, list(command) or sys.argv, stop)
    except OSError as error:
        where = error.filename or folder
        raise UserError(
            f"{where}: {error.strerror or error}; what was saved before is whole, and the same "
            "command continues once the cause is mended"
        ) from error
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise UserError(
            f"{folder}: the memory is short; what was saved is whole; try a smaller "
            "training.batch_size or model.width in a new folder, or a larger machine"
        ) from error


def _run(training: Training, folder: Path, command: list[str], stop: StopRequest) -> dict[str, Any]:
    """Train in a folder that this process holds."""
    config = training.config
    training.restore(folder / "checkpoints")
    run_log.write_metrics(folder, training.position.rows)
    copies = 2 if config.data.augment else 1
    progress = Progress(config.training.epochs, copies * len(training.dataset.train_labels))
    with provenance.recorded(folder, command, training.step):
        try:
            _train(training, folder, progress, stop)
        finally:
            progress.close()
        plot_run(folder)
    result = run_log.result_from(training.position.rows, config, count_parameters(training))
    run_log.write_json(folder / "result.json", result)  # last: now the run has finished
    return result


def _train(training: Training, folder: Path, progress: Progress, stop: StopRequest) -> None:
    """Run the epochs that are left; save now and then, and when asked to stop."""
    checkpoints, options = folder / "checkpoints", training.config.checkpoint
    saved = time.monotonic()

    def save() -> None:
        nonlocal saved
        training.save(checkpoints)
        saved = time.monotonic()

    def stop_if_asked() -> None:
        if stop:
            save()
            raise Interrupted(f"{folder}: saved at step {training.step}")

    def after_step() -> None:
        stop_if_asked()
        by_steps = options.every_steps and training.step % options.every_steps == 0
        by_time = options.every_seconds and time.monotonic() - saved >= options.every_seconds
        if by_steps or by_time:
            save()

    while training.position.epoch < training.config.training.epochs:
        training.train_epoch(progress, after_step)
        row = training.finish_epoch(stop_if_asked)
        save()
        run_log.write_metrics(folder, training.position.rows)
        progress.end_epoch(row)


def count_parameters(training: Training) -> int:
    """Count the numbers that the optimizer changes."""
    return sum(int(np.prod(w.shape)) for w in training.model.parameters.values())
