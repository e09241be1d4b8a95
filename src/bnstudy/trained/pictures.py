"""Pictures of an evaluation: the confusion matrix, the reliability diagram, the worst mistakes."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstudy.plots.groups import common_title
from bnstudy.plots.style import COLORS, save, style
from bnstudy.run_folder.weights import PICTURES
from bnstudy.trained.evaluation import BINS, Evaluation

ROWS, COLUMNS = 4, 6  # of the worst mistakes


def draw(evaluation: Evaluation, images: np.ndarray, folder: Path) -> list[Path]:
    """Draw evaluation.png and mistakes.png.

    Args:
        evaluation: of a network.
        images: those that were classified, uint8 [N, 32, 32, 3].
        folder: where the files go.

    Returns:
        Their paths.

    Raises:
        UserError: a file cannot be written.

    """
    figures = (evaluation_figure(evaluation), mistakes_figure(evaluation, images))
    return [save(f, folder / name) for f, name in zip(figures, PICTURES, strict=True)]


def evaluation_figure(evaluation: Evaluation) -> Figure:
    """Return the confusion matrix beside the reliability diagram."""
    with style():
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        figure.suptitle(_title(evaluation), fontsize=10)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        _draw_confusion(left, evaluation)
        _draw_reliability(right, evaluation)
    return figure


def mistakes_figure(evaluation: Evaluation, images: np.ndarray) -> Figure:
    """Return the mistakes with the highest cost: the class, and not what the network says."""
    worst = evaluation.worst(ROWS * COLUMNS)
    rows = max(1, -(-len(worst) // COLUMNS))
    with style():
        figure = Figure(figsize=(7.2, 0.7 + 1.5 * rows), layout="constrained")
        wrong = int((evaluation.predicted != evaluation.labels).sum())
        shown = f"the {len(worst)} of {wrong:,} mistakes with the highest cost"
        if len(worst) == wrong:
            shown = f"all mistakes ({wrong}), the highest cost first" if wrong else "no mistakes"
        figure.suptitle(f"{_title(evaluation)}, {shown}", fontsize=10)
        for axes in figure.subplots(rows, COLUMNS, squeeze=False).flat:
            axes.axis("off")
        for axes, at in zip(figure.axes, worst, strict=False):
            axes.imshow(images[at], interpolation="nearest")
            predicted = evaluation.classes[evaluation.predicted[at]]
            axes.set_title(
                f"{evaluation.classes[evaluation.labels[at]]}\n"
                f"not {predicted} ({evaluation.confidence[at]:.2f})",
                fontsize=7,
            )
    return figure


def _title(evaluation: Evaluation) -> str:
    run = evaluation.run
    seed = f"seed {run.config.seed}, epoch {(run.result or {})['epochs']}"
    images = f"{len(evaluation.labels):,} {evaluation.split} images"
    changed = [evaluation.under] if evaluation.under else []
    if evaluation.precision != run.config.training.precision:
        changed.append(f"evaluated in {evaluation.precision}")
    return "\n".join([common_title([run]), ", ".join([seed, images, *changed])])


def _draw_confusion(axes: Axes, evaluation: Evaluation) -> None:
    """Draw the share of each class, as a colour and in percent."""
    confusion = evaluation.confusion()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)  # or no image
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    places = range(len(shares))
    axes.set_xticks(places, evaluation.classes, rotation=90)
    axes.set_yticks(places, evaluation.classes)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("class")
    axes.set_title(f"accuracy {evaluation.accuracy:.4f} (cells: % of the class)", fontsize=9)
    for (row, column), share in np.ndenumerate(shares):
        if confusion[row, column]:
            color = "white" if share > 0.5 else "black"
            axes.text(
                column, row, f"{100 * share:.0f}", ha="center", va="center", color=color, fontsize=7
            )


def _draw_reliability(axes: Axes, evaluation: Evaluation) -> None:
    """Draw the accuracy over the confidence, and how many images have it."""
    bins = evaluation.calibration()
    axes.plot([0, 1], [0, 1], color="#808080", linewidth=1, linestyle=(0, (3, 2)), zorder=2)
    share = bins.images / bins.images.sum()
    lower = np.arange(BINS) / BINS
    axes.bar(lower, share, 1 / BINS, align="edge", color="#D0D0D0", label="fraction of the images")
    low, high = wilson_interval(bins.accuracy, bins.images)
    axes.errorbar(
        bins.confidence,
        bins.accuracy,
        yerr=(bins.accuracy - low, high - bins.accuracy),
        marker="o",
        color=COLORS[0],
        elinewidth=0.8,
        label="accuracy, 95 % interval",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xlabel("confidence (largest probability)")
    axes.set_title(f"expected calibration error {bins.error:.4f}", fontsize=9)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), handlelength=1.5)  # below


def wilson_interval(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 95 % interval of a share of a count (Wilson 1927); NaN where none."""
    z_squared, n = 1.96**2, np.where(counts > 0, counts, np.nan)
    centre = (shares + z_squared / (2 * n)) / (1 + z_squared / n)
    half = np.sqrt(z_squared * (shares * (1 - shares) + z_squared / (4 * n)) / n)
    half = half / (1 + z_squared / n)
    return np.minimum(centre - half, shares), np.maximum(centre + half, shares)  # despite rounding
