"""The network once more, forward only, in NumPy: an opinion that shares no code with the rest.

Every function is analytic on each of its branches and computes in complex numbers as it does in
real ones: squares are x * x and not |x|^2, and branches are chosen by the real part. So the
derivative of the cost along a direction u is Im cost(x + i h u) / h, for an h as small as 1e-30:
nothing is subtracted, so nothing cancels, and no kink is crossed (Squire and Trapp 1998, SIAM
Review 40, 110).
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

STATISTICS = (
    *("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"),
    "updates",
)


class Renorm(NamedTuple):
    """What batch renormalization adds."""

    r_max: float
    d_max: float
    momentum: float  # of the averages for training


class Network(NamedTuple):
    """What the layers need besides their input."""

    arrays: Mapping[str, np.ndarray]  # "conv1/w", "bn3/gamma", "bn3/moving_mean", ... -> array
    labels: np.ndarray  # [N]
    axes: tuple[int, ...]  # of the statistics of batch norm
    epsilon: float  # of batch norm
    training: bool  # statistics of the batch, or moving ones
    momentum: float  # of the moving statistics: the weight of the old value
    initial: float | None  # moving variance before the first update, if it is corrected for
    ghosts: int | None = None  # images of a ghost batch
    renorm: Renorm | None = None
    draws: Mapping[str, Sequence[np.ndarray]] = MappingProxyType({})  # layer -> standard numbers


def windows(
    x: np.ndarray, rows: int, columns: int, shift: tuple[int, int] = (0, 0)
) -> Iterator[np.ndarray]:
    """Yield what each of the kernel's offsets sees of x [N, H, W, C], with zeros around.

    A shift moves the zeros from one side to the other: padding that is off by one.
    """
    (_, height, width, _), down, right = x.shape, *shift
    top, left = (rows - 1) // 2 + down, (columns - 1) // 2 + right
    x = np.pad(x, [(0, 0), (top, rows - 1 - top), (left, columns - 1 - left), (0, 0)])
    for a in range(rows):
        for b in range(columns):
            yield x[:, a : a + height, b : b + width]


def convolve(x: np.ndarray, w: np.ndarray, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Convolve [N, H, W, C] with [A, B, C, O], stride 1, zeros around."""
    rows, columns, *channels = w.shape
    offsets, seen = w.reshape(-1, *channels), windows(x, rows, columns, shift)
    return np.sum([window @ matrix for window, matrix in zip(seen, offsets, strict=True)], axis=0)


def elu(x: np.ndarray) -> np.ndarray:
    """Return x where x > 0, else exp(x) - 1."""
    return np.where(x.real > 0, x, np.expm1(np.where(x.real > 0, 0, x)))


def parameter(name: str, x: np.ndarray, network: Network, default: float = 0.0) -> np.ndarray:
    """Return a parameter or statistic of batch norm so that it broadcasts to x."""
    values = np.asarray(network.arrays.get(name, default))
    per_activation = network.axes == (0,) and values.size > 1  # [H W C] or [H, W, C], else [C]
    return values.reshape(x.shape[1:]) if per_activation else values


