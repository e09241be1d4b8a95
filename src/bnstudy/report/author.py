"""Runs beside the author's own three series of 2018: how far apart their test accuracies are."""

from collections.abc import Mapping, Sequence

import numpy as np

from bnstudy.plots.author_logs import load_reference
from bnstudy.run_folder.log import RunLog

FIRST = 4  # epoch from which curves are compared; before it they climb fast, and wobble as much
Curve = Mapping[str, np.ndarray]  # the columns epoch and test_accuracy


def of_the_authors_kind(log: RunLog) -> bool:
    """Return whether a run is CIFAR-10 at full width without batch norm, as his series are."""
    config = log.config
    return (
        config.data.name == "cifar10"
        and config.data.train_limit is None
        and config.model.width == 1
        and config.model.batch_norm == "none"
    )


def largest_difference(one: Curve, other: Curve) -> tuple[float, int] | None:
    """Return the largest difference of two test accuracies from epoch 4 on, and its epoch.

    Only epochs that both have are compared; None if there are none.
    """
    epochs, ours, theirs = np.intersect1d(one["epoch"], other["epoch"], return_indices=True)
    late = epochs >= FIRST
    if not late.any():
        return None
    gaps = np.abs(one["test_accuracy"][ours] - other["test_accuracy"][theirs])[late]
    at = int(np.argmax(gaps))  # the first NaN, if there is one: a run that diverged
    return float(gaps[at]), int(epochs[late][at])


def beside_the_author(logs: Sequence[RunLog]) -> list[list[str]]:
    """Return a table of the largest differences to each of his series: of runs, and of his own.

    Args:
        logs: of finished runs; those of another kind are left out.

    Returns:
        Its lines, the first of which is the heading; none if no run is of his kind.

    """
    own: list[tuple[str, Curve]] = [
        (log.folder.name, log.metrics) for log in logs if of_the_authors_kind(log)
    ]
    if not own:
        return []
    his = {f"author, {name}": curve for name, curve in load_reference().items()}
    lines = [
        [name, *("" if curve is other else _cell(curve, other) for other in his.values())]
        for name, curve in [*own, *his.items()]
    ]
    return [["test accuracy", *his], *lines]


def _cell(one: Curve, other: Curve) -> str:
    found = largest_difference(one, other)
    return "" if found is None else f"{found[0]:.4f} (epoch {found[1]})"
