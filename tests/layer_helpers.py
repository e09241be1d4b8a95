"""Layers in NumPy and TensorFlow, right ones, for the check of somebody's own layer."""

import numpy as np

import bnstudy


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def answers(forward, backward, inputs, seeds=(0, 1)):
    """Return what the check says of a wrong backward, which must fail with every seed."""
    results = [bnstudy.check_layer(forward, backward, inputs, seed=seed) for seed in seeds]
    assert [result.exit_code for result in results] == [1] * len(seeds), results
    return [str(result) for result in results]


def norm_inputs(shape=(6, 4), parameters=(4,)):
    return random(*shape), random(*parameters, seed=1) + 2.0, random(*parameters, seed=2)


def norm(axes, parameter_axes):
    """Return a pair that normalizes over axes, and sums parameters over parameter_axes."""

    def forward(x, gamma, beta, epsilon=1e-5):
        mean = x.mean(axes, keepdims=True)
        r = 1 / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + epsilon)
        x_hat = (x - mean) * r
        return gamma * x_hat + beta, (x_hat, r, gamma)

    def backward(dy, cache):
        x_hat, r, gamma = cache
        d = gamma * dy
        mean, along = d.mean(axes, keepdims=True), (d * x_hat).mean(axes, keepdims=True)
        dx = r * (d - mean - x_hat * along)
        return dx, (dy * x_hat).sum(parameter_axes), dy.sum(parameter_axes)

    return forward, backward


batch_norm_forward, batch_norm_backward = norm(0, 0)


def dense_forward(x, w, b):
    return x @ w + b, (x, w)


def dense_backward(dy, cache):
    x, w = cache
    return dy @ w.T, x.T @ dy, dy.sum(0)


def dense_inputs():
    return random(5, 4), random(4, 3), random(3)


def conv_forward(x, w):
    rows, columns = x.shape[1] - w.shape[0] + 1, x.shape[2] - w.shape[1] + 1
    y = np.zeros((len(x), rows, columns, w.shape[3]))  # real: drops imaginary parts
    for i in range(rows):
        for j in range(columns):
            y[:, i, j] = np.tensordot(x[:, i : i + w.shape[0], j : j + w.shape[1]], w, 3)
    return y, (x, w)


def conv_backward(dy, cache):
    x, w = cache
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            window = np.s_[:, i : i + w.shape[0], j : j + w.shape[1]]
            dx[window] += np.tensordot(dy[:, i, j], w, (1, 3))
            dw += np.tensordot(x[window], dy[:, i, j], (0, 0))
    return dx, dw


def conv_inputs():
    return random(2, 5, 4, 3), random(3, 2, 3, 2)


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dy, x):
    return dy * (x > 0)


def elu_forward(x):
    return np.where(x > 0, x, np.expm1(np.where(x > 0, 0, x)))


def elu_backward(dy, x):
    return dy * np.where(x > 0, 1, np.exp(np.where(x > 0, 0, x)))


def pool_forward(x):
    """Take the largest of each pair along the last axis."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    return pairs.max(-1), pairs


def pool_backward(dy, pairs):
    first = pairs[..., 0] >= pairs[..., 1]
    return np.stack([dy * first, dy * ~first], -1).reshape(*dy.shape[:-1], -1)


def cost_forward(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return -np.log(p[np.arange(len(p)), labels]).mean(), (p, labels)


def cost_backward(dcost, cache):
    p, labels = cache
    return dcost * (p - np.eye(p.shape[1])[labels]) / len(p)


def cost_inputs():
    return random(6, 4), np.array([0, 3, 1, 1, 2, 0])
