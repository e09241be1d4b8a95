"""The deep linear network of Santurkar et al. 2018 (arXiv 1805.11604), in float64 and by hand.

    z_i = W_i h_{i-1},  h_i = gamma_i BN(z_i) + beta_i (or h_i = z_i),  h_0 = x,  y = W_L h_{L-1}
    cost = sum over the data of |y - A x|^2

It has no nonlinearity and its gradient no noise, so that internal covariate shift stands alone.
NumPy only. Arrays are [units, data]: batch norm takes its statistics along the rows.
"""

from typing import Any, NamedTuple

import numpy as np

LAYERS, UNITS, DATA = 25, 10, 100  # depth and width as published; the number of data is ours
EPSILON = 1e-3  # as bn.epsilon


class Problem(NamedTuple):
    """What the network has to learn: y = A x."""

    x: np.ndarray  # standard normal [units, data]
    y: np.ndarray  # [units, data]


class Parameters(NamedTuple):
    """The parameters, or the gradient with respect to them."""

    w: np.ndarray  # [layers, units, units]
    gamma: np.ndarray  # after every layer but the last [layers - 1, units, 1]
    beta: np.ndarray  # [layers - 1, units, 1]


class Shifts(NamedTuple):
    """How the gradient of W_2 ... W_L changes when all earlier layers take their step."""

    relative: np.ndarray  # ||after - before|| / ||before|| [layers - 1]
    cosine: np.ndarray  # between before and after [layers - 1]


class Trained(NamedTuple):
    """A training by gradient descent on all data."""

    costs: np.ndarray  # before each step, per datum [steps]
    measured: np.ndarray  # the steps at which the shift was measured [k]
    relative: np.ndarray  # see `Shifts` [k, layers - 1]
    cosine: np.ndarray  # [k, layers - 1]


def make(
    seed: int, layers: int = LAYERS, units: int = UNITS, data: int = DATA
) -> tuple[Problem, Parameters]:
    """Draw a problem, with A and x standard normal, and initial weights after Glorot.

    Args:
        seed: of all of it.
        layers: L.
        units: of every layer.
        data: number of columns of x.

    """
    random = np.random.default_rng(seed)
    a, x = random.standard_normal((units, units)), random.standard_normal((units, data))
    limit = np.sqrt(6 / (units + units))
    w = random.uniform(-limit, limit, (layers, units, units))
    ones = np.ones((layers - 1, units, 1))
    return Problem(x, a @ x), Parameters(w, ones, 0 * ones)


def cost_and_gradient(
    parameters: Parameters, problem: Problem, normalize: bool
) -> tuple[float, Parameters]:
    """Return the cost, and its gradient by hand.

    Args:
        parameters: without batch norm, gamma and beta are not used.
        problem: the data.
        normalize: whether batch norm follows every layer but the last.

    """
    w, gamma, beta = parameters
    inputs, caches, last = [problem.x], [], len(w) - 1
    for i in range(last):
        h = w[i] @ inputs[-1]
        if normalize:
            x_hat = h - h.mean(axis=1, keepdims=True)
            r = 1 / np.sqrt((x_hat**2).mean(axis=1, keepdims=True) + EPSILON)
            x_hat *= r
            caches.append((x_hat, r))
            h = gamma[i] * x_hat + beta[i]
        inputs.append(h)
    error = w[last] @ inputs[last] - problem.y
    dw, dgamma, dbeta = np.empty_like(w), np.zeros_like(gamma), np.zeros_like(beta)
    dh = 2 * error
    dw[last], dh = dh @ inputs[last].T, w[last].T @ dh
    for i in reversed(range(last)):
        if normalize:
            x_hat, r = caches[i]
            dbeta[i] = dh.sum(axis=1, keepdims=True)
            dgamma[i] = (dh * x_hat).sum(axis=1, keepdims=True)
            dh = gamma[i] * r * (dh - (dbeta[i] + dgamma[i] * x_hat) / dh.shape[1])
        dw[i], dh = dh @ inputs[i].T, w[i].T @ dh
    return float((error**2).sum()), Parameters(dw, dgamma, dbeta)


def shifts(before: Parameters, after: Parameters, problem: Problem, normalize: bool) -> Shifts:
    """Measure internal covariate shift (Santurkar et al., definition 2.1) of every layer but one.

    Args:
        before: the parameters before a step.
        after: those after it.
        problem: the data.
        normalize: whether there is batch norm.

    """
    _, gradient = cost_and_gradient(before, problem, normalize)
    relative, cosine = [], []
    for i in range(1, len(before.w)):
        moved = [np.concatenate([new[:i], old[i:]]) for old, new in zip(before, after, strict=True)]
        _, there = cost_and_gradient(Parameters(*moved), problem, normalize)
        a, b = gradient.w[i].ravel(), there.w[i].ravel()
        relative.append(np.linalg.norm(b - a) / np.linalg.norm(a))
        cosine.append(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return Shifts(np.array(relative), np.array(cosine))


def train(
    seed: int, normalize: bool, steps: int = 1000, rate: float = 1e-6, every: int = 20
) -> Trained:
    """Train by gradient descent on all data, and measure the shift of every few steps.

    Args:
        seed: of the problem and the initial weights.
        normalize: whether batch norm follows every layer but the last.
        steps: of training.
        rate: the learning rate; the cost is a sum over the data.
        every: the number of steps between two measurements.

    """
    problem, parameters = make(seed)
    costs, found = [], []
    for step in range(steps):
        cost, gradient = cost_and_gradient(parameters, problem, normalize)
        costs.append(cost / DATA)
        pairs = zip(parameters, gradient, strict=True)
        after = Parameters(*(value - rate * slope for value, slope in pairs))
        if step % every == 0:
            found.append(shifts(parameters, after, problem, normalize))
        parameters = after
    relative, cosine = (np.array(values) for values in zip(*found, strict=True))
    return Trained(np.array(costs), np.arange(0, steps, every), relative, cosine)


def compare(rate: float, seeds: int, every: int = 20) -> dict[str, dict[str, Any]]:
    """Train with and without batch norm; return it as values that JSON has.

    Args:
        rate: the learning rate.
        seeds: their number: 0, 1, ...
        every: the number of steps between two measurements of the shift.

    Returns:
        For "none" and "BN": "every"; for each seed "turn", the mean of 1 - cosine over the layers
        at the measured steps, "costs" at these steps, and "last", the last cost.

    """
    found = {}
    for arm, normalize in (("none", False), ("BN", True)):
        trained = [train(seed, normalize, rate=rate, every=every) for seed in range(seeds)]
        found[arm] = {
            "every": every,
            "turn": [(1 - each.cosine).mean(axis=1).tolist() for each in trained],
            "costs": [each.costs[each.measured].tolist() for each in trained],
            "last": [float(each.costs[-1]) for each in trained],
        }
    return found
