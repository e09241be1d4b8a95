"""What the page of `bnstudy playground` must show, computed by manual/batch_norm.py in float64."""

import math
import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import tensorflow as tf

from bnstudy.manual import batch_norm
from bnstudy.paths import shipped

PAGE = shipped("playground") / "index.html"
MOST, RANGE, STEPS = 8, 5, 200
EPSILON = 0.001  # of stops 4 and 5
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def script(name: str) -> str:
    """Return a script of the page."""
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f' id="{name}">')[2].partition("</script>")[0]


@cache
def normals(seed: int, count: int) -> np.ndarray:
    """Return the page's random numbers: mulberry32, then the transform of Box and Muller."""
    state, uniform = seed, []
    for _ in range(2 * count):
        state = (state + 0x6D2B79F5) % 2**32
        z = (state ^ (state >> 15)) * (1 | state) % 2**32
        z ^= (z + (z ^ (z >> 7)) * (61 | z)) % 2**32
        uniform.append(((z ^ (z >> 14)) + 0.5) / 2**32)
    pairs = zip(uniform[::2], uniform[1::2], strict=True)
    return np.array([math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v) for u, v in pairs])


def drawn(name: str, seed: int) -> list[float]:
    """Return the points x or dy as they are drawn from a seed."""
    stream, scale, shift = {"x": (0, 1.3, 0.8), "dy": (1, 1.3, 0)}[name]
    return np.clip(scale * normals(8 * seed + stream, MOST) + shift, -4.5, 4.5).round(1).tolist()


@dataclass
class State:
    """The controls of the page, as they are at its start."""

    seed: int = 4
    n: int = 6
    gamma: float = 1.5
    beta: float = -0.5
    epsilon: float = 0.001
    frozen: bool = False
    image: int = 1
    step: int = 100
    momentum: float = 0.99
    start: float = 1
    batch: int = 50
    swapped: bool = False
    shift: float = 2
    stretch: float = 1
    classes: str = "both"
    x: list[float] = field(default_factory=list)
    dy: list[float] = field(default_factory=list)

    def __post_init__(self):
        self.x = self.x or drawn("x", self.seed)
        self.dy = self.dy or drawn("dy", self.seed)


def layer(x, gamma, beta, epsilon, mean=None, variance=None):
    """Return (y, cache, x_hat) of one channel, by batch statistics or by given ones."""
    x, gamma, beta = (tf.constant(value, tf.float64) for value in (x, gamma, beta))
    if mean is None:
        y, cache = batch_norm.forward(x, gamma, beta, (0,), epsilon)
    else:
        fixed = [tf.constant(value, tf.float64) for value in (mean, variance)]
        y, cache = batch_norm.inference_forward(x, gamma, beta, *fixed, (0,), epsilon)
    return y.numpy(), cache, ((cache.x - cache.mean) * cache.r).numpy()


def forward_and_backward(state: State) -> dict:
    """Return the numbers of stops 1 to 3."""
    x, dy = np.array([state.x[: state.n], state.dy[: state.n]], np.float64)
    y, cache, x_hat = layer(x, state.gamma, state.beta, state.epsilon)
    mean, variance, r = (float(v.numpy().item()) for v in (cache.mean, cache.variance, cache.r))
    upstream = tf.constant(dy)
    dx_true, dgamma, dbeta = (t.numpy() for t in batch_norm.backward(upstream, cache))
    backward = batch_norm.inference_backward if state.frozen else batch_norm.backward
    dx = backward(upstream, cache)[0].numpy()
    dx_hat = state.gamma * dy
    taken = (0.0, 0.0) if state.frozen else (dx_hat.mean(), (dx_hat * x_hat).mean())
    along = taken[1] * x_hat
    doubled = layer(2 * x, state.gamma, state.beta, state.epsilon)[2]
    i = min(state.image, state.n) - 1
    return {
        "x": x,
        "dy": dy,
        "xHat": x_hat,
        "y": y,
        "n": state.n,
        "mean": mean,
        "variance": variance,
        "r": r,
        "gamma": state.gamma,
        "beta": state.beta,
        "epsilon": state.epsilon,
        "dbeta": float(dbeta),
        "dgamma": float(dgamma),
        "dxHat": dx_hat,
        "meanDxHat": taken[0],
        "meanDxHatXHat": taken[1],
        "along": along,
        "rest": dx_hat - taken[0] - along,
        "dx": dx,
        "dxByPaths": dx_true,
        "sumDx": dx.sum(),
        "sumDxXHat": (dx * x_hat).sum(),
        "dxOfImage": dx_true[i],
        "dxByPathsOfImage": dx_true[i],
        "dvariance": -0.5 * r**3 * (dx_hat * (x - mean)).sum(),
        "dmean": -r * dx_hat.sum(),
        "changeByDoubling": np.abs(doubled - x_hat).max(),
    }


