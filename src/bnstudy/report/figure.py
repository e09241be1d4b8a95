"""The figures of a report: curves with bands, and the 2 x 2 of batch norm and AMSGrad."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.errors import UserError
from bnstudy.plots.figures import comparison_figure
from bnstudy.plots.style import COLORS, save, style
from bnstudy.report.arms import FOUR, Design
from bnstudy.report.author import of_the_authors_kind
from bnstudy.report.claims import pooled
from bnstudy.report.estimates import contrast
from bnstudy.report.measures import AREA, TEST_ACCURACY, Measure
from bnstudy.report.report import Report
from bnstudy.run_folder.log import RunLog

# Runs that differ in one of these are drawn in different figures.
SETTING = ("data.name", "data.train_limit", "data.test_limit", "model.width")
# Optimizer -> its arms without and with batch norm, and its style.
LINES = {"Adam": ("a", "b", COLORS[0], "o", "-"), "AMSGrad": ("d", "c", COLORS[1], "s", "--")}


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw curves.png, and two_by_two.png where there are all four arms, into a folder.

    Where there are several settings or designs, the files of each have its number: curves_1.png.

    Args:
        report: of at least one finished run.
        folder: is made if it does not exist.

    Returns:
        The paths of the files.

    """
    logs = [log for group in report.groups for log in group.logs]
    if not logs:
        raise UserError("nothing to draw: no run has finished")
    folder.mkdir(parents=True, exist_ok=True)
    curves = [
        comparison_figure(same, any(map(of_the_authors_kind, same))) for same in by_setting(logs)
    ]
    squares = [two_by_two(design) for design in _designs(report) if has_four_arms(design)]
    return [*_save_all(curves, folder, "curves"), *_save_all(squares, folder, "two_by_two")]


def _save_all(figures: Sequence[Figure], folder: Path, name: str) -> list[Path]:
    """Save figures under a name, with their number if there are several."""
    return [
        save(figure, folder / (f"{name}.png" if len(figures) == 1 else f"{name}_{number}.png"))
        for number, figure in enumerate(figures, start=1)
    ]


def by_setting(logs: Sequence[RunLog]) -> list[list[RunLog]]:
    """Return the runs of each setting (data, width), which one figure can show."""
    settings: dict[tuple[Any, ...], list[RunLog]] = {}
    for log in logs:
        flat = log.config.flat()
        settings.setdefault(tuple(flat[key] for key in SETTING), []).append(log)
    return list(settings.values())


def _designs(report: Report) -> list[Design]:
    return [section.design for section in report.sections if section.design is not None]


def has_four_arms(design: Design) -> bool:
    """Return whether a design has runs of all four arms, none of which diverged."""
    known = all(design.runs(arm, TEST_ACCURACY.epochs) for arm in FOUR)
    return known and not design.diverged(FOUR)


def two_by_two(design: Design) -> Figure:
    """Return the figure of {no batch norm, batch norm} x {Adam, AMSGrad}.

    Each seed is a point, each mean has its 95 % interval, from the deviation pooled over the arms.

    Args:
        design: has all four arms.

    """
    with style():
        figure = Figure(figsize=(7.2, 3.4), layout="constrained")
        counts = {arm: len(design.runs(arm, TEST_ACCURACY.epochs)) for arm in FOUR}
        same = len(set(counts.values())) == 1
        n = f"n = {counts['a']}" if same else ", ".join(f"{a}: n = {n}" for a, n in counts.items())
        figure.suptitle(f"{design.title}, {n}", fontsize=10)
        panels = figure.subplots(1, 2)
        for axes, measure in zip(panels, (TEST_ACCURACY, AREA), strict=True):
            _panel(axes, design, measure)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _panel(axes: Axes, design: Design, measure: Measure) -> None:
    values = {
        arm: np.array([measure.of(log) for log in design.runs(arm, measure.epochs).values()])
        for arm in FOUR
    }
    for shift, (optimizer, (without, with_, color, marker, line)) in zip(
        (-0.04, 0.04), LINES.items(), strict=True
    ):
        pool = pooled({arm: list(found) for arm, found in values.items()})
        estimates = [contrast(values, {arm: 1.0}, pool) for arm in (without, with_)]
        means = np.array([estimate.value for estimate in estimates])
        halves = np.array([estimate.high - estimate.value for estimate in estimates])
        shown = "mean" if np.isnan(halves).all() else "mean, 95 % interval"
        places = np.array([0.0, 1.0]) + shift
        axes.errorbar(
            places, means, halves, color=color, marker=marker, linestyle=line,
            capsize=3, label=f"{optimizer}: {shown}; pale: single seeds", zorder=3,
        )  # fmt: skip
        for place, arm in zip(places, (without, with_), strict=True):
            spread = np.full(len(values[arm]), place + 2 * shift)
            axes.plot(spread, values[arm], marker, color=color, alpha=0.4, linestyle="", zorder=2)
    axes.set_xticks([0, 1], ["no batch norm", "batch norm"])
    axes.set_xlim(-0.35, 1.35)
    axes.set_ylabel(measure.name.replace(", ", ",\n", 1))
