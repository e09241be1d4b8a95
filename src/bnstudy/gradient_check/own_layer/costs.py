"""Costs that are known by their values, and the mistakes made in their gradients."""

from collections.abc import Iterator

import numpy as np

from bnstudy.gradient_check.mistakes import distance
from bnstudy.gradient_check.own_layer.activations import Named, softmax

SAME = 1e-10  # relative distance at which an output is taken for that of a known cost


def mistakes(
    x: np.ndarray, others: list[np.ndarray], y: np.ndarray, dy: np.ndarray
) -> Iterator[Named]:
    """Yield the mistakes of the costs that y may be.

    Args:
        x: the argument whose gradient is wrong.
        others: forward's other arguments that are arrays.
        y: forward's output.
        dy: the upstream gradient.

    """
    for other in others:
        if (one_hot := _one_hot(x, other)) is not None and y.size in (1, len(x)):
            yield from _cross_entropy(x, one_hot, dy.reshape(-1, 1))
        if other.shape == x.shape and y.size == 1:
            yield from _squared_error(x, other, y, dy.item())
            yield from _binary_cross_entropy(x, other, y, dy.item())


def _one_hot(z: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Return labels as rows of zeros and a one; None where they are no labels of z."""
    if z.ndim != 2:
        return None
    if labels.dtype.kind in "iu" and labels.shape == z.shape[:1]:
        return np.eye(z.shape[1])[np.clip(labels, 0, z.shape[1] - 1)]
    rows = labels.shape == z.shape and np.isin(labels, (0, 1)).all()
    return 1.0 * labels if rows and (labels.sum(1) == 1).all() else None


def _cross_entropy(z: np.ndarray, one_hot: np.ndarray, dy: np.ndarray) -> Iterator[Named]:
    p, n = softmax(z), len(z)
    e = np.exp(z)
    for scale, text in ((1.0, " and not divided by N"), (1 / n, "")):
        yield f"the labels are not subtracted: it is the softmax alone{text}", dy * p * scale
        yield f"the softmax is missing: logits minus labels{text}", dy * (z - one_hot) * scale
        yield f"the sign: labels minus softmax{text}", dy * (one_hot - p) * scale
        yield f"unnormalized: exp(logits) minus labels{text}", dy * (e - one_hot) * scale
        yield f"only the label's own entry is set{text}", dy * (p - 1) * one_hot * scale
        yield (
            "it is the gradient with respect to the probabilities: the softmax's own derivative "
            f"is missing{text}",
            -dy * one_hot / p * scale,
        )
        every = p - (one_hot.sum(0) > 0)  # gradient[:, labels] -= 1
        yield f"each label is subtracted from every row, not from its own{text}", dy * every * scale
    yield "the factor dcost is missing", (p - one_hot) / n
    yield "the factor dcost is missing, and it is not divided by N", p - one_hot
    yield "not divided by N (a sum over the examples instead of the mean)", dy * (p - one_hot)
    yield "divided by N twice", dy * (p - one_hot) / n**2
    yield "divided by the number of classes, not by N", dy * (p - one_hot) / z.shape[1]


def _squared_error(x: np.ndarray, other: np.ndarray, y: np.ndarray, dy: float) -> Iterator[Named]:
    error = x - other
    for scale in (1.0, 1 / len(x), 1 / x.size):  # of the cost: sum, mean over examples, mean
        for half in (1.0, 0.5):
            if distance(half * scale * np.sum(error**2), y.item()) > SAME:
                continue
            right = 2 * half * scale * dy
            if half == 1:
                yield "the factor 2 of the square's derivative is missing", right / 2 * error
            else:
                yield "a factor of 2 too many: the cost starts with 1/2", 2 * right * error
            yield "the error is still squared: it must be differentiated", right * error**2
            yield "the error is still squared: it must be differentiated", -right * error**2


def _binary_cross_entropy(
    p: np.ndarray, t: np.ndarray, y: np.ndarray, dy: float
) -> Iterator[Named]:
    if not ((p > 0) & (p < 1)).all():
        return
    cost = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))
    for scale in (1.0, 1 / len(p), 1 / p.size):
        if distance(scale * cost, y.item()) > SAME:
            continue
        right = "dp = (p - t) / (p (1 - p))"
        yield f"the term of the label 0 is missing: {right}", -dy * scale * t / p
        wrong = -dy * scale * (t / p + (1 - t) / (1 - p))
        yield f"the sign of the term of the label 0: {right}", wrong
        text = "it is the gradient with respect to the logits (sigmoid and cost in one)"
        yield f"{text}; of the probabilities it is {right}", dy * scale * (p - t)
