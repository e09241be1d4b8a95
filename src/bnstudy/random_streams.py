"""Random numbers as functions of a seed, a purpose and an index, not of earlier draws."""

import numpy as np

SHUFFLE, WEIGHTS, CORRUPTION, NOISE = 0, 1, 2, 3  # the purposes


def random_stream(seed: int, purpose: int, index: int) -> np.random.Philox:
    """Return a counter-based generator (Philox) for one purpose.

    Args:
        seed: of the run.
        purpose: one of the above, so that two purposes never share numbers.
        index: the epoch, or the number of a layer.

    Returns:
        A generator at the start of its stream. Use `random_raw`, which NumPy promises never to
        change, not the methods of `Generator`, which may change.

    """
    return np.random.Philox(key=[seed, purpose], counter=[0, 0, 0, index])


def stateless_seed(seed: int, purpose: int, index: int) -> int:
    """Return the first of the two seeds of TensorFlow's stateless generators; the step is second.

    Augmentation draws with (seed, step), which no other purpose ever gives.

    Args:
        seed: of the run, below 2**31.
        purpose: one of the above, not 0.
        index: of what draws, below 2**20.

    """
    return seed + (purpose << 32) + (index << 40)
