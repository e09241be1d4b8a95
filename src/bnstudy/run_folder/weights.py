"""The weights of a finished run: all that its network needs to classify images.

weights.npz holds the parameters, the moving statistics and the standardization, each as an array
under its name, under "config" every key that affects a result, as JSON text, and under "sha256" the
checksum of it all. NumPy alone reads it, without pickle. Runs of older versions have none; then the
last checkpoint has what is needed (`load`).
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bnstudy.config.load import differences, load_config
from bnstudy.config.schema import Config, affects_results
from bnstudy.errors import UserError, one_line
from bnstudy.run_folder import checkpoint, npz
from bnstudy.run_folder.files import write_bytes_atomic
from bnstudy.run_folder.log import RunLog, load_log

FILE = "weights.npz"
EPOCHS = "epochs"  # the folder of the weights after every epoch (checkpoint.keep_epochs)
PICTURES = ("evaluation.png", "mistakes.png")  # which `bnstudy evaluate` draws from it


class Weights(NamedTuple):
    """The weights of a finished run."""

    run: RunLog
    arrays: dict[str, np.ndarray]  # checkpoints of older versions lack "standardization/..."
    source: Path  # the file that they were read from


def save(path: Path, config: Config, arrays: dict[str, np.ndarray]) -> None:
    """Write the file atomically; the same weights give the same bytes.

    Args:
        path: of the file, `weights.npz` in the run folder.
        config: of the run.
        arrays: parameters, moving statistics and standardization by name.

    """
    text = np.frombuffer(config_text(config).encode(), np.uint8)
    write_bytes_atomic(path, npz.pack({**dict(sorted(arrays.items())), "config": text}))


def save_epoch(run_folder: Path, config: Config, epoch: int, arrays: dict[str, np.ndarray]) -> None:
    """Keep the weights after an epoch, in the format of weights.npz."""
    (run_folder / EPOCHS).mkdir(exist_ok=True)
    save(run_folder / EPOCHS / f"epoch-{epoch:04d}.npz", config, arrays)


def config_text(config: Config) -> str:
    """Return the keys that affect a result as JSON: {"case": "c", ..., "bn.epsilon": 0.001, ...}.

    The others are a folder of somebody's machine, and how often the run was saved.
    """
    return json.dumps({k: value for k, value in config.flat().items() if affects_results(k)})


def load(run_folder: str | Path, *, unfinished: bool = False) -> Weights:
    """Read the weights of a finished run, without writing anything.

    Args:
        run_folder: its path; ~ is the home folder.
        unfinished: of a run that has not finished, or that diverged, read the newest checkpoint.

    Raises:
        UserError: it is not the folder of a finished run, it has neither weights nor checkpoints,
            or they are damaged or of another configuration.

    """
    run = load_log(run_folder)
    ended = run.result is not None and "diverged_at_step" not in run.result
    if not ended and not unfinished:
        raise _no_trained_network(run)
    path, newest = run.folder / FILE, checkpoint.newest(run.folder / "checkpoints")
    if ended and path.is_file():
        remedy = "remove it, and the last checkpoint is used" if newest else "restore it"
        return Weights(run, _from_file(path, run, remedy), path)
    if newest is None:
        raise UserError(
            f"{run.folder} has no {FILE}, and no checkpoints to take the weights from; copy the "
            "file there, or repeat the run in a new folder"
        )
    return Weights(run, _from_checkpoint(newest, run, unfinished=not ended), newest)


def load_epochs(run_folder: str | Path) -> dict[int, dict[str, np.ndarray]]:
    """Read the weights after every epoch, as far as they were kept (checkpoint.keep_epochs).

    Args:
        run_folder: its path; ~ is the home folder.

    Returns:
        The arrays of each epoch, counted from 1; empty where none were kept.

    Raises:
        UserError: it is not a run folder, or a file is damaged or of another configuration.

    """
    run, found = load_log(run_folder), {}
    for path in sorted((run.folder / EPOCHS).glob("epoch-*.npz")):
        if not re.fullmatch(r"epoch-\d+", path.stem):
            continue  # a copy that a file manager has made
        arrays, keys = _read(path, "remove it")
        _check_same(path, run, {**keys, "training.epochs": run.config.training.epochs})
        found[int(path.stem.removeprefix("epoch-"))] = arrays
    return found


def _no_trained_network(run: RunLog) -> UserError:
    """Return the error of a run that has not finished, or that diverged."""
    if run.result is None:
        done, asked = len(run.metrics["epoch"]), run.config.training.epochs
        return UserError(
            f"{run.folder} has not finished: it has {done} of {asked} epochs; the command that "
            "started it continues it"
        )
    return UserError(f"{run.folder} diverged, so that it has no trained network")


def _from_file(path: Path, run: RunLog, remedy: str) -> dict[str, np.ndarray]:
    arrays, keys = _read(path, remedy)
    _check_same(path, run, keys)
    return arrays


def _read(path: Path, remedy: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save` wrote: the arrays, and the keys of the configuration."""
    try:
        arrays = npz.read(path)
        keys = json.loads(arrays.pop("config").tobytes())
    except (OSError, MemoryError):  # the disk's or the machine's fault, not the file's
        raise
    except Exception as error:  # a damaged zip can raise nearly anything else
        raise UserError(f"{path} is damaged: {one_line(error)}; {remedy}") from None
    return arrays, keys


def _from_checkpoint(path: Path, run: RunLog, unfinished: bool) -> dict[str, np.ndarray]:
    """Return the arrays of a checkpoint without the optimizer's state, whose names are longer."""
    try:
        arrays, state = checkpoint.load(path)
        epoch, step, made_by = state["epoch"], state["step"], state.get("made_by")
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise UserError(
            f"{path} is damaged: {one_line(error)}; the run has to be repeated in a new folder"
        ) from None
    finished = None if unfinished else (run.result or {})["epochs"]
    if finished is not None and (epoch, step) != (finished, 0):
        raise UserError(
            f"{path} is not the end of the run: it was saved in epoch {epoch + (step > 0)}, and "
            f"result.json is of epoch {finished}"
        )
    if made_by is not None:  # not before version 0.1
        epochs = run.config.training.epochs if finished is None else epoch
        _check_same(path, run, {**made_by["config"], "training.epochs": epochs})
    return {name: array for name, array in arrays.items() if name.count("/") == 1}


def _check_same(path: Path, run: RunLog, keys: dict[str, Any]) -> None:
    """Refuse weights that another configuration made; keys that are not given are defaults."""
    try:
        made_by = load_config(overrides=keys)
    except UserError as error:
        raise UserError(f"{path} has no configuration of this version: {one_line(error)}") from None
    if different := differences(run.config, made_by):
        raise UserError(
            f"{path} is of another configuration than config.yaml ({'; '.join(different)}); "
            "restore the file that belongs to this run"
        )
