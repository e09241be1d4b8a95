"""One panel of a figure: a column of metrics.csv over the epochs."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bnstudy.plots.groups import Group
from bnstudy.plots.smoothing import smoothed
from bnstudy.plots.style import COLORS, LINES, MARKERS

# Columns of metrics.csv that can be drawn, with their labels; PANELS are drawn unless asked.
METRICS = {
    "learning_rate": "learning rate",
    "images": "images shown",
    "train_cost": "training cost (nats)",
    "train_accuracy": "training accuracy (fraction)",
    "test_cost": "test cost (nats)",
    "test_accuracy": "test accuracy (fraction)",
    "train_seconds": "training time (s)",
    "test_seconds": "test time (s)",
}
PANELS = ("train_accuracy", "test_accuracy", "train_cost", "test_cost")
# The author's series to draw, with label, colour and line style.
REFERENCE = {
    "adam": ("author 2018: CIFAR-10, width 1, no BN, Adam", "#333333", (0, (3, 1.5))),
    "manual_amsgrad": (
        "author 2018: CIFAR-10, width 1, no BN, manual AMSGrad",
        "#808080",
        (0, (1, 1.2)),
    ),
}


def draw(
    axes: Axes, group: Group, column: str, index: int, markers: int = 10, smooth: int = 1
) -> None:
    """Draw a group's mean and band.

    Args:
        axes: of the panel.
        group: of runs.
        column: of metrics.csv.
        index: of the group, which chooses its colour, line and marker.
        markers: their largest number.
        smooth: epochs of the running mean; if more than 1, the curve itself is pale behind it.

    """
    epochs, values = group.epochs(), group.values(column)
    color = COLORS[index % len(COLORS)]
    step = 1 + (len(epochs) - 1) // markers
    _plot(
        axes,
        epochs,
        values.mean(axis=0),
        smooth,
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


def draw_reference(
    axes: Axes, name: str, columns: dict[str, np.ndarray], column: str, smooth: int = 1
) -> None:
    """Draw one of the author's series, if it has the column."""
    if column in columns:
        label, color, line = REFERENCE[name]
        look = {"color": color, "linestyle": line, "label": label, "zorder": 2.5}
        _plot(axes, columns["epoch"], columns[column], smooth, **look)


def _plot(axes: Axes, epochs: np.ndarray, values: np.ndarray, smooth: int, **look: Any) -> None:
    """Draw a line, or its running mean with the line itself pale behind it."""
    if smooth > 1:
        axes.plot(epochs, values, color=look["color"], alpha=0.35, linewidth=1, zorder=2.2)
        look["label"] += ", smoothed"
        values = smoothed(values, smooth)
    axes.plot(epochs, values, **look)


def finish(axes: Axes, column: str, label: str, spans: list[np.ndarray]) -> None:
    """Set the limits, ticks and labels of a panel, once everything is drawn.

    Args:
        axes: of the panel.
        column: of metrics.csv.
        label: of its y axis.
        spans: the epochs of each curve.

    """
    last = max(int(span[-1]) for span in spans)
    pad = max(0.5, 0.03 * last)
    axes.set_xlim(max(1 - pad, 0.1), last + pad)
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    if column.endswith("cost") and _spans_decades(axes):
        axes.set_yscale("log")
        axes.set_ylabel(label.replace(")", ", log scale)"))
        axes.yaxis.set_major_formatter("{x:g}")
        return
    # No tick at an accuracy above 1 or below 0, or at a negative cost.
    bottom, top = axes.get_ylim()
    if column.endswith("accuracy") and top > 1:
        axes.set_ylim(top=1 + 0.02 * (1 - max(bottom, 0)))
    if bottom < 0:
        axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])


def _spans_decades(axes: Axes) -> bool:
    """Return whether the values span a factor of 30, so that a linear axis would flatten most."""
    values = np.concatenate([line.get_ydata() for line in axes.lines])
    values = values[np.isfinite(values)]
    return bool(len(values)) and 0 < 30 * values.min() < values.max()


def name_last(axes: Axes, epochs: np.ndarray, values: np.ndarray) -> None:
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