def statistics(name: str, x: np.ndarray, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance by which batch norm normalizes x."""
    if network.training:
        mean = x.mean(network.axes, keepdims=True)
        return mean, ((x - mean) * (x - mean)).mean(network.axes, keepdims=True)
    return moving_statistics(name, x, network)


def moving_statistics(name: str, x: np.ndarray, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return the moving mean and variance, corrected for their initial values if configured."""
    mean = parameter(f"{name}/moving_mean", x, network)
    variance = parameter(f"{name}/moving_variance", x, network)
    if network.initial is not None:
        left = network.momentum ** float(network.arrays[f"{name}/updates"])
        mean, variance = mean / (1 - left), (variance - left * network.initial) / (1 - left)
        if network.renorm:  # it averages the standard deviation
            stddev = parameter(f"{name}/moving_stddev", x, network)
            stddev = (stddev - left * np.sqrt(network.initial)) / (1 - left)
            variance = np.maximum(stddev * stddev - network.epsilon, 0)
    return mean, variance


def statistics_after(name: str, x: np.ndarray, network: Network) -> dict[str, np.ndarray]:
    """Return what the moving statistics, and the number of updates, are after this batch."""
    new = {
        statistic: network.arrays[f"{name}/{statistic}"]
        for statistic in STATISTICS
        if f"{name}/{statistic}" in network.arrays  # not every kind of batch norm has all
    }
    if not network.training:
        return new
    alone = network._replace(ghosts=None)
    parts = [statistics(name, part, alone) for part in ghost_batches(x, network)]
    mean, variance = np.mean(parts, axis=0)  # (38)
    stddev = np.sqrt(variance + network.epsilon)  # (39)
    batch = {"mean": mean, "variance": variance, "stddev": stddev}
    for statistic, old in new.items():
        which, _, quantity = statistic.partition("_")
        if which == "updates":
            new[statistic] = old + 1
            continue
        renorm = network.renorm if which == "renorm" else None
        momentum = renorm.momentum if renorm else network.momentum
        values = batch[quantity].reshape(old.shape)
        new[statistic] = momentum * old + (1 - momentum) * values  # (46)
    if "moving_stddev" in new:
        new["moving_variance"] = np.maximum(new["moving_stddev"] ** 2 - network.epsilon, 0)  # (47)
    return new


def ghost_batches(x: np.ndarray, network: Network) -> list[np.ndarray]:
    """Return the ghost batches: images k, k + K, k + 2 K ... of K of them; or one, the batch."""
    count = len(x) // network.ghosts if network.ghosts else 1
    return [x[k::count] for k in range(count)]


def correction(
    name: str, x: np.ndarray, mean: np.ndarray, stddev: np.ndarray, network: Network
) -> tuple[np.ndarray, np.ndarray]:
    """Return r and d of batch renormalization, 1 and 0 where there is none.

    They are constants: only the real parts, which do not move along a direction, enter.
    """
    if not (network.training and network.renorm):
        return np.array(1.0), np.array(0.0)
    r_max, d_max, _ = network.renorm
    average = parameter(f"{name}/renorm_stddev", x, network)
    average = np.maximum(average, np.sqrt(network.epsilon))
    d = (mean.real - parameter(f"{name}/renorm_mean", x, network)) / average
    return np.clip(stddev.real / average, 1 / r_max, r_max), np.clip(d, -d_max, d_max)


def batch_norm(name: str, x: np.ndarray, network: Network) -> np.ndarray:
    """Normalize, scale and shift."""
    if network.training and network.ghosts:
        alone = network._replace(ghosts=None)
        parts = [batch_norm(name, part, alone) for part in ghost_batches(x, network)]
        return np.stack(parts, axis=1).reshape(x.shape)
    mean, variance = statistics(name, x, network)
    stddev = np.sqrt(variance + network.epsilon)
    r, d = correction(name, x, mean, stddev, network)
    x_hat = (x - mean) / stddev * r + d
    gamma = parameter(f"{name}/gamma", x, network, default=1.0)
    return gamma * x_hat + parameter(f"{name}/beta", x, network)


def noise_of(name: str, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return s ~ N(sigma, 0.1) and m ~ U(mu - 0.1, mu + 0.1) of every element."""
    u_mean, u_scale, u, z = network.draws[name]
    mu, sigma = -0.5 + 1.0 * u_mean, 1 + 0.25 * u_scale  # U(-0.5, 0.5) and U(1, 1.25), by channel
    return sigma + 0.1 * z, (mu - 0.1) + 0.2 * u


def noise(name: str, x: np.ndarray, network: Network) -> np.ndarray:
    """Scale and shift every element, in training."""
    if not network.training:
        return x
    s, m = noise_of(name, network)
    return s * x + m


def average_pool(x: np.ndarray) -> np.ndarray:
    """Average blocks of 2 x 2 pixels."""
    images, height, width, channels = x.shape
    return x.reshape(images, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> Any:
    """Return the mean of -log softmax at the labels."""
    shift = logits.real.max(1, keepdims=True)
    log_sum = np.log(np.exp(logits - shift).sum(1)) + shift[:, 0]
    return (log_sum - logits[np.arange(len(labels)), labels]).mean()


def apply_layer(name: str, x: np.ndarray, network: Network) -> Any:
    """Compute one layer: conv1, bn1, noise1, elu1, pool1, ..., logits, or the cost."""
    kind = name.rstrip("0123456789")
    if kind == "conv":
        return convolve(x, network.arrays[f"{name}/w"])
    if kind in ("bn", "noise"):
        return {"bn": batch_norm, "noise": noise}[kind](name, x, network)
    if kind == "cost":
        return cross_entropy(x, network.labels)
    return {"elu": elu, "pool": average_pool, "logits": lambda x: x.mean((1, 2))}[kind](x)


def apply_layers(names: Sequence[str], x: np.ndarray, network: Network) -> Any:
    """Compute several layers, one after the other."""
    for name in names:
        x = apply_layer(name, x, network)
    return x