@cache
def batches(seed: int, size: int) -> np.ndarray:
    """Return the batches of stop 4, [steps, size]."""
    return 1 + 2 * normals(8 * seed + 2, STEPS * size).reshape(STEPS, size)


@cache
def moving(seed: int, size: int, start: float, momentum: float) -> np.ndarray:
    """Return moving averages [steps + 1, 4]: of the mean, of the variance from three starts."""
    ones = tf.ones(STEPS, tf.float64)
    x = tf.constant(batches(seed, size))
    _, cache = batch_norm.forward(x, ones, 0 * ones, (1,), EPSILON)
    kept = [tf.constant([0, start, 1, 9], tf.float64)]
    for mean, variance in zip(cache.mean[:, 0], cache.variance[:, 0], strict=True):
        batch = tf.stack([mean, variance, variance, variance])
        kept.append(batch_norm.update_moving(kept[-1], batch, momentum))
    return np.array(kept)


def averages(state: State) -> dict:
    """Return the numbers of stop 4."""
    t, mu, size = state.step, state.momentum, state.batch
    values, raw = batches(state.seed, size), moving(state.seed, size, state.start, mu)
    debiased = [
        batch_norm.debias(tf.constant(raw[t, k]), start, mu, tf.constant(t)).numpy()
        for k, start in enumerate((0, state.start))
    ]
    latest = values[max(t, 1) - 1]
    hats = {
        "training": layer(latest, 1, 0, EPSILON)[2],
        "inference": layer(latest, 1, 0, EPSILON, raw[t, 0], raw[t, 1])[2],
        "corrected": layer(latest, 1, 0, EPSILON, *debiased)[2],
    }
    return {
        "step": t,
        "latest": max(t, 1),
        "momentum": mu,
        "pytorchMomentum": 1 - mu,
        "start": state.start,
        "weightOfStart": mu**t,
        "batchVariance": values.var(1),
        "movingVariance": raw[:, 1],
        "correctedVariance": {t: debiased[1]},
        **{f"{name}XHatMean": hat.mean() for name, hat in hats.items()},
        **{f"{name}XHatDeviation": hat.std() for name, hat in hats.items()},
        "movingVarianceFrom1": raw[t, 2],
        "movingVarianceFrom9": raw[t, 3],
        "expectedVariance": 4 * (1 - 1 / size),
    }


def under_both(circles, squares, shift: float, stretch: float) -> dict:
    """Return the test images under both kinds of statistics."""
    x = stretch * np.concatenate([circles, squares]) + shift
    own, by_moving = layer(x, 1, 0, EPSILON), layer(x, 1, 0, EPSILON, 0, 0.8**2 + 1.5**2)
    k = len(circles)
    right = [int((hat[:k] < 0).sum() + (hat[k:] > 0).sum()) for _, _, hat in (by_moving, own)]
    return {
        "testX": x,
        "trainedMean": 0,
        "trainedVariance": 0.8**2 + 1.5**2,
        "testMean": own[1].mean.numpy().item(),
        "testVariance": own[1].variance.numpy().item(),
        "movingXHat": by_moving[2],
        "ownXHat": own[2],
        "tested": len(x),
        "rightMoving": right[0],
        "rightBatch": right[1],
    }


def shifted(state: State) -> dict:
    """Return the numbers of stop 5."""
    values = 0.8 * normals(8 * state.seed + 3, 16)
    circles, squares = values[:8] - 1.5, values[8:] + 1.5
    alone = under_both(circles, [], 0, 1)
    shown = {"both": (circles, squares), "circles": (circles, []), "squares": ([], squares)}
    return {
        **under_both(*shown[state.classes], state.shift, state.stretch),
        "sorted": alone["tested"],
        "sortedMoving": alone["rightMoving"],
        "sortedBatch": alone["rightBatch"],
    }


def expected(state: State) -> dict:
    """Return all numbers that the page computes, by their names there."""
    return {**forward_and_backward(state), **averages(state), **shifted(state)}


def number(numbers: dict, name: str) -> float:
    """Return a number by its name, such as dx[2]."""
    found = re.fullmatch(r"(\w+?)(?:\[(\d+)\])?", name)
    value = numbers[found[1]]
    return float(value if found[2] is None else value[int(found[2])])


def read_number(text: str) -> tuple[float, float]:
    """Return what a text such as −1.50 or 2.5·10⁻⁷ says, and half a unit of its last digit."""
    digits, _, power = text.translate(DIGITS).partition("·10")
    decimals = len(digits.partition(".")[2])
    scale = 10.0 ** int(power or 0)
    return float(digits) * scale, 0.5 * 10.0**-decimals * scale
