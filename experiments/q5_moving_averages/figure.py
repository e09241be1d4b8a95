"""The figure of question 5: moving averages, Reddi's problem, networks tested under averages."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style

LOOKS = {"raw": (COLORS[1], LINES[1]), "corrected": (COLORS[0], LINES[0])}


NAMES = {"cifar10": "lite", "digits": "digits"}


def draw(
    first: dict[str, Any],
    published: dict[float, dict[str, float]],
    second: dict[str, Any],
    predictions: dict[float, int],
) -> StyledFigure:
    """Draw everything that was measured.

    Args:
        first: from `measure` of first_half.py.
        published: start -> the published values, raw and corrected.
        second: from `measure` of second_half.py.
        predictions: momentum -> step after which the start should no longer matter.

    """
    trained = [name for name in NAMES if name in second]
    heights = (2.5, 2.7, *(2.2 for _ in trained))
    with style():
        figure = StyledFigure(figsize=(7.2, sum(heights)), layout="constrained")
        rows = figure.subfigures(len(heights), 1, height_ratios=heights)
        _averages_row(rows[0], first)
        _optimizers_row(rows[1], first, published)
        for number, name in enumerate(trained):
            letters = "ghijkl"[3 * number : 3 * number + 3]
            seed = min(second[name])
            _training_row(rows[2 + number], letters, NAMES[name], second[name][seed], predictions)
    return figure


def _averages_row(row: SubFigure, found: dict[str, Any]) -> None:
    panels = row.subplots(1, 3, sharey=True)
    momenta = sorted({float(key.split()[0]) for key in found["exact"]})
    for letter, axes, momentum in zip("abc", panels, momenta, strict=True):
        _averages(axes, found, momentum)
        _title(axes, f"({letter}) momentum {momentum:g}")
    panels[0].set_ylabel("moving variance")
    handles, _ = panels[0].get_legend_handles_labels()
    band = Patch(color="black", alpha=0.2, linewidth=0, label="95 % of repetitions")
    row.legend(handles=[*handles, band], loc="outside lower center", ncols=4, fontsize=8)


def _optimizers_row(row: SubFigure, found: dict[str, Any], published: dict) -> None:
    panels = row.subplots(1, 3, width_ratios=(1, 1.1, 1.1))
    _published(panels[0], found, published)
    _optimizers(panels[1:], found["reddi"])
    handles, _ = panels[1].get_legend_handles_labels()
    row.legend(
        handles=handles,
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        columnspacing=1.4,
        handlelength=3.5,
    )


def _training_row(
    row: SubFigure, letters: str, name: str, curves: dict[str, Any], predictions: dict[float, int]
) -> None:
    """Draw the test accuracy of one run, under every kind of statistics, over its steps."""
    panels = row.subplots(1, 3, sharey=True)
    looks = {**LOOKS, "precise": ("black", ":")}
    for letter, axes, (momentum, step) in zip(letters, panels, predictions.items(), strict=True):
        for kind, (color, line) in looks.items():
            values = curves["accuracy"][kind if kind == "precise" else f"{kind} {momentum:g}"]
            marker = MARKERS[list(looks).index(kind)] if kind != "precise" else None
            axes.plot(
                curves["steps"], values, color=color, linestyle=line, label=kind, marker=marker,
                markersize=3, markeredgecolor="white",
            )  # fmt: skip
        if step <= curves["steps"][-1]:
            axes.axvline(step, color="grey", linewidth=1)
            axes.annotate(f"{step:,}", (step, 0.02), (-3, 0), textcoords="offset points",
                          fontsize=7, ha="right")  # fmt: skip
        axes.set(xscale="log", xlabel="step", ylim=(0, 1))
        _title(axes, f"({letter}) {name}, momentum {momentum:g}")
    panels[0].set_ylabel("test accuracy")
    handles, _ = panels[0].get_legend_handles_labels()
    line = Line2D([], [], color="grey", linewidth=1, label="1 % of the start left")
    row.legend(handles=[*handles, line], loc="outside lower center", ncols=4, fontsize=8)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, loc="left")


def _averages(axes: Axes, found: dict, momentum: float) -> None:
    """Draw the averages of one momentum: without noise, and the band of the repetitions."""
    for start in (1.0, 9.0):
        for kind, (color, line) in LOOKS.items():
            key = f"{momentum:g} from {start:g}"
            exact, (low, high) = found["exact"][key][kind], found["bands"][key][kind]
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
            exact = found["exact"][f"0.99 from {start:g}"][kind][-1]
            low, high = np.array(found["bands"][f"0.99 from {start:g}"][kind])[:, -1] - exact
            color, place = LOOKS[kind][0], len(labels)
            axes.bar(place, high - low, 0.6, low, color=color, alpha=0.35, linewidth=0)
            axes.plot(place, value - exact, color="black", marker=MARKERS[2 * (kind != "raw")])
            axes.annotate(f"{value:.2f}", (place, value - exact), (4, 3), fontsize=7,
                          textcoords="offset points")  # fmt: skip
            labels.append(f"{'raw' if kind == 'raw' else 'corr.'}\n{start:.0f}")
    axes.axhline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylim(-0.28, 0.13)
    axes.set(xlabel="average and its start", ylabel="published - exact value", xlim=(-0.5, 3.9))
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
            if other.startswith(f"{rule}:") and np.abs(np.subtract(xs, other_xs)).max() < 0.01:
                merged[f"{other}, {variant}"] = merged.pop(other)
                break
        else:
            merged[f"{rule}: {variant}"] = (xs, regret)
    return merged
