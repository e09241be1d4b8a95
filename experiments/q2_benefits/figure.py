"""Question 2: the figure, one panel for each of the five measurements, two for the first."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style
from bnstudy.questions.claims import Claim
from bnstudy.questions.find import load_file

judging = load_file(Path(__file__).with_name("judge.py"))
NONE, BN, FROZEN = judging.NONE, judging.BN, "frozen"
ARMS, GUESS, ACCURACY = judging.ARMS, judging.GUESS, judging.ACCURACY
LOOK = {
    name: {"color": COLORS[i], "linestyle": LINES[i], "marker": MARKERS[i]}
    for i, name in enumerate((NONE, BN, FROZEN))
}

Measured = Mapping[str, Any]


def draw(measured: Measured, claims: Sequence[Claim]) -> Figure:
    """Draw what is there."""
    with style():
        figure = StyledFigure(figsize=(10.5, 6.4), layout="constrained")
        (momentum, adam, rates), (sharp, along, steps) = figure.subplots(2, 3)
        _doubling(momentum, measured["doubling"], "momentum")
        _doubling(adam, measured["doubling"], "adam")
        _last_costs(rates, measured)
        _eigenvalues(sharp, measured.get("sharpness", {}))
        _along(along, measured.get("predictiveness", {}))
        _accuracies(steps, measured)
        for axes in figure.axes:
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=7)
        primary = next(claim for claim in claims if claim.primary)
        figure.suptitle(f"What does batch norm gain? {primary.name}: {primary.verdict}")
    return figure


def _doubling(axes: Axes, doubling: Measured, optimizer: str) -> None:
    """Draw the training cost against the rate of its epoch; only the first seed has a label."""
    names = {"momentum": "momentum", "adam": "Adam"}
    for arm in ARMS:
        for number, run in enumerate(doubling[arm].get(optimizer, {}).values()):
            costs = [math.nan if cost is None else min(cost, 4) for cost in run["costs"]]
            label = {} if number else {"label": arm}
            axes.plot(run["rates"], costs, **LOOK[arm], **label)
            broken = [
                rate for rate, cost in zip(run["rates"], run["costs"], strict=True) if cost is None
            ]
            axes.plot(broken, [4] * len(broken), "x", color=LOOK[arm]["color"], markersize=8)
    _guess(axes)
    axes.set_ylim(0, 4.3)
    _log(axes, "x")
    axes.set(xlabel="learning rate, doubled every two epochs")
    axes.set(ylabel="training cost (nats), cut at 4", title=f"i. breaking rate, {names[optimizer]}")


def _log(axes: Axes, *names: str) -> None:
    """Scale axes logarithmically, if there is anything on them."""
    for name, least in zip("xy", axes.dataLim.minpos, strict=True):
        if name in names and np.isfinite(least):
            axes.set(**{f"{name}scale": "log"})


def _guess(axes: Axes) -> None:
    axes.axhline(GUESS, color="black", linewidth=0.8, linestyle=":")
    axes.text(0.01, GUESS, "ln 10", transform=axes.get_yaxis_transform(), va="bottom", fontsize=8)


def _last_costs(axes: Axes, measured: Measured) -> None:
    """Draw the last cost against the rate: a line through seed 0, and the chosen rates."""
    for arm in ARMS:
        runs = measured["fixed"][arm]
        order = sorted((rate for rate in runs if "0" in runs[rate]), key=float)
        costs = [runs[rate]["0"]["costs"][-1] for rate in order]
        values = [math.nan if cost is None else min(cost, GUESS) for cost in costs]
        axes.plot([float(rate) for rate in order], values, **LOOK[arm], label=arm)
        others = [
            (float(rate), run["costs"][-1])
            for rate, seeds in runs.items()
            for seed, run in seeds.items()
            if seed != "0" and run["costs"][-1] is not None
        ]
        if others:
            look = LOOK[arm] | {"linestyle": "none", "markerfacecolor": "none"}
            axes.plot(*zip(*others, strict=True), **look)
    chosen = measured["chosen"]
    for name in (*ARMS, "small"):
        if name in chosen:
            where = axes.get_xaxis_transform()
            axes.axvline(float(chosen[name]), color="#808080", linewidth=0.8, linestyle=":")
            label = name if name == "small" else f"best, {name}"
            axes.text(
                float(chosen[name]), 0.72, label, transform=where, rotation=90, va="top", fontsize=7
            )
    _log(axes, "x")
    axes.set(xlabel="learning rate, constant", ylabel="last training cost (nats)")
    axes.set_title("ii. one rate (hollow: seeds 1, 2)")


def _eigenvalues(axes: Axes, sharpness: Measured) -> None:
    """Draw the largest eigenvalues of every seed."""
    for place, name in enumerate((BN, FROZEN, NONE)):
        values = [found[name] for found in sharpness.values()]
        look = LOOK[name] | {"linestyle": "none", "markersize": 7}
        axes.plot([place] * len(values), values, **look)
    axes.set_xticks(range(3), ["BN", "BN, statistics\nfrozen", "none"])
    _log(axes, "y")
    _decades(axes)
    axes.set(ylabel="largest eigenvalue", title="iii. sharpness, at like training accuracy")
    axes.margins(x=0.3)


def _decades(axes: Axes) -> None:
    """Let the vertical axis begin and end with a power of ten, and label these alone."""
    if axes.get_yscale() == "log":
        low, high = axes.dataLim.minpos[1], axes.dataLim.ymax
        axes.set_ylim(10 ** math.floor(math.log10(low)), 10 ** (math.floor(math.log10(high)) + 1))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _along(axes: Axes, predictiveness: Measured) -> None:
    """Draw the medians over batches and seeds, after each epoch."""
    for arm, seeds in predictiveness.items():
        for what, face in (("range", LOOK[arm]["color"]), ("change", "none")):
            if seeds:
                epochs, values = _medians(list(seeds.values()), what)
                look = LOOK[arm] | {"markerfacecolor": face}
                axes.plot(epochs, values, **look, label=f"{what}, {arm}")
    _log(axes, "y")
    _decades(axes)
    axes.set(xlabel="epoch", title="iv. along the gradient, 0.5 to 4 steps")
    axes.set_ylabel("range of the cost (nats),\nchange of the gradient (norm)")


def _medians(seeds: Sequence[Measured], what: str) -> tuple[list[int], list[float]]:
    epochs = sorted({epoch for found in seeds for epoch in found["epochs"]})
    pairs = [
        (epoch, math.inf if value is None else value)
        for found in seeds
        for epoch, value in zip(found["epochs"], found[what], strict=True)
    ]
    return epochs, [float(np.median([v for e, v in pairs if e == epoch])) for epoch in epochs]


def _accuracies(axes: Axes, measured: Measured) -> None:
    """Draw the test accuracy of every seed at each arm's best rate."""
    chosen, fixed = measured["chosen"], measured["fixed"]
    for arm in ARMS:
        for number, run in enumerate(fixed[arm].get(chosen.get(arm, ""), {}).values()):
            steps = run["steps"] * np.arange(1, len(run["accuracies"]) + 1)
            label = {} if number else {"label": f"{arm} at {chosen[arm]}"}
            axes.plot(steps, run["accuracies"], **LOOK[arm], **label)
    axes.axhline(ACCURACY, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="step", ylabel="test accuracy", title="v. each arm at its best rate")
