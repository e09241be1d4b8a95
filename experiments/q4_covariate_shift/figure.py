"""Question 4: the figure: training, movement, the gains; and the shift below."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.plots.style import COLORS, LINES, MARKERS, StyledFigure, style
from bnstudy.questions.claims import Claim
from bnstudy.questions.find import load_file

judging = load_file(Path(__file__).parent / "judge.py")
ARMS, FAST, SLOW = judging.ARMS, judging.FAST, judging.SLOW
TEN = 10  # steps, over which the figure averages


def draw(measured: dict[str, Any], claims: list[Claim]) -> Figure:
    """Return the figure: training, movement, the gains; and the shift below."""
    runs = measured["runs"]
    with style():
        figure = StyledFigure(figsize=(7.2, 5.4), layout="constrained")
        (costs, movement, gains), (relative, turn, linear) = figure.subplots(2, 3)
        for index, arm in enumerate(ARMS):
            of_arm = [run for run in runs if run["arm"] == arm]
            _curve(costs, index, arm, [run["costs"] for run in of_arm], 1, 1)
            values = [np.mean(run["movement"]) for run in of_arm if run["movement"]]
            movement.plot([index] * len(values), values, **_look(index) | {"linestyle": "none"})
        costs.set(title="training cost (nats)", xlabel="epoch")
        movement.set(
            title="movement of channel means", ylim=(0, None), xlim=(-0.5, len(ARMS) - 0.5)
        )
        movement.set_xticks(range(len(ARMS)), ARMS, rotation=30, ha="right")
        _draw_gains(gains, judging.by_arm(runs), claims)
        for axes, kind, title in (
            (relative, "relative", f"gradient: relative change, at {FAST}"),
            (turn, "turn", f"gradient: 1 - cosine, at {FAST}"),
        ):
            for index, arm in enumerate(ARMS[:2]):
                found = [run["shift"][str(FAST)][kind] for run in runs if run["arm"] == arm]
                blocks = [np.reshape(row[: len(row) // TEN * TEN], (-1, TEN)) for row in found]
                _curve(axes, index, arm, [b.mean(axis=1) for b in blocks], TEN / 2, TEN)
            axes.set(title=title, xlabel="step", ylim=(0, None))
        for index, arm in enumerate(ARMS[:2]):
            found = measured["linear"][str(judging.PUBLISHED_RATE)][arm]
            _curve(linear, index, arm, found["turn"], 0, found["every"])
        linear.set(title="linear network: 1 - cosine", xlabel="step", yscale="log")
        handles, labels = costs.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(ARMS), fontsize=8)
        for axes in figure.axes:
            axes.title.set_fontsize(9)
    return figure


def _look(index: int) -> dict[str, Any]:
    return {"color": COLORS[index], "linestyle": LINES[index % 4], "marker": MARKERS[index]}


def _curve(axes: Axes, index: int, label: str, rows: list, start: float, every: int) -> None:
    """Draw the mean over the seeds, and their range; a legend entry even if there are none."""
    shortest = min(map(len, rows), default=0)
    x, values = start + every * np.arange(shortest), np.array([row[:shortest] for row in rows])
    marks = max(1, shortest // 6)
    mean = values.mean(axis=0) if len(rows) else x
    axes.plot(x, mean, label=label, markevery=marks, **_look(index))
    if len(rows) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(x, low, high, color=COLORS[index], alpha=0.2, linewidth=0)


def _draw_gains(axes: Axes, arms: Any, claims: list[Claim]) -> None:
    """Draw what batch norm and noisy batch norm gain over none in each seed; half of the former."""
    for place, (none, claim) in enumerate(zip(("none", "none, slow"), claims, strict=False)):
        rows, _ = judging.complete(arms, none, "BN", "noisy BN")
        for areas in ([np.mean(run["costs"]) for run in row] for row in rows):
            gains = [areas[0] - area for area in areas[1:]]
            sides = [place - 0.15, place + 0.15]
            axes.plot(sides, gains, color="#808080", linewidth=0.8, zorder=1)
            axes.plot(sides[1], gains[0] / 2, color="black", marker="_", markersize=9, zorder=2)
            for index, x, gain in zip((1, 2), sides, gains, strict=True):
                axes.plot(x, gain, **_look(index) | {"linestyle": "none"})
        word = claim.verdict.replace(" ", "\n", 1)
        where = axes.get_xaxis_transform()
        axes.text(place, 0.98, word, transform=where, ha="center", va="top", fontsize=8)
    axes.axhline(0, color="#808080", linestyle=(0, (1, 1)), zorder=0)
    axes.set_xticks([0, 1], [f"none at {FAST}", f"none at {SLOW}"])
    axes.set(title="gain in area over none (nats)", xlim=(-0.5, 1.5))
    low, high = axes.dataLim.intervaly
    axes.set_ylim(low - 0.02, high + 0.2 * max(high - low, 0.1))  # room for the verdicts
