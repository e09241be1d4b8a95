"""Whose run folder is it: new, ours to continue, finished, in use, or another configuration's."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock

from bnstudy import run_log
from bnstudy.config import Config, differences, load_config
from bnstudy.errors import UserError

_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")  # as run_log.write_bytes_atomic names them


def lock_of(folder: Path) -> Path:
    """Return the file whose lock means that the folder is in use."""
    return folder.with_name(f".{folder.name}.lock")


def holder_of(folder: Path) -> Path:
    """Return the file that says who uses the folder."""
    return folder.with_name(f".{folder.name}.lock.json")


def finished(folder: Path, config: Config) -> dict[str, Any] | None:
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
    return run_log.load_log(folder).result


@contextmanager
def opened(folder: Path, config: Config, *, fresh: bool = False) -> Iterator[None]:
    """Hold the folder, made or found to be of this configuration, so that no other process writes.

    The lock is the operating system's: it ends with the process, however that ends. It lies beside
    the folder, so that it stays where it is when the folder is put aside.

    Args:
        folder: the run folder.
        config: of the run.
        fresh: put what is there aside, under a new name.

    Raises:
        UserError: the folder is in use, was made by another configuration, or is no run folder.

    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _held(folder):
        if folder.exists():
            _refuse_strangers(folder)
            if fresh:
                put_aside(folder)
        folder.mkdir(exist_ok=True)
        _claim(folder, config)
        yield


def put_aside(folder: Path) -> Path:
    """Rename a folder to the first free one of NAME.old-1, NAME.old-2, ..."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    return folder.rename(aside)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock, and say beside it who does, for the one who comes second."""
    lock, note = filelock.FileLock(lock_of(folder), timeout=0), holder_of(folder)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"{folder} is in use by {_read_holder(note)}; wait or stop it") from None
    try:
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
        run_log.write_json(note, holder)
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _read_holder(note: Path) -> str:
    try:
        holder = run_log.read_json(note) or {}
    except UserError:  # it is being written
        holder = {}
    if not {"pid", "host", "started"} <= holder.keys():
        return "another process"
    return f"process {holder['pid']} on {holder['host']} since {holder['started']}"


def _refuse_strangers(folder: Path) -> None:
    """See to it that a folder without a run is empty, but for what a killed process may leave."""
    names = {path.name for path in folder.iterdir() if not _TEMPORARY.fullmatch(path.name)}
    if (folder / "config.yaml").exists() and not (folder / "config.yaml").is_file():
        raise UserError(f"{folder}: config.yaml is no regular file; name a new folder with --out")
    if "config.yaml" not in names and (strangers := names - {"metrics.csv"}):
        raise UserError(
            f"{folder} holds other files ({min(strangers)}) and no run; "
            "name a new folder with --out"
        )


def _claim(folder: Path, config: Config) -> None:
    """Write config.yaml into a new folder, or see to it that the one there says the same."""
    for path in (*folder.iterdir(), *folder.glob("checkpoints/*")):
        if _TEMPORARY.fullmatch(path.name):  # of a process that was killed while it wrote
            path.unlink()
    if (folder / "config.yaml").exists():
        _check_same(folder, config)
    else:
        run_log.write_metrics(folder, [])
        run_log.write_text_atomic(folder / "config.yaml", config.to_yaml())  # last: now it is a run


def _check_same(folder: Path, config: Config) -> None:
    different = differences(config, load_config(file=folder / "config.yaml"))
    if different:
        raise UserError(
            f"{folder} was made by another configuration ({'; '.join(different)}); "
            "name a new folder with --out, or start over with --fresh"
        )
