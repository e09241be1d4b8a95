"""The mistakes that people make in a backward pass, by name.

Each mistake is represented by the wrong gradient that it produces, computed from what the layer was
given. A wrong gradient is given that name if it equals this one, up to a small part of its error.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from bnstudy.gradient_check.numpy_network import convolve, windows

SAME = 1e-4  # part of an error that a mistake may leave unexplained

Mistake = tuple[str, str, np.ndarray]  # tensor, name, the wrong gradient


class BatchNormCase(NamedTuple):
    """What a batch norm layer was given, in the letters of docs/backprop.md."""

    x: np.ndarray
    dy: np.ndarray
    gamma: np.ndarray  # broadcasts to x
    beta: np.ndarray
    moving_mean: np.ndarray
    moving_variance: np.ndarray
    axes: tuple[int, ...]
    epsilon: float
    ghosts: int | None = None  # images of a ghost batch
    r: Any = 1.0  # of batch renormalization, with d
    d: Any = 0.0
    slope_of_r: Any = 0.0  # by the standard deviation, if r were no constant: 0 where it is clipped
    slope_of_d: Any = 0.0  # by the mean

    def shared(self, z: np.ndarray) -> np.ndarray:
        """Sum over the values that share gamma and beta."""
        return z.sum(self.axes, keepdims=True)

    def total(self, z: np.ndarray) -> np.ndarray:
        """Sum over the values that share a statistic."""
        if self.ghosts is None:
            return self.shared(z)
        count = len(z) // self.ghosts  # image n belongs to ghost batch n mod count
        return np.concatenate([self.shared(z[k::count]) for k in range(count)] * self.ghosts)

    @property
    def m(self) -> int:
        """The number of values that share a statistic."""
        sizes = (self.ghosts or len(self.x), *self.x.shape[1:])
        return int(np.prod([sizes[axis] for axis in self.axes]))


def distance(a: Any, b: Any) -> float:
    """Return the norm of a - b over that of b; nan where their shapes differ."""
    a, b = np.asarray(a), np.asarray(b)
    return float(np.linalg.norm(a - b) / (np.linalg.norm(b) or 1)) if a.shape == b.shape else np.nan


def explains(candidate: np.ndarray, wrong: np.ndarray, right: np.ndarray) -> bool:
    """Return whether a mistake's gradient is the wrong one, to a small part of its error."""
    if candidate.size != wrong.size:
        return False
    rest = np.linalg.norm(candidate.reshape(wrong.shape) - wrong)
    return bool(rest <= SAME * np.linalg.norm(wrong - right))


def constant_factor(wrong: np.ndarray, right: np.ndarray) -> float | None:
    """Return c where wrong = c right; None where no number does."""
    square = float(np.vdot(right, right))
    factor = float(np.vdot(right, wrong)) / square if square else 1.0
    return factor if explains(factor * right, wrong, right) else None


def shown(factor: float) -> str:
    """Return a factor as text; one that rounds to 1 by its distance from 1."""
    text = f"{factor:.6g}"
    return f"1 {'+' if factor > 1 else '-'} {abs(factor - 1):.1e}" if text == "1" else text


