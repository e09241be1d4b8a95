"""The network once more, forward only, in NumPy: an opinion that shares no code with the rest.

Every function is analytic on each of its branches and computes in complex numbers as it does in
real ones: squares are x * x and not |x|^2, and branches are chosen by the real part. So the
derivative of the cost along a direction u is Im cost(x + i h u) / h, for an h as small as 1e-30:
nothing is subtracted, so nothing cancels, and no kink is crossed (Squire and Trapp 1998, SIAM
Review 40, 110).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Network(NamedTuple):
    """What the layers need besides their input."""

    arrays: Mapping[str, np.ndarray]  # "conv1/w", "bn3/gamma", "bn3/moving_mean", ... -> array
    labels: np.ndarray  # [N]
    axes: tuple[int, ...]  # of the statistics of batch norm
    epsilon: float  # of batch norm
    training: bool  # statistics of the batch, or moving ones
    momentum: float  # of the moving statistics: the weight of the old value
    initial: float | None  # moving variance before the first update, if it is corrected for


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
    return mean, variance


def statistics_after(name: str, x: np.ndarray, network: Network) -> dict[str, np.ndarray]:
    """Return what the moving statistics, and the number of updates, are after this batch."""
    old = {
        statistic: network.arrays[f"{name}/{statistic}"]
        for statistic in ("moving_mean", "moving_variance", "updates")
        if f"{name}/{statistic}" in network.arrays  # not every kind of batch norm counts
    }
    if not network.training:
        return old
    batch = dict(zip(old, statistics(name, x, network), strict=False))
    return {
        statistic: network.momentum * old[statistic]
        + (1 - network.momentum) * batch[statistic].reshape(old[statistic].shape)
        if statistic in batch
        else old[statistic] + 1
        for statistic in old
    }


def batch_norm(name: str, x: np.ndarray, network: Network) -> np.ndarray:
    """Normalize, scale and shift."""
    mean, variance = statistics(name, x, network)
    x_hat = (x - mean) / np.sqrt(variance + network.epsilon)
    gamma = parameter(f"{name}/gamma", x, network, default=1.0)
    return gamma * x_hat + parameter(f"{name}/beta", x, network)


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
    """Compute one layer: conv1, bn1, elu1, pool1, ..., logits, or the cost."""
    kind = name.rstrip("0123456789")
    if kind == "conv":
        return convolve(x, network.arrays[f"{name}/w"])
    if kind == "bn":
        return batch_norm(name, x, network)
    if kind == "cost":
        return cross_entropy(x, network.labels)
    return {"elu": elu, "pool": average_pool, "logits": lambda x: x.mean((1, 2))}[kind](x)


def apply_layers(names: Sequence[str], x: np.ndarray, network: Network) -> Any:
    """Compute several layers, one after the other."""
    for name in names:
        x = apply_layer(name, x, network)
    return x
