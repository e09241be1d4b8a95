"""Figures from run folders: accuracy and cost over epochs, fit for a paper.

The same logs give the same bytes: the style does not depend on the reader's matplotlib settings,
and no date is written into a file.
"""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bnstudy.config import load_config
from bnstudy.errors import UserError
from bnstudy.run_log import RunLog, load_log, write_bytes_atomic

# Okabe and Ito's colours, which the colour-blind tell apart, without yellow (too pale on white).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
LINES = ("-", (0, (6, 1.5)), (0, (6, 1.5, 1.5, 1.5)))  # the short dashes are the reference's
# The author's series that are drawn, with label, colour and line.
REFERENCE = {
    "adam": ("author 2018: CIFAR-10, width 1, no BN, Adam", "#333333", (0, (3, 1.5))),
    "manual_amsgrad": (
        "author 2018: CIFAR-10, width 1, no BN, manual AMSGrad",
        "#808080",
        (0, (1, 1.2)),
    ),
}
# File formats, each with the metadata that must be silenced for the same bytes every time.
FORMATS = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}

QUANTITIES = {"accuracy": "accuracy (fraction)", "cost": "cost (nats)"}
SPLITS = {"train": "training", "test": "test"}
_NAMES = {
    "none": "no BN",
    "keras": "Keras BN",
    "custom": "own BN",
    "manual": "manual gradients",
    "autodiff": "autodiff",
    "sgd": "SGD",
    "adam": "Adam",
    "amsgrad": "AMSGrad",
    "cifar10": "CIFAR-10",
}
_NOT_A_DIFFERENCE = ("seed", "data.dir")  # a group holds all seeds; the folder changes no figure
_MOST_KEYS = 4  # a label with more of them says less than the folder's name
_STYLE = {
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


@dataclass(frozen=True, eq=False)
class Group:
    """Runs whose configurations are equal but for the seed, and what to call them."""

    logs: tuple[RunLog, ...]
    label: str

    def epochs(self) -> np.ndarray:
        """Return the epochs that every run of the group has finished."""
        return np.arange(1, 1 + min(len(log.metrics["epoch"]) for log in self.logs))

    def values(self, column: str) -> np.ndarray:
        """Return one row per run, one column per common epoch; what is not finite becomes NaN."""
        count = len(self.epochs())
        values = np.stack([log.metrics[column][:count] for log in self.logs])
        return np.where(np.isfinite(values), values, np.nan)

    def legend(self) -> str:
        """Return the label, with the number of seeds and what is missing."""
        parts = [self.label]
        if len(self.logs) > 1:
            parts.append(f"n = {len(self.logs)} (mean, min to max)")
        planned, done = self.logs[0].config.training.epochs, len(self.epochs())
        if done < planned:
            parts.append(f"{done} of {planned} epochs")
        if any(np.isnan(self.values(f"{split}_cost")).any() for split in SPLITS):
            parts.append("diverged")
        return ", ".join(parts)


def plot_run(folder: str | Path) -> list[Path]:
    """Draw train.png and test.png into a run folder and return their paths.

    Raises UserError if the folder is no run folder, has no finished epoch, or is not writable.
    """
    log = load_log(folder)
    paths = [log.folder / f"{split}.png" for split in SPLITS]
    for split, path in zip(SPLITS, paths, strict=True):
        _save(run_figure(log, split), path)
    return paths


def plot_comparison(
    folders: Sequence[str | Path], out: str | Path, reference: bool = False
) -> Path:
    """Draw several runs into one .png, .pdf or .svg and return its path; see comparison_figure."""
    out = Path(out)
    _check_suffix(out)
    return _save(comparison_figure([load_log(folder) for folder in folders], reference), out)


def load_reference() -> dict[str, dict[str, np.ndarray]]:
    """Return the logs that the post's author published in 2018, as series -> column -> array.

    Series: `momentum` and `adam` (automatic differentiation), `manual_amsgrad` (gradients by hand),
    all at full width without batch norm. Columns: epoch, and the four train and test figures of
    metrics.csv.
    """
    text = resources.files("bnstudy").joinpath("data/author_logs.csv").read_text(encoding="utf-8")
    series: dict[str, dict[str, list[float]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        columns = series.setdefault(row.pop("series"), {column: [] for column in row})
        for column, value in row.items():
            columns[column].append(float(value))
    return {
        name: {
            column: np.array(values, dtype=np.int64 if column == "epoch" else np.float64)
            for column, values in columns.items()
        }
        for name, columns in series.items()
    }


def run_figure(log: RunLog, split: str) -> Figure:
    """Return the figure of one run: accuracy and cost over epochs, for `split` train or test."""
    _check_epochs([log])
    group = Group((log,), "")
    with _style():
        figure = Figure(figsize=(7.2, 3.1), layout="constrained")
        figure.suptitle(f"{_title([log])}\n{_subtitle(log, split)}", fontsize=10)
        for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
            column = f"{split}_{quantity}"
            _draw(axes, group, column, 0, markers=50)
            _finish(axes, quantity, [group.epochs()])
            _name_last(axes, group.epochs(), group.values(column)[0])
    return figure


def comparison_figure(logs: Sequence[RunLog], reference: bool = False) -> Figure:
    """Return one figure of 2 x 2 panels: columns training and test, rows accuracy and cost.

    Runs that differ in nothing but the seed are one group: a line for their mean and a band from
    their minimum to their maximum. The legend names what differs between the groups.
    With `reference`, the author's logs of 2018 lie behind them.
    """
    _check_epochs(logs)
    groups = group_runs(logs)
    series = load_reference() if reference else {}
    spans = [group.epochs() for group in groups] + [series[name]["epoch"] for name in series]
    with _style():
        figure = Figure(figsize=(7.2, 5.4), layout="constrained")
        panels = figure.subplots(2, 2)
        panels[0, 1].sharey(panels[0, 0])  # costs are not shared: one bad test epoch would hide all
        for row, quantity in enumerate(QUANTITIES):
            for axes, split in zip(panels[row], SPLITS, strict=True):
                column = f"{split}_{quantity}"
                for index, group in enumerate(groups):
                    _draw(axes, group, column, index)
                for name in REFERENCE if reference else ():
                    _draw_reference(axes, name, series[name], column)
                _finish(axes, quantity, spans)
        for axes, split in zip(panels[0], SPLITS.values(), strict=True):
            axes.set_title(split, fontsize=10)
        if title := _title(logs):
            figure.suptitle(title, fontsize=10)
        _add_legend(figure, panels[0, 0])
    return figure


def group_runs(logs: Sequence[RunLog]) -> list[Group]:
    """Group runs by configuration without its seed, in the order of their first appearance."""
    groups: dict[tuple, list[RunLog]] = {}
    for log in {log.folder.resolve(): log for log in logs}.values():  # a folder counts once
        flat = log.config.flat()
        key = tuple((name, flat[name]) for name in sorted(flat) if name not in _NOT_A_DIFFERENCE)
        groups.setdefault(key, []).append(log)
    members = list(groups.values())
    return [
        Group(tuple(group), label) for group, label in zip(members, _labels(members), strict=True)
    ]


def _labels(groups: list[list[RunLog]]) -> list[str]:
    """Return one distinct label per group: the case, if cases differ, and the keys that differ."""
    flats = [group[0].config.flat() for group in groups]
    differing = [
        key
        for key in flats[0]
        if key not in _NOT_A_DIFFERENCE and any(flat[key] != flats[0][key] for flat in flats)
    ]
    # What each case's own file says needs no words beside the case; what was changed does.
    if "case" in differing:
        own = [load_config(case=flat["case"]).flat() for flat in flats]
        differing = [
            key
            for key in differing
            if key == "case"
            or any(flat[key] != case[key] for flat, case in zip(flats, own, strict=True))
        ]
    if not differing:
        return [_case(flat) for flat in flats]
    if len(differing) > _MOST_KEYS:
        return _folder_labels(groups)
    return [
        ", ".join(_case(flat) if key == "case" else f"{key} = {flat[key]}" for key in differing)
        for flat in flats
    ]


def _folder_labels(groups: list[list[RunLog]]) -> list[str]:
    labels = [group[0].folder.resolve().name for group in groups]
    labels = [
        re.sub(r"_seed-\d+$", "", label) if len(group) > 1 else label
        for label, group in zip(labels, groups, strict=True)
    ]
    if len(set(labels)) < len(labels):
        return [str(group[0].folder) for group in groups]
    return labels


def _case(flat: dict[str, Any]) -> str:
    return f"case {flat['case']}" if flat["case"] else "no case"


def _title(logs: Sequence[RunLog]) -> str:
    """Say what all the runs have in common: case, layers, optimizer, data, width."""
    flats = [log.config.flat() for log in logs]

    def common(key: str, form: str = "{}") -> str | None:
        values = {flat[key] for flat in flats}
        value = values.pop()
        return None if values or value is None else form.format(_NAMES.get(value, value))

    method = [
        common("model.batch_norm"),
        common("training.gradients"),
        common("optimizer.name"),
        common("data.name"),
        common("data.train_limit", "{} training images"),
        common("model.width", "width {:g}"),
    ]
    case = common("case", "case {}: ") or ""
    return case + ", ".join(part for part in method if part)


def _subtitle(log: RunLog, split: str) -> str:
    kind = "running mean over each epoch" if split == "train" else "after each epoch"
    done, planned = len(log.metrics["epoch"]), log.config.training.epochs
    progress = f", {done} of {planned} epochs" if done < planned else ""
    return f"{SPLITS[split]} images, {kind}, seed {log.config.seed}{progress}"


def _draw(axes: Axes, group: Group, column: str, index: int, markers: int = 10) -> None:
    """Draw the group's mean and band, in the style of that index, with so many markers or less."""
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
    # No tick may stand at an accuracy above 1 or below 0, or at a negative cost.
    bottom, top = axes.get_ylim()
    if quantity == "accuracy" and top > 1:
        axes.set_ylim(top=1 + 0.02 * (1 - max(bottom, 0)))
    if bottom < 0:
        axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])


def _name_last(axes: Axes, epochs: np.ndarray, values: np.ndarray) -> None:
    """Write the last epoch's value to the right of the panel, at its height, where no line is."""
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
    """Put one legend under all panels, in as many columns as its longest label leaves room for."""
    handles, labels = axes.get_legend_handles_labels()
    # A line may break after a comma only: the other spaces are made unbreakable meanwhile.
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


def _save(figure: Figure, path: Path) -> Path:
    suffix = path.suffix.lower()
    data = io.BytesIO()
    with _style():
        figure.savefig(data, format=suffix[1:], dpi=200, metadata=FORMATS[suffix])
    try:
        write_bytes_atomic(path, data.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    return path


@contextmanager
def _style() -> Iterator[None]:
    """Apply our style alone, whatever the reader's matplotlibrc says, and leave no trace."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield
