"""The log of a run: metrics.csv, result.json, and both with the configuration as a RunLog.

config.yaml        the resolved configuration
metrics.csv        one row per finished epoch (EpochMetrics)
environment.json   where and how it ran (provenance.py)
result.json        the last epoch's metrics (result_from); absent until the run has finished
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from bnstudy.config.load import load_config
from bnstudy.config.schema import Config
from bnstudy.errors import UserError, one_line
from bnstudy.paths import user_path
from bnstudy.run_folder.files import read_json, write_text_atomic


class EpochMetrics(NamedTuple):
    """A row of metrics.csv; its fields are the columns."""

    epoch: int  # counts from 1
    learning_rate: float
    images: int  # shown to the network since the start, augmented copies included
    train_cost: float  # nats, running mean over the epoch's batches in training mode
    train_accuracy: float  # fraction
    test_cost: float  # nats, exact mean over all test images in inference mode
    test_accuracy: float
    train_seconds: float
    test_seconds: float


COLUMNS = EpochMetrics._fields
RESULT_COLUMNS = ("train_cost", "train_accuracy", "test_cost", "test_accuracy")
_KINDS = get_type_hints(EpochMetrics)  # column -> int or float
_FRACTIONS = ("train_accuracy", "test_accuracy")
_COSTS = ("train_cost", "test_cost")
_FINITE = ("learning_rate", "train_seconds", "test_seconds")


@dataclass(frozen=True, eq=False)
class RunLog:
    """The contents of a run folder.

    Attributes:
        folder: its path.
        config: of the run.
        metrics: column -> array with one entry per epoch; `epoch` and `images` are int64, the
            others float64.
        result: as in result.json; None while the run has not finished.

    """

    folder: Path
    config: Config
    metrics: dict[str, np.ndarray]
    result: dict[str, Any] | None


def load_log(run_folder: str | Path) -> RunLog:
    """Read a run folder, finished or in progress.

    Args:
        run_folder: its path; ~ is the home folder.

    Raises:
        UserError: it is not a run folder, or one of its files is damaged.

    """
    folder = user_path(run_folder, "run_folder", "the path of a run folder")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give a run folder such as logs/case-c_seed-0")
    for name in ("config.yaml", "metrics.csv"):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a run folder: it has no {name}")
    result = _read_result(folder / "result.json")  # first: a run may be finishing meanwhile
    rows = read_metrics(folder / "metrics.csv")
    if result is not None and (result["epochs"] != len(rows) or not rows):
        raise UserError(
            f"{folder} is damaged: result.json has {result['epochs']} epochs and metrics.csv "
            f"{len(rows)}; restore the files of this run, or make it again in a new folder"
        )
    config = load_config(file=folder / "config.yaml")
    if result is not None:
        _check_same_run(folder, config, rows[-1], result)
    return RunLog(
        folder=folder,
        config=config,
        metrics={
            column: np.array(
                [getattr(row, column) for row in rows], np.int64 if kind is int else np.float64
            )
            for column, kind in _KINDS.items()
        },
        result=result,
    )


def _read_result(path: Path) -> dict[str, Any] | None:
    result = read_json(path)
    if result is None:
        return None
    times = ("total_seconds", "images_per_second")
    for name in ("epochs", *RESULT_COLUMNS, *times):
        value = result.get(name, None if name in times else "missing")
        # A cost that was not finite is null; what is not known of the time may be missing.
        unknown = value is None and (name.endswith("_cost") or name in times)
        if not unknown and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise UserError(f"{path} is damaged: {name} must be a number")
    return result


def result_digest(run_folder: Path) -> str:
    """Return what changes whenever the run is made again, as 64 hexadecimal digits."""
    result = read_json(run_folder / "result.json")
    return sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def _check_same_run(
    folder: Path, config: Config, last: EpochMetrics, result: dict[str, Any]
) -> None:
    """Refuse files of two runs in one folder: the last epoch is in both, and so is the case."""
    wrong = [] if result.get("case", config.case) == config.case else ["config.yaml, case"]
    for name in RESULT_COLUMNS:
        logged, kept = getattr(last, name), result[name]
        # A spreadsheet keeps fewer digits, but more than six.
        same = math.isclose(logged, kept, rel_tol=1e-6) if kept is not None else True
        if not same or math.isfinite(logged) != (kept is not None):
            wrong.append(f"metrics.csv, {name}")
    if wrong:
        raise UserError(
            f"{folder} is damaged: result.json is of another run than {wrong[0]}; restore the "
            "files of this run, or make it again in a new folder"
        )


def write_metrics(folder: str | Path, rows: Sequence[EpochMetrics]) -> None:
    """Write metrics.csv, one row per epoch, atomically.

    Costs, accuracies and learning rates are read back bit for bit; seconds keep three decimals.

    Args:
        folder: the run folder.
        rows: one per finished epoch.

    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_format(column, value) for column, value in row._asdict().items()])
    write_text_atomic(Path(folder) / "metrics.csv", text.getvalue())


