"""Figures from run folders: accuracy and cost over epochs, ready for a paper.

The same logs give the same bytes: the style does not depend on the user's matplotlib settings, and
no date is written into a file.
"""

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bnstudy.errors import UserError
from bnstudy.paths import as_list, user_path
from bnstudy.plots.author_logs import load_reference
from bnstudy.plots.groups import SPLITS, Group, common_title, group_runs, run_subtitle
from bnstudy.run_folder.files import write_bytes_atomic
from bnstudy.run_folder.log import RunLog, load_log

# Okabe and Ito's colours, which colour-blind readers can distinguish; no yellow (pale on white).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
LINES = (  # short dashes are for the reference
    "-",
    (0, (6, 1.5)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5)),
)
# The author's series to draw, with label, colour and line style.
REFERENCE = {
    "adam": ("author 2018: CIFAR-10, width 1, no BN, Adam", "#333333", (0, (3, 1.5))),
    "manual_amsgrad": (
        "author 2018: CIFAR-10, width 1, no BN, manual AMSGrad",
        "#808080",
        (0, (1, 1.2)),
    ),
}
# File formats, each with the metadata to leave out, so that the bytes are reproducible.
FORMATS = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}

QUANTITIES = {"accuracy": "accuracy (fraction)", "cost": "cost (nats)"}
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E0E0E0",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0.4,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.wspace": 0.03,
    "legend.handlelength": 4,
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "bnstudy",  # else the ids in an SVG are random
}


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


def plot_comparison(
    folders: Sequence[str | Path], out: str | Path, reference: bool = False
) -> Path:
    """Draw several runs into one file; see `comparison_figure`.

    Args:
        folders: the run folders.
        out: the file; its suffix is .png, .pdf or .svg.
        reference: also draw the author's logs of 2018.

    Returns:
        Its path.

    Raises:
        UserError: one is not a run folder or has no finished epoch, or `out` cannot be written.

    """
    out = user_path(out, "out", "the path of a .png, .pdf or .svg")
    _check_suffix(out)
    folders = as_list(folders, "folders", "paths of run folders")
    return save(comparison_figure([load_log(folder) for folder in folders], reference), out)


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
        figure = Figure(figsize=(7.2, 3.1), layout="constrained")
        figure.suptitle(f"{common_title([log])}\n{run_subtitle(log, split)}", fontsize=10)
        for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
            column = f"{split}_{quantity}"
            _draw(axes, group, column, 0, markers=50)
            _finish(axes, quantity, [group.epochs()])
            _name_last(axes, group.epochs(), group.values(column)[0])
    return figure


def comparison_figure(logs: Sequence[RunLog], reference: bool = False) -> Figure:
    """Return one figure of 2 x 2 panels: columns training and test, rows accuracy and cost.

    Runs that differ only in the seed are one group: a line for their mean and a band from their
    minimum to their maximum. The legend names what differs between the groups.

    Args:
        logs: of the runs.
        reference: also draw the author's logs of 2018, behind the others.

    Raises:
        UserError: there are no runs, or one has no finished epoch.

    """
    _check_epochs(logs)
    groups = group_runs(logs)
    series = load_reference() if reference else {}
    spans = [group.epochs() for group in groups] + [series[name]["epoch"] for name in series]
    with style():
        figure = Figure(figsize=(7.2, 5.4), layout="constrained")
        panels = figure.subplots(2, 2)
        # Not the costs: one bad test epoch would flatten the rest.
        panels[0, 1].sharey(panels[0, 0])
        for row, quantity in enumerate(QUANTITIES):
            for axes, split in zip(panels[row], SPLITS, strict=True):
                column = f"{split}_{quantity}"
                for index, group in enumerate(groups):
                    _draw(axes, group, column, index)
                for name in REFERENCE if reference else ():
                    _draw_reference(axes, name, series[name], column)
            for axes in panels[row]:  # only now, since the accuracy panels share their limits
                _finish(axes, quantity, spans)
        for axes, split in zip(panels[0], SPLITS.values(), strict=True):
            axes.set_title(split, fontsize=10)
        parts = [common_title(logs)]
        if len(seeds := {log.config.seed for log in logs}) == 1:
            parts.append(f"seed {seeds.pop()}")
        figure.suptitle(", ".join(part for part in parts if part), fontsize=10)
        _add_legend(figure, panels[0, 0])
    return figure


