"""Batch normalization: fill in `backward`, then run: bnstudy check THIS_FILE.

The derivation, with the numbers of the equations, is in docs/backprop.md of bnstudy.
"""

import numpy as np

TEMPLATE = "batch_norm"  # hints, no solutions; without this line, mistakes are named


def inputs(rng):
    """Return x [N, D], gamma [D], beta [D]."""
    return rng.normal(size=(6, 4)), rng.uniform(0.5, 1.5, size=4), rng.normal(size=4)


def forward(x, gamma, beta, epsilon=1e-5):
    """Normalize each column of x by its mean and variance over the batch."""
    mean = np.mean(x, axis=0)  # (10)
    variance = np.mean((x - mean) ** 2, axis=0)  # (11)
    r = 1 / np.sqrt(variance + epsilon)  # (12)
    x_hat = (x - mean) * r  # (12)
    y = gamma * x_hat + beta  # (13)
    return y, (x_hat, r, gamma)


def backward(dy, cache):
    """Return the derivatives of the cost with respect to x, gamma and beta; dy is that to y."""
    x_hat, r, gamma = cache
    dbeta = None  # (14)
    dgamma = None  # (15)
    dx = None  # (17)
    return dx, dgamma, dbeta
