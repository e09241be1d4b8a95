"""How much the outputs of a model differ between two ways to normalize."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from bnstudy.doctor import limits


def are_classes(y: np.ndarray) -> bool:
    """Return whether an output [N, K] scores classes; a single number may score one of two."""
    return y.ndim == 2


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
    """Return how much outputs differ, see `unit`; the largest, where there are several."""
    return max(_change(left, right) for left, right in zip(a, b, strict=True))


def unit(outputs: list[np.ndarray]) -> str:
    """Say what `change` measures."""
    if all(map(_several_classes, outputs)):
        return "of the images change class"
    return "standard deviations of the outputs"


def differ(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    """Return whether outputs differ more than those of healthy models do."""
    for left, right in zip(a, b, strict=True):
        limit = limits.OTHER_CLASS if _several_classes(left) else limits.OTHER_OUTPUT
        if not _change(left, right) < limit:
            return True
    return False


def _several_classes(y: np.ndarray) -> bool:
    return are_classes(y) and y.shape[1] > 1


def _change(a: np.ndarray, b: np.ndarray) -> float:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    if _several_classes(a):
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