def batch_norm(case: BatchNormCase) -> Iterator[Mistake]:
    """Yield the mistakes of batch norm in training."""
    x, dy, gamma, m, epsilon = case.x, case.dy, case.gamma, case.m, case.epsilon
    centered = x - case.total(x) / m
    variance = case.total(centered**2) / m
    r = 1 / np.sqrt(variance + epsilon)
    dy = case.r * dy  # which is 1 but in batch renormalization
    x_hat, dx_hat = centered * r, gamma * dy
    a, b = case.total(dx_hat) / m, x_hat * case.total(dx_hat * x_hat) / m
    total = dx_hat - a - b
    yield "dx", "the mean term is missing (the path through the mean)", r * (dx_hat - b)
    yield "dx", "the x-hat term is missing (the path through the variance)", r * (dx_hat - a)
    yield "dx", "the statistics are treated as constants (both paths are missing)", r * dx_hat
    yield "dx", "multiplied by the standard deviation, not divided by it", total / r
    yield "dx", "the division by the standard deviation is missing", total
    yield "dx", "divided by the variance, not by its square root", r * r * total
    yield "dx", "sums instead of means: the division by m is missing", r * (dx_hat - m * (a + b))
    yield "dx", "the mean term is a sum: the division by m is missing", r * (dx_hat - m * a - b)
    yield "dx", "the x-hat term is a sum: the division by m is missing", r * (dx_hat - a - m * b)
    yield "dx", "divided by m twice", r * (dx_hat - (a + b) / m)
    yield (
        "dx",
        "gamma is forgotten",
        r * (dy - (case.total(dy) + x_hat * case.total(dy * x_hat)) / m),
    )
    yield "dx", "epsilon is outside the root", total / (np.sqrt(variance) + epsilon)
    yield "dx", "epsilon is forgotten", total / np.sqrt(variance)
    bessel = m / max(m - 1, 1)
    yield (
        "dx",
        "the variance is divided by m - 1, not m",
        total / np.sqrt(variance * bessel + epsilon),
    )
    yield "dx", "the sign of the mean term", r * (dx_hat + a - b)
    yield "dx", "the sign of the x-hat term", r * (dx_hat - a + b)
    r_moving = 1 / np.sqrt(case.moving_variance + epsilon)
    x_hat_moving = (x - case.moving_mean) * r_moving
    yield "dx", "moving statistics in training, treated as constants", r_moving * dx_hat
    b_moving = x_hat_moving * case.total(dx_hat * x_hat_moving) / m
    yield "dx", "moving statistics in training", r_moving * (dx_hat - a - b_moving)
    yield from _scale_and_offset(case, case.r * x_hat + case.d, r)
    yield "gamma", "moving statistics in training", case.shared(case.dy * x_hat_moving)


def batch_norm_inference(case: BatchNormCase) -> Iterator[Mistake]:
    """Yield the mistakes of batch norm in inference, where the statistics are constants."""
    x, dy, m, epsilon = case.x, case.dy, case.m, case.epsilon
    r = 1 / np.sqrt(case.moving_variance + epsilon)
    x_hat, dx_hat = (x - case.moving_mean) * r, case.gamma * dy
    a, b = case.total(dx_hat) / m, x_hat * case.total(dx_hat * x_hat) / m
    yield "dx", "the backward pass of training: statistics are constants here", r * (dx_hat - a - b)
    yield "dx", "multiplied by the standard deviation, not divided by it", dx_hat / r
    yield "dx", "the division by the standard deviation is missing", dx_hat
    yield "dx", "gamma is forgotten", r * dy
    yield "dx", "epsilon is outside the root", dx_hat / (np.sqrt(case.moving_variance) + epsilon)
    yield "dx", "epsilon is forgotten", dx_hat / np.sqrt(case.moving_variance)
    centered = x - case.total(x) / m
    batch_r = 1 / np.sqrt(case.total(centered**2) / m + epsilon)
    yield "dx", "the batch's statistics in inference", batch_r * dx_hat
    yield from _scale_and_offset(case, x_hat, r)
    yield "gamma", "the batch's statistics in inference", case.shared(dy * centered * batch_r)


def _scale_and_offset(case: BatchNormCase, x_hat: np.ndarray, r: np.ndarray) -> Iterator[Mistake]:
    """Yield the mistakes of gamma's and beta's gradients, the same in training and inference."""
    dgamma, dbeta = case.shared(case.dy * x_hat), case.shared(case.dy)
    undivided = case.shared(case.dy * x_hat / r)
    yield "gamma", "a mean instead of the sum", dgamma / case.m
    yield "gamma", "x instead of x-hat", case.shared(case.dy * case.x)
    yield "gamma", "x-hat is not divided by the standard deviation", undivided
    yield "gamma", "y instead of x-hat", case.shared(case.dy * (case.gamma * x_hat + case.beta))
    yield "gamma", "x-hat is forgotten: it is beta's gradient", dbeta
    yield "gamma", "multiplied by gamma", dgamma * case.gamma
    yield "beta", "a mean instead of the sum", dbeta / case.m
    yield "beta", "multiplied by gamma", dbeta * case.gamma
    yield "beta", "it is gamma's gradient", dgamma


