"""The figures of a report: curves with bands, and the 2 x 2 of batch norm and AMSGrad."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.errors import UserError
from bnstudy.plots.figures import comparison_figure
from bnstudy.plots.style import COLORS, save, style
from bnstudy.report.arms import FOUR, Design
from bnstudy.report.claims import pooled
from bnstudy.report.estimates import contrast
from bnstudy.report.measures import AREA, TEST_ACCURACY, Measure
from bnstudy.report.report import Report
from bnstudy.run_folder.log import RunLog

# Optimizer -> its arms without and with batch norm, and its style.
LINES = {"Adam": ("a", "b", COLORS[0], "o", "-"), "AMSGrad": ("d", "c", COLORS[1], "s", "--")}


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw curves.png, and two_by_two.png where there are all four arms, into a folder.

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
    curves = comparison_figure(logs, reference=fits_the_authors(logs))
    written = [save(curves, folder / "curves.png")]
    complete = [design for design in _designs(report) if has_four_arms(design)]
    for number, design in enumerate(complete, start=1):
        name = "two_by_two.png" if len(complete) == 1 else f"two_by_two_{number}.png"
        written.append(save(two_by_two(design), folder / name))
    return written


def _designs(report: Report) -> list[Design]:
    return [section.design for section in report.sections if section.design is not None]


def fits_the_authors(logs: Sequence[RunLog]) -> bool:
    """Return whether a run is of the author's kind: CIFAR-10 at full width without batch norm."""
    return any(
        log.config.data.name == "cifar10"
        and log.config.data.train_limit is None
        and log.config.model.width == 1
        and log.config.model.batch_norm == "none"
        for log in logs
    )


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
            capsize=3, label=f"{optimizer}: {shown}; seeds in pale", zorder=3,
        )  # fmt: skip
        for place, arm in zip(places, (without, with_), strict=True):
            spread = np.full(len(values[arm]), place + 2 * shift)
            axes.plot(spread, values[arm], marker, color=color, alpha=0.4, linestyle="", zorder=2)
    axes.set_xticks([0, 1], ["no batch norm", "batch norm"])
    axes.set_xlim(-0.35, 1.35)
    axes.set_ylabel(measure.name.replace(", ", ",\n", 1))
