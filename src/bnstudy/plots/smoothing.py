"""Smoothing of curves, for the eye: never of a figure that is reported."""

import numpy as np


def smoothed(values: np.ndarray, epochs: int) -> np.ndarray:
    """Return the centred running mean of a curve.

    s_t = (x_{t-h} + ... + x_{t+h}) / (2 h + 1),  2 h + 1 = epochs

    Near the ends, and near values that are not finite, h is as large as they allow. The first and
    the last value therefore stay as measured, and a straight line stays where it is; the moving
    average of a training monitor, which knows no future, would lag behind.

    Args:
        values: one per epoch.
        epochs: over how many, an odd number; 1 changes nothing.

    """
    half = epochs // 2
    padded = np.pad(values.astype(np.float64), half, constant_values=np.nan)
    result = np.full(len(values), np.nan)
    for index in range(len(values)):
        centre = index + half
        for h in range(half, -1, -1):
            window = padded[centre - h : centre + h + 1]
            if np.isfinite(window).all():
                result[index] = window.mean()
                break
    return result