def _format(column: str, value: float) -> str:
    if _KINDS[column] is int:
        return str(value)
    return f"{value:.3f}" if column.endswith("_seconds") else repr(float(value))


def result_from(rows: Sequence[EpochMetrics], config: Config, parameters: int) -> dict[str, Any]:
    """Return what result.json holds: the metrics of the last epoch, never of the best one.

    `images_per_second` is the training speed, without the tests between the epochs. A cost that is
    not finite (a diverged run) becomes None, since JSON has no NaN.

    Args:
        rows: one per finished epoch.
        config: of the run.
        parameters: number of trainable parameters.

    """
    last = rows[-1]
    train_seconds = sum(row.train_seconds for row in rows)
    total_seconds = train_seconds + sum(row.test_seconds for row in rows)
    metrics = {name: float(getattr(last, name)) for name in RESULT_COLUMNS}
    return {
        "case": config.case,
        "epochs": last.epoch,
        **{name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "total_seconds": round(total_seconds, 3),
        "images_per_second": round(last.images / train_seconds, 1) if train_seconds else None,
        "parameters": parameters,
    }


def read_metrics(path: Path) -> list[EpochMetrics]:
    """Read metrics.csv, even one that a spreadsheet has saved with commas.

    It may have a byte-order mark, CRLF, empty lines, and empty cells to the right of the columns.

    Args:
        path: of the file.

    Raises:
        UserError: it is not such a file, or a value is not of its column's kind.

    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""))
        lines = [(reader.line_num, _without_empty_end(line)) for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is damaged: it is not CSV in UTF-8 ({one_line(error)}); restore it, or save "
            'it from a spreadsheet as "CSV UTF-8" with commas'
        ) from None
    (_, header), *rows = [(number, line) for number, line in lines if line] or [(1, [])]
    if tuple(header) != COLUMNS:
        hint = ", with commas between the columns" if len(header) == 1 else ""
        raise UserError(f"{path}, line 1: the header must be {','.join(COLUMNS)}{hint}")
    found: list[EpochMetrics] = []
    for epoch, (number, line) in enumerate(rows, start=1):
        row = _read_row(line, epoch, where := f"{path}, line {number}")
        if row.images <= (found[-1].images if found else 0):
            raise UserError(f"{where}: images must grow from epoch to epoch, not {row.images}")
        found.append(row)
    return found


def _without_empty_end(line: list[str]) -> list[str]:
    """Drop the empty cells at the end of a line, which spreadsheets add."""
    while line and not line[-1].strip():
        line = line[:-1]
    return line


def _read_row(line: list[str], epoch: int, where: str) -> EpochMetrics:
    if len(line) != len(COLUMNS):
        raise UserError(f"{where}: {len(COLUMNS)} values are expected, {len(line)} found")
    values: dict[str, Any] = {
        column: _read_value(column, text, where) for column, text in zip(COLUMNS, line, strict=True)
    }
    row = EpochMetrics(**values)
    if row.epoch != epoch:
        raise UserError(f"{where}: epoch {epoch} is expected, not {row.epoch}; epochs count from 1")
    return row


def _read_value(column: str, text: str, where: str) -> int | float:
    kind, noun = _KINDS[column], "an integer" if _KINDS[column] is int else "a number"
    try:
        value: int | float = kind(text.replace("_", "?"))  # Python would read 1_0 as 10
    except ValueError:
        raise UserError(f"{where}: {column} must be {noun}, not {text!r}") from None
    if kind is int and abs(value) >= 2**63:
        raise UserError(f"{where}: {column} must be an integer of 64 bits, not {text!r}")
    if column in _FRACTIONS and not 0 <= value <= 1:
        raise UserError(f"{where}: {column} must be a fraction from 0 to 1, not {text!r}")
    if column in _COSTS and value < 0:  # one that is not finite is of a run that diverged
        raise UserError(f"{where}: {column} must be at least 0, not {text!r}")
    if column in _FINITE and not 0 <= value < math.inf:
        raise UserError(f"{where}: {column} must be a finite number of at least 0, not {text!r}")
    return value