def batch_norm_forward(case: BatchNormCase, training: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the mistakes of batch norm's forward values."""
    mean = case.total(case.x) / case.m
    variance = case.total((case.x - mean) ** 2) / case.m
    used, other = (mean, variance), (case.moving_mean, case.moving_variance)
    if not training:
        used, other = other, used

    r, d = (case.r, case.d) if training else (1.0, 0.0)

    def y(mean, denominator, gamma=case.gamma, beta=case.beta):
        return gamma * (r * (case.x - mean) / denominator + d) + beta

    root, epsilon = np.sqrt(used[1] + case.epsilon), case.epsilon
    yield "epsilon is outside the root", y(used[0], np.sqrt(used[1]) + epsilon)
    yield "epsilon is forgotten", y(used[0], np.sqrt(used[1]))
    yield "gamma is forgotten", y(used[0], root, gamma=1)
    yield "beta is forgotten", y(used[0], root, beta=0)
    yield "divided by the variance, not by its square root", y(used[0], used[1] + epsilon)
    bessel = case.m / max(case.m - 1, 1)
    yield "the variance is divided by m - 1, not m", y(used[0], np.sqrt(used[1] * bessel + epsilon))
    wrong = "moving statistics in training" if training else "the batch's statistics in inference"
    yield wrong, y(other[0], np.sqrt(other[1] + epsilon))


def convolution(x: np.ndarray, w: np.ndarray, dy: np.ndarray) -> Iterator[Mistake]:
    """Yield the mistakes of a convolution with stride 1 and SAME padding."""
    turned = w[::-1, ::-1].transpose(0, 1, 3, 2)
    even = (1 - w.shape[0] % 2, 1 - w.shape[1] % 2)  # SAME pads a side more, and backward the other
    yield (
        "dx",
        "the kernel is not flipped (rotated by 180 degrees)",
        convolve(dy, w.transpose(0, 1, 3, 2), even),
    )
    yield "dx", "the kernel is flipped along its rows only", convolve(dy, turned[:, ::-1], even)
    yield "dx", "the kernel is flipped along its columns only", convolve(dy, turned[::-1], even)
    if w.shape[2] == w.shape[3]:
        exchanged = convolve(dy, turned.transpose(0, 1, 3, 2), even)
        yield "dx", "input and output channels are swapped", exchanged
    if w.shape[0] == w.shape[1]:
        yield (
            "dx",
            "the kernel's rows and columns are swapped",
            convolve(dy, turned.swapaxes(0, 1), even),
        )
    right = kernel_gradient(x, w, dy)
    yield "w", "it is rotated by 180 degrees", right[::-1, ::-1]
    yield "w", "its rows and columns are swapped", right.swapaxes(0, 1)
    yield "w", "a mean over the images instead of the sum", right / len(x)
    if w.shape[2] == w.shape[3]:
        yield "w", "input and output channels are swapped", right.swapaxes(2, 3)
    for shift in [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]:
        if min(w.shape[:2]) > 2:
            moved = (even[0] + shift[0], even[1] + shift[1])
            yield "dx", "the padding is off by one", convolve(dy, turned, moved)
            yield "w", "the padding is off by one", kernel_gradient(x, w, dy, shift)


def kernel_gradient(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray, shift: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Return dw of a convolution with stride 1 and SAME padding, or with padding that is off."""
    (rows, columns), flat = w.shape[:2], dy.reshape(-1, dy.shape[-1])
    seen = windows(x, rows, columns, shift)
    return np.stack([z.reshape(len(flat), -1).T @ flat for z in seen]).reshape(w.shape)


def elu(x: np.ndarray, dy: np.ndarray, wrong: np.ndarray) -> str | None:
    """Name a wrong slope of the ELU on one side, or on both."""
    y = np.expm1(np.minimum(x, 0))
    sides = {  # where, the right slope, wrong ones
        "x > 0": (x > 0, "1", {"1": 1 + 0 * x, "exp(x)": np.exp(x), "x": x, "x + 1": x + 1}),
        "x <= 0": (x <= 0, "exp(x)", {"exp(x)": y + 1, "1": 1 + 0 * x, "exp(x) - 1": y, "x": x}),
    }
    found = [_slope(at, right, slopes, dy, wrong) for at, right, slopes in sides.values()]
    if any(slope is None for slope in found):
        return None
    named = [
        f"for {side} the slope is {slope}, not {right}"
        for (side, (_, right, _)), slope in zip(sides.items(), found, strict=True)
        if slope != right
    ]
    return " and ".join(named) or None


def _slope(
    at: np.ndarray, right: str, slopes: dict[str, np.ndarray], dy: np.ndarray, wrong: np.ndarray
) -> str | None:
    """Name the slope on one side."""
    for name, slope in slopes.items():
        if distance(wrong[at], (dy * slope)[at]) <= SAME:
            return name
    factor = constant_factor(wrong[at], (dy * slopes[right])[at])
    if factor is None:
        return None
    return shown(factor) if right == "1" or not factor else f"{shown(factor)} {right}"
