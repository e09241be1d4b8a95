"""Create, lock and check run folders."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from bnstudy.config.load import differences, load_config
from bnstudy.config.schema import Config
from bnstudy.errors import UserError
from bnstudy.paths import is_clutter
from bnstudy.run_folder import checkpoint, events, files, log, training_images, weights
from bnstudy.run_folder.advice import NEW_FOLDER, START_OVER
from bnstudy.run_folder.name import ASIDE

IN_USE = "is in use by"  # in the message that says so
PATIENCE = 0.2  # seconds: checking whether a folder is in use locks it for a moment


def lock_of(folder: Path) -> Path:
    """Return the file whose lock means that the folder is in use."""
    return folder.with_name(f".{folder.name}.lock")


def holder_of(folder: Path) -> Path:
    """Return the file that says who uses the folder."""
    return folder.with_name(f".{folder.name}.lock.json")


def finished_result(folder: Path, config: Config) -> dict[str, Any] | None:
    """Return the result of a run that has finished, without writing anything; else None.

    Args:
        folder: the run folder, which need not exist.
        config: of the run.

    Raises:
        UserError: the folder was made by another configuration, or is damaged.

    """
    if (folder / "config.yaml").is_file():
        _check_same(folder, config)
    if not (folder / "result.json").is_file():
        return None
    run = log.load_log(folder)
    epochs = int((run.result or {})["epochs"])
    if epochs > config.training.epochs:
        raise UserError(
            f"{folder} has {epochs} epochs already, more than training.epochs "
            f"{config.training.epochs}; {NEW_FOLDER}"
        )
    ended = epochs == config.training.epochs or "diverged_at_step" in (run.result or {})
    return run.result if ended else None  # None: to be extended


@contextmanager
def claim(folder: Path, config: Config, *, fresh: bool = False) -> Iterator[None]:
    """Lock the folder, new or made by this configuration, so that no other process writes to it.

    What is made here for a run that is refused before its training begins is removed again, and
    what was moved aside comes back: the corrected command finds the folder as this one did.

    A run, finished or not, can be extended when the configuration asks for more epochs; `extend`
    does it, once the checkpoint has been read. The lock is the operating system's: it ends with the
    process, even if that is killed. It is beside the folder, so that it stays where it is when the
    folder is moved aside.

    Args:
        folder: the run folder.
        config: of the run.
        fresh: move what is there aside, under a new name.

    Raises:
        UserError: the folder is in use, was made by another configuration, or is not a run folder.

    """
    folder = folder.resolve()
    if not folder.name:
        raise UserError(f"{folder} is not a run folder; {NEW_FOLDER}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        aside = None
        if folder.exists():
            _refuse_other_files(folder)
            aside = backup(folder) if fresh else None
        is_new = not (folder / "config.yaml").exists()
        folder.mkdir(exist_ok=True)
        _write_or_check_config(folder, config)
        try:
            yield
        except BaseException:
            if is_new:
                _unmake(folder, aside)
            raise


def backup(folder: Path) -> Path:
    """Rename a folder to the first free one of NAME.old-1, NAME.old-2, ..."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}{ASIDE}{number}")).exists():
        number += 1
    return folder.rename(aside)


def _unmake(folder: Path, aside: Path | None) -> None:
    """Remove a new folder, unless it holds more than `claim` has made; bring back the old one."""
    made = {"config.yaml", "metrics.csv"}
    if {path.name for path in folder.iterdir() if not is_clutter(path.name)} != made:
        return  # the training has begun
    for name in made:
        (folder / name).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
        if aside is not None:
            aside.rename(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock, and write down who holds it."""
    lock, note = filelock.FileLock(lock_of(folder), timeout=PATIENCE), holder_of(folder)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"{folder} {IN_USE} {_read_holder(note)}; wait or stop it") from None
    try:
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
        files.write_json(note, holder)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def user_of(folder: Path) -> str | None:
    """Return who uses a folder, in words; None: nobody."""
    folder = folder.resolve()
    if not lock_of(folder).exists():
        return None
    try:
        with filelock.FileLock(lock_of(folder), timeout=0):
            return None
    except filelock.Timeout:
        return _read_holder(holder_of(folder))


def _read_holder(note: Path) -> str:
    try:
        holder = files.read_json(note) or {}
    except UserError:  # it is being written
        holder = {}
    if not {"pid", "host", "started"} <= holder.keys():
        return "another process"
    return f"process {holder['pid']} on {holder['host']} since {holder['started']}"


def _refuse_other_files(folder: Path) -> None:
    """Refuse a folder that holds files but no run."""
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; {NEW_FOLDER}")
    paths = folder.iterdir()
    names = {p.name for p in paths if not files.is_temporary(p) and not is_clutter(p.name)}
    if (folder / "config.yaml").exists() and not (folder / "config.yaml").is_file():
        raise UserError(f"{folder}: config.yaml is not a regular file; {NEW_FOLDER}")
    if "config.yaml" not in names and (others := names - {"metrics.csv"}):
        raise UserError(f"{folder} is not a run folder (it contains {min(others)}); {NEW_FOLDER}")


def _write_or_check_config(folder: Path, config: Config) -> None:
    """Write config.yaml into a new folder, or check the one that is there."""
    inside = ("checkpoints", weights.EPOCHS, events.FOLDER)
    for path in (*folder.iterdir(), *(p for name in inside for p in folder.glob(f"{name}/*"))):
        if files.is_temporary(path):
            path.unlink()
    if (folder / "config.yaml").exists():
        _check_same(folder, config)
    else:
        log.write_metrics(folder, [])
        files.write_text_atomic(folder / "config.yaml", config.to_yaml())  # last: now it is a run
    if (folder / "result.json").exists() and not checkpoint.newest(folder / "checkpoints"):
        raise UserError(
            f"{folder} has no checkpoints to extend the run from; {NEW_FOLDER}, or {START_OVER}"
        )


def extend(folder: Path, config: Config) -> None:
    """Make a run, finished or not, one of more epochs, if the configuration asks for them.

    Called when its checkpoint has been read: a run that cannot be continued stays as it is.

    Args:
        folder: the run folder, which this process has claimed.
        config: of the run.

    """
    (folder / "result.json").unlink(missing_ok=True)  # first: now the run has not finished
    for name in (weights.FILE, *weights.PICTURES, training_images.FILE):  # of fewer epochs
        (folder / name).unlink(missing_ok=True)
    if load_config(file=folder / "config.yaml").training.epochs != config.training.epochs:
        files.write_text_atomic(folder / "config.yaml", config.to_yaml())


def _check_same(folder: Path, config: Config) -> None:
    """Refuse a folder of another configuration; more epochs, or other devices, may be the same."""
    made_by, allowed = load_config(file=folder / "config.yaml"), []
    if config.can_be_extended() and made_by.training.epochs < config.training.epochs:
        allowed.append("training.epochs:")
    if config.can_change_devices():
        allowed.append("training.devices:")
    different = [
        difference
        for difference in differences(config, made_by)
        if not difference.startswith(tuple(allowed))
    ]
    if different:
        raise UserError(
            f"{folder} was made by another configuration ({'; '.join(different)}); "
            f"{NEW_FOLDER}, or {START_OVER}"
        )
