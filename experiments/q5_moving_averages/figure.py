"""The figure of question 5, first half: moving averages, the published values, Reddi's problem."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bnstudy.plots.style import COLORS, LINES, MARKERS, save, style

BAND = (0.025, 0.975)
LOOKS = {"raw": (COLORS[1], LINES[1]), "corrected": (COLORS[0], LINES[0])}


def draw(found: dict, published: dict, path: Path) -> None:
    """Draw everything that was measured.

    Args:
        found: from `measure` of analysis.py.
        published: start -> the published values, raw and corrected.
        path: of the figure.

    """
    with style():
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=(1, 1.1))
        panels = above.subplots(1, 3, sharey=True)
        momenta = sorted({momentum for momentum, _ in found["exact"]})
        for letter, axes, momentum in zip("abc", panels, momenta, strict=True):
            _averages(axes, found, momentum)
            _title(axes, f"({letter}) momentum {momentum:g}")
        panels[0].set_ylabel("moving variance")
        handles, _ = panels[0].get_legend_handles_labels()
        band = Patch(color="black", alpha=0.2, linewidth=0, label="95 % of repetitions")
        above.legend(handles=[*handles, band], loc="outside lower center", ncols=4, fontsize=8)
        panels = below.subplots(1, 3, width_ratios=(1, 1.1, 1.1))
        _published(panels[0], found, published)
        _optimizers(panels[1:], found["reddi"])
        handles, _ = panels[1].get_legend_handles_labels()
        below.legend(
            handles=handles,
            loc="outside lower center",
            ncols=4,
            fontsize=8,
            columnspacing=1.4,
            handlelength=3.5,
        )
    save(figure, path)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, loc="left")


def _averages(axes: Axes, found: dict, momentum: float) -> None:
    """Draw the averages of one momentum: without noise, and the band of the repetitions."""
    for start in (1.0, 9.0):
        for kind, (color, line) in LOOKS.items():
            exact = found["exact"][momentum, start][kind][:, 0]
            low, high = np.quantile(found["sampled"][momentum, start][kind], BAND, axis=1)
            steps = np.arange(1, len(exact) + 1)
            axes.fill_between(steps, low, high, color=color, alpha=0.2, linewidth=0)
            label = kind if start == 1 else None
            axes.plot(steps, exact, color=color, linestyle=line, label=label)
    axes.axhline(4, color="black", linewidth=0.8, linestyle=":", label="true variance, 4")
    axes.set(xlabel="step", xlim=(0, 103), ylim=(0, 9.3))


def _published(axes: Axes, found: dict, published: dict) -> None:
    """Draw how far the published values and the bands are from the values without noise."""
    labels = []
    for start, values in published.items():
        for kind, value in values.items():
            exact = found["exact"][0.99, start][kind][-1, 0]
            low, high = np.quantile(found["sampled"][0.99, start][kind][-1], BAND) - exact
            color, place = LOOKS[kind][0], len(labels)
            axes.bar(place, high - low, 0.6, low, color=color, alpha=0.35, linewidth=0)
            axes.plot(place, value - exact, color="black", marker=MARKERS[2 * (kind != "raw")])
            axes.annotate(f"{value:.2f}", (place, value - exact), (4, 3), fontsize=7,
                          textcoords="offset points")  # fmt: skip
            labels.append(f"{'raw' if kind == 'raw' else 'corr.'}\n{start:.0f}")
    axes.axhline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylim(-0.28, 0.13)
    axes.set(xlabel="average and its start", ylabel="minus the exact value", xlim=(-0.5, 3.9))
    axes.grid(visible=False, axis="x")
    _title(axes, "(d) published values, in (b)")


def _optimizers(panels: np.ndarray, reddi: dict) -> None:
    """Draw where each optimizer is after each period of 101 steps, and its average regret."""
    for index, (names, (xs, regret)) in enumerate(_merged(reddi).items()):
        steps = 101 * np.arange(1, len(xs) + 1)
        marks = np.unique(np.geomspace(1, len(xs), 7).astype(int)) - 1
        for axes, values in zip(panels, (xs, regret), strict=True):
            axes.plot(
                steps,
                values,
                color=COLORS[index],
                linestyle=LINES[index % len(LINES)],
                marker=MARKERS[index],
                markeredgecolor="white",
                markevery=list(marks),
                label=names,
            )
    for axes in panels:
        axes.set(xscale="log", xlabel="step")
    panels[0].set(ylabel="x (best: -1, worst: 1)", ylim=(-1.1, 1.1))
    panels[1].axhline(20 / 101, color="black", linewidth=0.8, linestyle=":")  # 20 a period
    panels[1].annotate("at x = 1", (110, 20 / 101), (0, 3), textcoords="offset points", fontsize=8)
    panels[1].set(ylabel="average regret", yscale="log")
    panels[1].yaxis.set_major_formatter("{x:g}")
    _title(panels[0], "(e) Reddi's problem: x")
    _title(panels[1], "(f) Reddi's problem: regret")


def _merged(reddi: dict) -> dict:
    """Give one line to the variants of a rule that differ by less than a line's width."""
    merged: dict[str, tuple] = {}
    for name, (xs, regret) in reddi.items():
        rule, _, variant = name.partition(", ")
        for other, (other_xs, _) in merged.items():
            if other.startswith(f"{rule}:") and np.abs(xs - other_xs).max() < 0.01:
                merged[f"{other}, {variant}"] = merged.pop(other)
                break
        else:
            merged[f"{rule}: {variant}"] = (xs, regret)
    return merged
