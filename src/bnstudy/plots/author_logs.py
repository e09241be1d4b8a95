"""The logs that the post's author published in 2018, for comparison with ours."""

import csv
import io
from importlib import resources

import numpy as np


def load_reference() -> dict[str, dict[str, np.ndarray]]:
    """Return the logs that the post's author published in 2018.

    Returns:
        series -> column -> array. Series: `momentum` and `adam` (automatic differentiation) and
        `manual_amsgrad` (gradients by hand), all at full width without batch norm. Columns: epoch,
        and cost and accuracy on the training and test images, as in metrics.csv.

    """
    text = resources.files("bnstudy").joinpath("plots/author_logs.csv").read_text(encoding="utf-8")
    series: dict[str, dict[str, list[float]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        columns = series.setdefault(row.pop("series"), {column: [] for column in row})
        for column, value in row.items():
            columns[column].append(float(value))
    return {
        name: {
            column: np.array(values, dtype=np.int64 if column == "epoch" else np.float64)
            for column, values in columns.items()
        }
        for name, columns in series.items()
    }
