"""How much the outputs of a model differ between two ways to normalize."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from bnstudy.doctor import limits
from bnstudy.errors import UserError


def check_labels(outputs: list[np.ndarray], labels: np.ndarray) -> None:
    """Refuse labels that are not the classes of a model.

    Raises:
        UserError: the model does not score classes, or others.

    """
    if len(outputs) != 1 or outputs[0].ndim != 2:
        shapes = " and ".join(str(["N", *y.shape[1:]]).replace("'", "") for y in outputs)
        raise UserError(
            f"labels are the classes of a model that scores them, [N, K]; this one gives {shapes}: "
            "leave the labels out"
        )
    count = max(2, outputs[0].shape[1])  # a single number scores one class of two
    if labels.min() < 0 or labels.max() >= count:
        raise UserError(
            f"labels are from {labels.min()} to {labels.max()}, the model has the classes 0 to "
            f"{count - 1}"
        )


def classes(y: np.ndarray) -> np.ndarray:
    """Return the class of each row."""
    if y.shape[1] > 1:
        return np.asarray(y.argmax(axis=1))
    finite = y[np.isfinite(y)]
    is_probability = finite.size > 0 and finite.min() >= 0 and finite.max() <= 1
    return np.asarray(y[:, 0] > (0.5 if is_probability else 0.0), np.int64)


def accuracy(outputs: list[np.ndarray], labels: np.ndarray) -> float:
    """Return the share of the images whose class is right."""
    (y,) = outputs
    return float(np.mean(classes(y) == labels[: len(y)]))


def change(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Return how much outputs differ, see `say`; the largest, where there are several."""
    return max(_change(left, right) for left, right in zip(a, b, strict=True))


def say(size: float, outputs: list[np.ndarray]) -> str:
    """Say what `change` found."""
    if all(map(_are_probabilities, outputs)):
        return f"{size:.1%} of the images change class"
    return f"outputs change by {size:.2f} standard deviations"


def differ(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Return whether outputs differ more than those of healthy models do."""
    for left, right in zip(a, b, strict=True):
        limit = limits.OTHER_CLASS if _are_probabilities(left) else limits.OTHER_OUTPUT
        if not _change(left, right) < limit:
            return True
    return False


def _are_probabilities(y: np.ndarray) -> bool:
    """Return whether each row is a distribution over classes; of other rows no class is known."""
    if y.ndim != 2 or y.shape[1] == 1:
        return False
    return bool((y >= 0).all() and np.allclose(y.sum(axis=1), 1, atol=0.01))


def _change(a: np.ndarray, b: np.ndarray) -> float:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    if _are_probabilities(a):
        return float(np.mean(classes(a) != classes(b)))
    difference = np.sqrt(np.mean((a.astype(np.float64) - b) ** 2))
    return float(difference / (a.std(axis=0, dtype=np.float64).mean() or 1.0))


class Comparison(NamedTuple):
    """Two ways to normalize, judged by labels."""

    better: float  # accuracy
    worse: float
    chance: float  # the probability of such a difference among equals

    @property
    def certain(self) -> bool:
        """Whether the difference matters, and is not chance."""
        return self.better - self.worse >= limits.POINTS and self.chance < limits.CHANCE


def compare(better: list[np.ndarray], worse: list[np.ndarray], labels: np.ndarray) -> Comparison:
    """Compare on the images that both have; only those count that one of them alone gets right."""
    count = min(len(better[0]), len(worse[0]))
    right, also = (classes(y[0][:count]) == labels[:count] for y in (better, worse))
    alone, others = int(np.sum(right & ~also)), int(np.sum(also & ~right))
    tested = binomtest(alone, alone + others, alternative="greater") if alone + others else None
    chance = float(tested.pvalue) if tested else 1.0
    return Comparison(float(right.mean()), float(also.mean()), chance)