def _draw(axes: Axes, group: Group, column: str, index: int, markers: int = 10) -> None:
    """Draw the group's mean and band in the style of that index, with at most `markers` markers."""
    epochs, values = group.epochs(), group.values(column)
    color = COLORS[index % len(COLORS)]
    step = 1 + (len(epochs) - 1) // markers
    axes.plot(
        epochs,
        values.mean(axis=0),
        color=color,
        linestyle=LINES[index % len(LINES)],
        marker=MARKERS[index % len(MARKERS)],
        markeredgecolor="white",
        markevery=(index % step, step),  # staggered, so that none hides another
        label=group.legend(),
        zorder=3,
    )
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0, zorder=2)
        if len(epochs) == 1:  # a band of one epoch has no area
            axes.vlines(epochs, low, high, color=color, alpha=0.4, linewidth=4, zorder=2)


def _draw_reference(axes: Axes, name: str, columns: dict[str, np.ndarray], column: str) -> None:
    label, color, line = REFERENCE[name]
    axes.plot(
        columns["epoch"], columns[column], color=color, linestyle=line, label=label, zorder=2.5
    )


def _finish(axes: Axes, quantity: str, spans: list[np.ndarray]) -> None:
    last = max(int(span[-1]) for span in spans)
    pad = max(0.5, 0.03 * last)
    axes.set_xlim(max(1 - pad, 0.1), last + pad)
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel(QUANTITIES[quantity])
    if quantity == "cost" and _spans_decades(axes):
        axes.set_yscale("log")
        axes.set_ylabel("cost (nats, log scale)")
        axes.yaxis.set_major_formatter("{x:g}")
        return
    # No tick at an accuracy above 1 or below 0, or at a negative cost.
    bottom, top = axes.get_ylim()
    if quantity == "accuracy" and top > 1:
        axes.set_ylim(top=1 + 0.02 * (1 - max(bottom, 0)))
    if bottom < 0:
        axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])


def _spans_decades(axes: Axes) -> bool:
    """Return whether the values span a factor of 30, so that a linear axis would flatten most."""
    values = np.concatenate([line.get_ydata() for line in axes.lines])
    values = values[np.isfinite(values)]
    return bool(len(values)) and 0 < 30 * values.min() < values.max()


def _name_last(axes: Axes, epochs: np.ndarray, values: np.ndarray) -> None:
    """Write the last epoch's value beside the panel, at its height."""
    if np.isnan(values[-1]):
        axes.set_title(f"diverged in epoch {epochs[np.isnan(values)][0]}", fontsize=9)
        return
    axes.annotate(
        f"{values[-1]:.4g}",
        xy=(1, values[-1]),
        xycoords=axes.get_yaxis_transform(),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        color=axes.lines[0].get_color(),
        fontweight="bold",
        annotation_clip=False,
    )


def _add_legend(figure: Figure, axes: Axes) -> None:
    """Put one legend under all panels, in as many columns as the longest label allows."""
    handles, labels = axes.get_legend_handles_labels()
    # Lines may break only after a comma, so the other spaces are non-breaking for now.
    labels = [label.replace(" ", "\xa0").replace(",\xa0", ", ") for label in labels]
    labels = [textwrap.fill(label, 95, break_on_hyphens=False) for label in labels]
    labels = [label.replace("\xa0", " ") for label in labels]
    longest = max(len(line) for label in labels for line in label.split("\n"))
    columns = 3 if longest <= 24 else 2 if longest <= 46 and len(labels) > 3 else 1
    rows = sum(label.count("\n") + 1 for label in labels) / columns
    figure.set_figheight(figure.get_figheight() + 0.18 * rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def _check_epochs(logs: Sequence[RunLog]) -> None:
    if not logs:
        raise UserError("nothing to plot: give at least one run folder")
    for log in logs:
        if not len(log.metrics["epoch"]):
            raise UserError(f"nothing to plot: {log.folder} has no finished epoch yet")


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: a figure's name must end in one of {', '.join(FORMATS)}")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure, in the format that the suffix of its path names; return the path."""
    suffix = path.suffix.lower()
    data = io.BytesIO()
    with style():
        figure.savefig(data, format=suffix[1:], dpi=200, metadata=FORMATS[suffix])
    try:
        write_bytes_atomic(path, data.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    return path


@contextmanager
def style() -> Iterator[None]:
    """Apply our style, whatever the user's matplotlibrc says, and restore theirs afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield
