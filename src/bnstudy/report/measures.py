"""What is measured of one run: a number from its log, chosen before the runs were made."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnstudy.run_folder.log import RunLog
from bnstudy.run_folder.training_images import read_accuracy

# Single epochs differ from their neighbours by 0.006 to 0.008 in test accuracy: five are averaged.
FIRST, LAST = 17, 21
COST = 0.75  # nats; the training cost whose first epoch is measured


@dataclass(frozen=True)
class Measure:
    """A number from a run's log.

    Attributes:
        name: with its unit.
        of: takes a run that has at least `epochs` epochs.
        epochs: that a run must have.
        digits: after the decimal point, in tables.

    """

    name: str
    of: Callable[[RunLog], float]
    epochs: int = LAST
    digits: int = 4


def _late(log: RunLog, column: str) -> float:
    return float(log.metrics[column][FIRST - 1 : LAST].mean())


def _at(log: RunLog, column: str, epoch: int) -> float:
    return float(log.metrics[column][epoch - 1])


def epochs_until(costs: np.ndarray, cost: float) -> float:
    """Return the epoch at which a cost falls below a value, interpolated linearly.

    Args:
        costs: one per epoch, the first for epoch 1.
        cost: the value.

    Returns:
        1 if the first cost is below it already; NaN if none is. After a cost that is not finite,
        the whole epoch, since nothing can be interpolated.

    """
    below = np.flatnonzero(costs < cost)
    if not len(below):
        return math.nan
    i = int(below[0])
    if i == 0 or not np.isfinite(costs[i - 1]):
        return i + 1.0
    return i + float((costs[i - 1] - cost) / (costs[i - 1] - costs[i]))  # between epochs i, i + 1


TEST_ACCURACY = Measure(
    f"test accuracy, mean of epochs {FIRST} to {LAST}", lambda log: _late(log, "test_accuracy")
)
TRAINING_ACCURACY = Measure(
    f"training accuracy as logged, mean of epochs {FIRST} to {LAST}",
    lambda log: _late(log, "train_accuracy"),
)
GAP = Measure(
    f"training accuracy as logged - test accuracy, means of epochs {FIRST} to {LAST}",
    lambda log: _late(log, "train_accuracy") - _late(log, "test_accuracy"),
)
AREA = Measure(
    f"training cost (nats), mean of epochs 1 to {LAST}",
    lambda log: float(log.metrics["train_cost"][:LAST].mean()),
)
EPOCHS_TO_COST = Measure(
    f"epochs until the training cost is below {COST} nats",
    lambda log: epochs_until(log.metrics["train_cost"][:LAST], COST),
    digits=2,
)
LAST_TEST_ACCURACY = Measure(
    f"test accuracy, epoch {LAST}", lambda log: _at(log, "test_accuracy", LAST)
)
FIRST_COST = Measure(
    "training cost (nats), epoch 1", lambda log: _at(log, "train_cost", 1), epochs=1
)


def plain_gap(log: RunLog) -> float:
    """Return training - test accuracy of the last epoch, in inference mode on plain images."""
    accuracy = read_accuracy(log)
    return math.nan if accuracy is None else accuracy - _at(log, "test_accuracy", LAST)


PLAIN_GAP = Measure(
    f"training - test accuracy after epoch {LAST}, inference mode, plain images", plain_gap
)
