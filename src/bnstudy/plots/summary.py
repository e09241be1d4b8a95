"""The last epoch of every curve in a figure, as text: never smoothed, never the best epoch."""

from collections.abc import Iterator, Sequence

import numpy as np

from bnstudy.plots.groups import Group, group_runs
from bnstudy.plots.panels import PANELS
from bnstudy.run_folder.log import RunLog


def last_epochs(logs: Sequence[RunLog], metrics: Sequence[str] = PANELS) -> list[str]:
    """Return the lines of a table: a column per metric, and a row per curve.

    Several seeds have three rows: their mean, minimum and maximum.

    Args:
        logs: of the runs, each with a finished epoch.
        metrics: columns of metrics.csv.

    """
    rows = [["", "epoch", "", *metrics]]
    rows += [row for group in group_runs(logs) for row in _rows(group, metrics)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _rows(group: Group, metrics: Sequence[str]) -> Iterator[list[str]]:
    last = np.stack([group.values(metric)[:, -1] for metric in metrics])
    found = {"mean": last.mean(axis=1), "min": last.min(axis=1), "max": last.max(axis=1)}
    if len(group.logs) == 1:
        found = {"": last[:, 0]}
    start = [group.legend(explained=False), str(group.epochs()[-1])]
    for name, values in found.items():
        yield [*start, name, *map(_text, metrics, values)]
        start = ["", ""]


def _text(metric: str, value: float) -> str:
    return f"{value:.4f}" if metric in PANELS else f"{value:.7g}"
