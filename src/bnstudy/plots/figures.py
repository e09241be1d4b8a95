"""Figures from run folders: accuracy and cost over epochs, ready for a paper."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from bnstudy.errors import UserError, one_line
from bnstudy.paths import as_list, user_path
from bnstudy.plots import panels
from bnstudy.plots.author_logs import load_reference
from bnstudy.plots.groups import SPLITS, Group, common_title, group_runs, run_subtitle
from bnstudy.plots.panels import METRICS, PANELS, REFERENCE
from bnstudy.plots.runs import load_runs
from bnstudy.plots.style import StyledFigure, check_suffix, save, style
from bnstudy.run_folder.log import RunLog, load_log


def plot(
    run_folders: str | Path | Iterable[str | Path],
    *,
    metric: str | Sequence[str] = PANELS,
    smooth: int = 1,
    reference: bool = False,
    out: str | Path | None = None,
) -> Figure:
    """Draw the curves of one run, or of several overlaid: what `bnstudy plot` does.

    A notebook shows the figure where the call is the last line of a cell. It is yours to change,
    and pyplot does not know it. Runs that differ only in the seed are one curve: their mean, and a
    band from their minimum to their maximum.

    Args:
        run_folders: one path or several, each of a run folder or of a folder of run folders. A run
            may be in progress.
        metric: a column of metrics.csv, or several, one panel each; unless given, accuracy and cost
            on the training and test images.
        smooth: epochs of the centred running mean that is drawn, an odd number (see `smoothed`);
            the curve as measured stays visible behind it. 1: as measured.
        reference: also draw the author's own curves of 2018.
        out: the .png, .pdf or .svg to write; nothing is written unless it is given.

    Raises:
        UserError: there is no such run or metric, no run has finished an epoch, or `out` cannot be
            written.

    """
    if out is not None:
        out = user_path(out, "out", "the path of a .png, .pdf or .svg")
        check_suffix(out)
    figure = comparison_figure(load_runs(run_folders), reference, metric, smooth)
    if out is not None:
        save(figure, out)
    return figure


def plot_run(folder: str | Path) -> list[Path]:
    """Draw train.png and test.png into a run folder.

    Args:
        folder: the run folder.

    Returns:
        Their paths.

    Raises:
        UserError: it is not a run folder, has no finished epoch, or is not writable.

    """
    log = load_log(folder)
    paths = [log.folder / f"{split}.png" for split in SPLITS]
    for split, path in zip(SPLITS, paths, strict=True):
        save(run_figure(log, split), path)
    return paths


def run_figure(log: RunLog, split: str) -> Figure:
    """Return the figure of one run: accuracy and cost over epochs.

    Args:
        log: of the run.
        split: "train" or "test".

    Raises:
        UserError: the run has no finished epoch.

    """
    _check_epochs([log])
    group = Group((log,), "")
    with style():
        figure = StyledFigure(figsize=(7.2, 3.1), layout="constrained")
        figure.suptitle(f"{_title([log])}\n{run_subtitle(log, split)}", fontsize=10)
        for axes, quantity in zip(figure.subplots(1, 2), ("accuracy", "cost"), strict=True):
            column = f"{split}_{quantity}"
            panels.draw(axes, group, column, 0, markers=50)
            panels.finish(axes, column, _without_split(column), [group.epochs()])
            panels.name_last(axes, group.epochs(), group.values(column)[0])
    return figure


def comparison_figure(
    logs: Sequence[RunLog],
    reference: bool = False,
    metric: str | Sequence[str] = PANELS,
    smooth: int = 1,
) -> Figure:
    """Return one figure of all runs; see `plot`.

    Unless metrics are given, it has 2 x 2 panels: columns training and test, rows accuracy and
    cost. The legend names what differs between the groups of runs.

    Args:
        logs: of the runs.
        reference: also draw the author's logs of 2018, behind the others.
        metric: one or several columns of metrics.csv.
        smooth: epochs of the running mean, an odd number.

    Raises:
        UserError: there are no runs, one has no finished epoch, or there is no such metric.

    """
    _check_epochs(logs)
    columns = metrics_of(metric)
    _check_smooth(smooth)
    groups, series = group_runs(logs), _reference_of(columns) if reference else {}
    spans = [group.epochs() for group in groups] + [series[name]["epoch"] for name in series]
    with style():
        figure, grid = _grid(columns)
        for axes, column in grid:
            for index, group in enumerate(groups):
                panels.draw(axes, group, column, index, smooth=smooth)
            for name in series:
                panels.draw_reference(axes, name, series[name], column, smooth)
        for axes, column in grid:  # only now, since the accuracy panels share their limits
            all_four = columns == PANELS
            label = _without_split(column) if all_four else METRICS[column]
            panels.finish(axes, column, label, spans)
            if all_four and column.endswith("accuracy"):
                axes.set_title(SPLITS[column.removesuffix("_accuracy")], fontsize=10)
        figure.suptitle(_comparison_title(logs, smooth), fontsize=10)
        _add_legend(figure)
    return figure


def metrics_of(metric: str | Sequence[str]) -> tuple[str, ...]:
    """Return the metrics that a user names, each once.

    Raises:
        UserError: one is not a metric, or there is none.

    """
    names = as_list(metric, "metric", "columns of metrics.csv")
    for name in names:
        if not isinstance(name, str) or name not in METRICS:
            raise UserError(
                f"there is no metric {one_line(repr(name))}; there are {', '.join(METRICS)}"
            )
    if not names:
        raise UserError(f"nothing to plot: give at least one metric of {', '.join(METRICS)}")
    return tuple(dict.fromkeys(names))


def _check_smooth(smooth: Any) -> None:
    whole = isinstance(smooth, Integral) and not isinstance(smooth, bool)
    if not whole or smooth < 1 or smooth % 2 == 0:
        raise UserError(
            f"smooth must be an odd number of epochs, such as 5, got {one_line(repr(smooth))}"
        )


def _reference_of(columns: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return the author's series to draw."""
    series = {name: logs for name, logs in load_reference().items() if name in REFERENCE}
    known = [column for column in METRICS if column in series["adam"]]
    if not set(columns) & set(known):
        raise UserError(
            f"the author's logs of 2018 have no {', '.join(columns)}, only {', '.join(known)}"
        )
    return series


