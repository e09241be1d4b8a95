"""The mistakes that only ghost batches, batch renormalization and noise allow, by name."""

from collections.abc import Iterator

import numpy as np

from bnstudy.gradient_check.mistakes import BatchNormCase, Mistake

WHOLE = "the statistics are those of the whole batch, not of each ghost batch"
NEIGHBOURS = "ghost batches of neighbouring images, not of every K-th"


def training(case: BatchNormCase) -> Iterator[Mistake]:
    """Yield the mistakes of a batch norm in training that has ghost batches or is renormalized."""
    if case.ghosts:
        for name, other in _other_ghosts(case):
            yield "dx", name, other.dx
            yield "gamma", name, other.dgamma
    if np.any(case.r != 1) or np.any(case.d != 0):
        yield from _renorm(case)


def forward(case: BatchNormCase) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the mistakes of the forward values in training."""
    if case.ghosts:
        for name, other in _other_ghosts(case):
            yield name, other.y
    if np.any(case.r != 1) or np.any(case.d != 0):
        both = case._replace(r=1.0, d=0.0)
        yield "r and d are forgotten: it is batch norm", _Right(both).y
        yield "r is forgotten", _Right(case._replace(r=1.0)).y
        yield "d is forgotten", _Right(case._replace(d=0.0)).y


def noise(dy: np.ndarray, s: np.ndarray) -> Iterator[Mistake]:
    """Yield the mistakes of the noise, y = s x + m."""
    yield "dx", "s is forgotten", dy
    yield "dx", "divided by s, not multiplied", dy / s


class _Right:
    """The right values and gradients of a case, by (39) to (45)."""

    def __init__(self, case: BatchNormCase, order: np.ndarray | None = None):
        """Take the images in another order, and put y and dx back into theirs."""
        order = np.arange(len(case.x)) if order is None else order
        x, dy, back = case.x[order], case.dy[order], np.argsort(order)
        centered = x - case.total(x) / case.m
        self.stddev = np.sqrt(case.total(centered**2) / case.m + case.epsilon)
        self.x_hat = centered / self.stddev
        x_tilde = case.r * self.x_hat + case.d
        dx_hat = case.gamma * case.r * dy
        mean, slope = case.total(dx_hat) / case.m, case.total(dx_hat * self.x_hat) / case.m
        self.y = (case.gamma * x_tilde + case.beta)[back]
        self.dx = ((dx_hat - mean - self.x_hat * slope) / self.stddev)[back]
        self.dgamma = case.shared(dy * x_tilde)


def _other_ghosts(case: BatchNormCase) -> Iterator[tuple[str, _Right]]:
    """Yield what other divisions of the batch lead to."""
    yield WHOLE, _Right(case._replace(ghosts=None))
    neighbours = np.arange(len(case.x)).reshape(-1, case.ghosts or 1).T.ravel()
    yield NEIGHBOURS, _Right(case, neighbours)


def _renorm(case: BatchNormCase) -> Iterator[Mistake]:
    right, dx_tilde = _Right(case), case.gamma * case.dy
    dr = case.total(dx_tilde * right.x_hat) / case.m
    path_of_r = case.slope_of_r * dr * right.x_hat  # d stddev / dx = x_hat / m
    path_of_d = case.slope_of_d * case.total(dx_tilde) / case.m
    both = right.dx + path_of_r + path_of_d
    yield "dx", "r and d are differentiated: they are constants", both
    yield "dx", "r is differentiated: it is a constant", right.dx + path_of_r
    yield "dx", "d is differentiated: it is a constant", right.dx + path_of_d
    yield "dx", "r is forgotten", right.dx / case.r
    yield "gamma", "r and d are forgotten", case.shared(case.dy * right.x_hat)
    yield "gamma", "d is forgotten", case.shared(case.dy * case.r * right.x_hat)
    yield "gamma", "r is forgotten", case.shared(case.dy * (right.x_hat + case.d))
