"""The picture of a probe: what ELUs put out, how much of it is saturated or dead, the gradients."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.analysis.activations import EDGES
from bnstudy.analysis.probe import Probe, Snapshot
from bnstudy.plots.groups import common_title
from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style

MOST = 4  # snapshots drawn as lines: the first, the last, and two between them
LOWEST, HIGHEST = -1.2, 4.0  # of the values drawn; an ELU has none below -1


def probe_figure(found: Probe) -> Figure:
    """Return the figure that `bnstudy probe` writes.

    Args:
        found: from `probe`.

    """
    shown = _spread(found.snapshots)
    with style():
        figure = StyledFigure(figsize=(7.2, 5.0), layout="constrained")
        seed = f"seed {found.run.config.seed}, {found.images:,} training images"
        figure.suptitle(f"{common_title([found.run])}\n{seed}", fontsize=10)
        ((left, right),) = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.15))
        _draw_histograms(left.subplots(), found)
        upper, lower = right.subplots(2, 1, sharex=True)
        _draw_saturation(upper, shown)
        _draw_gradients(lower, shown)
    return figure


def _spread(snapshots: list[Snapshot]) -> list[Snapshot]:
    """Return at most a few snapshots, evenly spread, the first and the last among them."""
    places = np.linspace(0, len(snapshots) - 1, min(MOST, len(snapshots)))
    return [snapshots[round(place)] for place in places]


def _draw_histograms(axes: Axes, found: Probe) -> None:
    """Draw one histogram above the other, the first layer on top: at the end, and at the start."""
    names, (first, last) = found.elus(), (found.snapshots[0], found.snapshots[-1])
    inside = (EDGES[:-1] >= LOWEST - 1e-9) & (EDGES[:-1] < HIGHEST - 1e-9)
    edges = EDGES[np.append(inside, False)]
    for row, name in enumerate(reversed(names)):
        for snapshot, filled in ((last, True), (first, False)):
            (layer,) = (layer for layer in snapshot.layers if layer.name == name)
            share = layer.counts[inside] / layer.counts.sum()
            height = row + 0.85 * np.sqrt(share / share.max())
            edge = np.append(edges, HIGHEST)
            if filled:
                axes.stairs(height, edge, baseline=row, fill=True, color="#B8B8B8", label="end")
            else:
                axes.stairs(height, edge, baseline=row, color=COLORS[0], label="before training")
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_xlim(LOWEST, HIGHEST)
    axes.set_ylim(-0.1, len(names))
    axes.set_xlabel("value that the ELU puts out")
    axes.set_title("histograms (square root of the share)", fontsize=9)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[:2], labels[:2], loc="upper right", handlelength=1.5, fontsize=8)


def _draw_saturation(axes: Axes, shown: list[Snapshot]) -> None:
    """Draw the share of saturated values and of dead channels over the layers."""
    for index, snapshot in enumerate(shown):
        elus = [layer for layer in snapshot.layers if layer.saturated is not None]
        look = _look(index)
        places = range(1, len(elus) + 1)
        axes.plot(
            places, [100 * (elu.saturated or 0) for elu in elus], label=_label(snapshot), **look
        )
        dead = [100 * elu.dead if elu.dead else np.nan for elu in elus]
        axes.plot(places, dead, **{**look, "linestyle": "none", "markerfacecolor": "none"})
    axes.set_ylim(bottom=0)
    axes.set_ylabel("%")
    axes.set_title("saturated values (lines), dead channels (hollow)", fontsize=9)
    axes.legend(fontsize=8)


def _draw_gradients(axes: Axes, shown: list[Snapshot]) -> None:
    """Draw the norm of each kernel's gradient over the layers."""
    for index, snapshot in enumerate(shown):
        norms = [norm for name, norm in snapshot.gradients.items() if name.endswith("/w")]
        axes.plot(range(1, len(norms) + 1), norms, label=_label(snapshot), **_look(index))
    axes.set_yscale("log")
    axes.set_xticks(range(1, len(norms) + 1))
    axes.set_xlabel("layer")
    axes.set_title("norm of the gradient of the kernel", fontsize=9)


def _look(index: int) -> dict:
    return {
        "color": COLORS[index],
        "linestyle": LINES[index],
        "marker": MARKERS[index],
    }


def _label(snapshot: Snapshot) -> str:
    return f"epoch {snapshot.epoch:g}" if snapshot.epoch else "before training"