def _grid(columns: Sequence[str]) -> tuple[Figure, list[tuple[Any, str]]]:
    """Return a figure, and its panels with their columns: two a row, unless there is only one."""
    rows, across = math.ceil(len(columns) / 2), min(len(columns), 2)
    height = 3.1 if rows == 1 else 2.7 * rows
    figure = StyledFigure(figsize=(7.2, height), layout="constrained")
    cells = list(figure.subplots(rows, across, squeeze=False).flat)
    for unused in cells[len(columns) :]:
        unused.remove()
    grid = list(zip(cells, columns, strict=False))
    # Not the costs: one bad test epoch would flatten the rest.
    accuracies = [axes for axes, column in grid if column.endswith("accuracy")]
    for axes in accuracies[1:]:
        axes.sharey(accuracies[0])
    return figure, grid


def _without_split(column: str) -> str:
    """Return the label of a metric without the images that it was measured on."""
    return METRICS[column].partition(" ")[2]


def _title(logs: Sequence[RunLog], *more: str) -> str:
    """Return what the runs have in common, in lines that fit above the panels."""
    return _wrap(", ".join(part for part in (common_title(logs), *more) if part), 85)


def _comparison_title(logs: Sequence[RunLog], smooth: int) -> str:
    """Return the title with the seed, if there is only one, and how the curves were smoothed."""
    seeds = {log.config.seed for log in logs}
    title = _title(logs, f"seed {seeds.pop()}" if len(seeds) == 1 else "")
    if smooth == 1:
        return title
    how = f"smoothed: centred running mean over {smooth} epochs, fewer at the ends"
    return f"{title}\n{how}; pale: as measured".strip()


def _add_legend(figure: Figure) -> None:
    """Put one legend under all panels, in as many columns as the longest label allows."""
    entries: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    labels = [_wrap(label, 95) for label in entries]
    longest = max(len(line) for label in labels for line in label.split("\n"))
    columns = 3 if longest <= 24 else 2 if longest <= 46 and len(labels) > 3 else 1
    rows = sum(label.count("\n") + 1 for label in labels) / columns
    figure.set_figheight(figure.get_figheight() + 0.18 * rows)
    legend = figure.legend(
        list(entries.values()), labels, loc="outside lower center", ncols=columns, fontsize=8
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a folder's name may hold dollar signs


def _check_epochs(logs: Sequence[RunLog]) -> None:
    if not logs:
        raise UserError("nothing to plot: give at least one run folder")
    for log in logs:
        if not len(log.metrics["epoch"]):
            raise UserError(f"nothing to plot: {log.folder} has no finished epoch yet")


def _wrap(text: str, width: int) -> str:
    """Break text into lines, but only after a comma."""
    text = text.replace(" ", "\xa0").replace(",\xa0", ", ")
    return textwrap.fill(text, width, break_on_hyphens=False).replace("\xa0", " ")
