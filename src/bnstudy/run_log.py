"""The run folder: what a run leaves behind, written so that an interruption cannot damage it.

config.yaml        the resolved configuration
metrics.csv        one row per finished epoch (COLUMNS)
environment.json   where and how it ran (environment.py)
result.json        the figures of the last epoch (result_from); absent while the run goes on
"""

from __future__ import annotations

import csv
import io
import json
import math
import operator
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.config import Config, load_config
from bnstudy.environment import environment
from bnstudy.errors import UserError, one_line

__all__ = [
    "COLUMNS",
    "RunLog",
    "environment",
    "load_log",
    "result_from",
    "write_bytes_atomic",
    "write_json",
    "write_metrics",
    "write_text_atomic",
]

COLUMNS = (
    "epoch",  # counts from 1
    "learning_rate",
    "images",  # shown to the network since the start, augmented copies included
    "train_cost",  # nats, running mean over the epoch's batches in training mode
    "train_accuracy",  # fraction
    "test_cost",  # nats, exact mean over all test images in inference mode
    "test_accuracy",
    "train_seconds",
    "test_seconds",
)
RESULT_FIGURES = ("train_cost", "train_accuracy", "test_cost", "test_accuracy")
_INTEGERS = ("epoch", "images")
_ACCURACIES = ("train_accuracy", "test_accuracy")


@dataclass(frozen=True, eq=False)
class RunLog:
    """What a run folder holds: `metrics[column]` is an array with one entry per epoch."""

    folder: Path
    config: Config
    metrics: dict[str, np.ndarray]
    result: dict[str, Any] | None  # None: the run has not finished


def load_log(run_folder: str | Path) -> RunLog:
    """Read a run folder, finished or in progress.

    `metrics` holds every name of COLUMNS: `epoch` and `images` as int64, the others as float64.
    Raises UserError if it is no run folder, or if one of its files is damaged.
    """
    folder = Path(run_folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a run folder such as logs/case-c_seed-0")
    for name in ("config.yaml", "metrics.csv"):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is no run folder: it has no {name}")
    return RunLog(
        folder=folder,
        config=load_config(file=folder / "config.yaml"),
        metrics=_read_metrics(folder / "metrics.csv"),
        result=_read_result(folder / "result.json"),
    )


def _read_result(path: Path) -> dict[str, Any] | None:
    result = read_json(path)
    for name in ("epochs", *RESULT_FIGURES) if result is not None else ():
        if not isinstance(result.get(name), int | float):
            raise UserError(f"{path} is damaged: {name} must be a number")
    return result


def write_metrics(folder: str | Path, rows: list[dict[str, Any]]) -> None:
    """Write metrics.csv, one row per epoch, as a whole and atomically.

    Costs, accuracies and learning rates come back bit for bit; seconds keep three decimals.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        if set(row) != set(COLUMNS):
            raise ValueError(f"a row needs exactly the columns {COLUMNS}, not {tuple(row)}")
        writer.writerow([_format(column, row[column]) for column in COLUMNS])
    write_text_atomic(Path(folder) / "metrics.csv", text.getvalue())


def result_from(rows: list[dict[str, Any]], config: Config, parameters: int) -> dict[str, Any]:
    """Return result.json's figures: those of the last epoch, never of the best one.

    `images_per_second` is the training speed, without the tests between the epochs.
    A cost that is not finite (a diverged run) becomes None, since JSON knows no NaN.
    """
    last = rows[-1]
    train_seconds = sum(float(row["train_seconds"]) for row in rows)
    test_seconds = sum(float(row["test_seconds"]) for row in rows)
    figures = {name: float(last[name]) for name in RESULT_FIGURES}
    return {
        "case": config.case,
        "epochs": int(last["epoch"]),
        **{name: value if math.isfinite(value) else None for name, value in figures.items()},
        "total_seconds": round(train_seconds + test_seconds, 3),
        "images_per_second": round(int(last["images"]) / train_seconds, 1)
        if train_seconds
        else None,
        "parameters": int(parameters),
    }


def write_json(path: str | Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically; NaN is refused, because JSON has none."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_text_atomic(path, text + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object, or None where there is no such file; UserError if it is damaged."""
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is no JSON ({one_line(error)})") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it must hold a JSON object")
    return value


def write_text_atomic(path: str | Path, text: str) -> None:
    """Write text as UTF-8; see write_bytes_atomic."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(path: str | Path, data: bytes) -> None:
    """Write a file so that, whatever happens, it holds the old or the new content, all of it."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name itself must survive a power cut; Windows has no such call
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _format(column: str, value: Any) -> str:
    if column in _INTEGERS:
        return str(operator.index(value))
    return f"{value:.3f}" if column.endswith("_seconds") else repr(float(value))


def _read_metrics(path: Path) -> dict[str, np.ndarray]:
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is damaged: it is no CSV text ({error})") from None
    if not lines or tuple(lines[0]) != COLUMNS:
        raise UserError(f"{path}, line 1: the header must be {','.join(COLUMNS)}")
    rows = [
        _read_row(line, epoch, f"{path}, line {epoch + 1}")
        for epoch, line in enumerate(lines)
        if epoch
    ]
    return {
        column: np.array(
            [row[index] for row in rows], dtype=np.int64 if column in _INTEGERS else np.float64
        )
        for index, column in enumerate(COLUMNS)
    }


def _read_row(line: list[str], epoch: int, where: str) -> list[int | float]:
    if len(line) != len(COLUMNS):
        raise UserError(f"{where}: {len(COLUMNS)} values are expected, {len(line)} found")
    row: list[int | float] = []
    for column, text in zip(COLUMNS, line, strict=True):
        kind, noun = (int, "an integer") if column in _INTEGERS else (float, "a number")
        try:
            row.append(kind(text))
        except ValueError:
            raise UserError(f"{where}: {column} must be {noun}, not {text!r}") from None
        if column in _INTEGERS and abs(row[-1]) >= 2**63:
            raise UserError(f"{where}: {column} must be an integer of 64 bits, not {text!r}")
        if column in _ACCURACIES and not 0 <= row[-1] <= 1:
            raise UserError(f"{where}: {column} must be a fraction from 0 to 1, not {text!r}")
    if row[0] != epoch:
        raise UserError(f"{where}: epoch {epoch} is expected, not {row[0]}; epochs count from 1")
    return row
