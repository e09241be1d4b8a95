"""How well a network does on corrupted images, under several statistics."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from bnstudy.analysis.corruptions import corrupt

Scores = dict[str, dict[str, float]]  # classifier -> "clean", "fog 5", ... -> accuracy


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of the images whose class has the largest logit.

    An image with a logit that is not a number has no largest one, and counts as a mistake.

    Args:
        logits: [N, 10].
        labels: [N].

    Raises:
        ValueError: the shapes are others.

    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits {logits.shape}, labels {labels.shape}: they must be [N, classes] and [N]"
        )
    right = (np.argmax(logits, axis=1) == labels) & ~np.isnan(logits).any(axis=1)
    return float(right.mean())


def scores(
    classifiers: Mapping[str, Callable[[Any], np.ndarray]],
    images: np.ndarray,
    labels: np.ndarray,
    corruptions: Iterable[tuple[str, int]],
) -> Scores:
    """Classify images as they are, and corrupted.

    Args:
        classifiers: functions of raw images that return logits, such as those of
            `analysis.statistics.classifier`.
        images: uint8 [N, 32, 32, 3].
        labels: [N].
        corruptions: name and severity of each.

    Returns:
        Name of a classifier -> "clean", "fog 5", ... -> accuracy. Each corruption is drawn once, so
        that all classifiers see the same images.

    """
    result: Scores = {
        name: {"clean": accuracy(f(images), labels)} for name, f in classifiers.items()
    }
    for corruption, severity in corruptions:
        corrupted = corrupt(images, corruption, severity)
        for name, classify in classifiers.items():
            result[name][f"{corruption} {severity}"] = accuracy(classify(corrupted), labels)
    return result
