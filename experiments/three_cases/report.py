"""Print the table of the three cases and draw their figure, from the published run folders.

    python experiments/three_cases/report.py [FOLDER]      default: logs/published/lite

The metrics are those of the last epoch: the mean over the seeds, and the range from the smallest to
the largest.
"""

import sys
from pathlib import Path

import numpy as np

import bnstudy
from bnstudy.plots.figures import plot_comparison

PUBLISHED = Path(__file__).parents[2] / "logs" / "published" / "lite"
COLUMNS = ("train_accuracy", "test_accuracy", "train_cost", "test_cost")


def folders(place: Path) -> list[Path]:
    """Return the finished run folders in a folder."""
    return sorted(path.parent for path in place.glob("*/result.json"))


def table(place: Path) -> str:
    """Return the results of the runs in a folder as a Markdown table, a row per case.

    If they differ in precision, a row per case and precision.
    """
    logs = [bnstudy.load_log(folder) for folder in folders(place)]
    several = len({log.config.training.precision for log in logs}) > 1
    results: dict[str, list[dict]] = {}
    for log in logs:
        row = log.result["case"] + (f", {log.config.training.precision}" if several else "")
        results.setdefault(row, []).append(log.result)
    rows = [
        "| case | seeds | training accuracy | test accuracy | training cost (nats) | test cost (nats) |",  # noqa: E501
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row, runs in sorted(results.items()):
        cells = [_mean_and_range([run[column] for run in runs]) for column in COLUMNS]
        rows.append(f"| {row} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _mean_and_range(values: list[float]) -> str:
    spread = f" ({min(values):.4f} to {max(values):.4f})" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else PUBLISHED
    print(table(place))
    print(plot_comparison(folders(place), place / "comparison.png"))
